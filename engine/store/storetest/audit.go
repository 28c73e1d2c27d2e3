package storetest

import (
	"testing"

	"anxin/engine"
)

func testAudits(t *testing.T, s engine.Store) {
	t.Helper()
	for i, action := range []string{"one", "two", "three"} {
		commit(t, s, engine.Commit{Audit: &engine.Audit{At: start + 1000, Actor: "wang", Action: action, Target: "A1", Reason: "because"}})
		list, err := s.Audits(t.Context(), 0, 10)
		if err != nil || len(list) != i+1 || list[0].Action != action {
			t.Fatalf("after %s: %+v, %v", action, list, err)
		}
	}
	all, err := s.Audits(t.Context(), 0, 2)
	if err != nil || len(all) != 2 {
		t.Fatalf("page: %+v, %v", all, err)
	}
	rest, err := s.Audits(t.Context(), all[1].ID, 2)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "the rest", rest, []engine.Audit{{ID: all[1].ID - 1, At: start + 1000, Actor: "wang", Action: "one", Target: "A1", Reason: "because"}})
}
