package storetest

import (
	"testing"
	"time"

	"anxin/engine"
)

func testPauses(t *testing.T, s engine.Store) {
	t.Helper()
	p := engine.Pause{Kind: engine.TaskQuery, Target: "b", Until: start.Add(time.Hour), Since: start, Actor: "wang", Reason: "maintenance"}
	other := p
	other.Target = "a"
	commit(t, s, engine.Commit{Pause: &p})
	commit(t, s, engine.Commit{Pause: &other})
	p.Until, p.Reason = start.Add(time.Minute), "shorter"
	commit(t, s, engine.Commit{Pause: &p})
	list, err := s.Pauses(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "pauses", list, []engine.Pause{other, p})
}

func testRecall(t *testing.T, s engine.Store) {
	t.Helper()
	elsewhere, leased := task("elsewhere", 10*time.Minute), task("leased", 10*time.Minute)
	elsewhere.Target = "another"
	leased.Token, leased.LeaseUntil = 5, start.Add(time.Hour)
	commit(t, s, put(task("before", 9*time.Minute), task("first", 10*time.Minute), task("last", 11*time.Minute-time.Millisecond),
		task("after", 11*time.Minute), elsewhere, leased))
	like := task("", 0)
	commit(t, s, engine.Commit{Recall: &engine.Recall{
		Kind: like.Kind, Target: like.Target, From: start.Add(10 * time.Minute), Before: start.Add(11 * time.Minute), DueAt: start.Add(time.Second),
	}})
	got := claim(t, s, time.Minute, 7, 10)
	equal(t, "recalled", len(got), 2)
	for _, task := range got {
		equal(t, "due", task.DueAt, start.Add(time.Second))
	}
	for _, task := range claim(t, s, 2*time.Hour, 8, 10) {
		if task.OrderNo == "leased" {
			equal(t, "due of what was leased", task.DueAt, leased.DueAt)
			return
		}
	}
	t.Error("what was leased is gone")
}
