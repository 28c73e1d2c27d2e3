package storetest

import (
	"errors"
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/order"
)

// aCase is an open case that was opened so long after start.
func aCase(id string, kind order.CaseKind, opened time.Duration) engine.Case {
	at := start.Add(opened)
	return engine.Case{
		ID: id, OrderNo: "A1", Kind: kind, Channel: "sandbox", Backend: "shop", OpenedAt: at, AnswerBy: at.Add(order.AnswerWithin),
	}
}

func cases(t *testing.T, s engine.Store, f engine.CaseFilter) (ids []string, next string) {
	t.Helper()
	list, next, err := s.Cases(t.Context(), f)
	if err != nil {
		t.Fatalf("list cases: %v", err)
	}
	for _, k := range list {
		ids = append(ids, k.ID)
	}
	return ids, next
}

func testCaseRoundTrip(t *testing.T, s engine.Store) {
	t.Helper()
	_, err := s.Case(t.Context(), "A1.1")
	isNotFound(t, "case", err)
	k := aCase("A1.1", order.CaseConflict, 0)
	commit(t, s, engine.Commit{Cases: []engine.Case{k}})
	got, err := s.Case(t.Context(), k.ID)
	equal(t, "error", err, nil)
	equal(t, "open case", got, k)

	k.ClosedAt, k.ClosedBy, k.Resolution, k.Note = start.Add(time.Hour), "wang", order.ResolveDismiss, "两次扣款已核对 <&>"
	commit(t, s, engine.Commit{Cases: []engine.Case{k}})
	got, err = s.Case(t.Context(), k.ID)
	equal(t, "error", err, nil)
	equal(t, "closed case", got, k)
}

func testCasesListed(t *testing.T, s engine.Store) {
	t.Helper()
	other := aCase("B1.1", order.CaseConflict, time.Second)
	other.OrderNo, other.Channel, other.Backend = "B1", "elsewhere", "market"
	closed := aCase("A1.2", order.CaseQueryExhausted, 2*time.Second)
	closed.ClosedAt = start.Add(time.Minute)
	same := aCase("A1.3", order.CaseConflict, 2*time.Second)
	commit(t, s, engine.Commit{Cases: []engine.Case{aCase("A1.1", order.CaseConflict, 0), other, closed, same}})
	for name, c := range map[string]struct {
		filter engine.CaseFilter
		want   []string
	}{
		"all":        {engine.CaseFilter{}, []string{"A1.2", "A1.3", "B1.1", "A1.1"}},
		"kind":       {engine.CaseFilter{Kind: order.CaseConflict}, []string{"A1.3", "B1.1", "A1.1"}},
		"channel":    {engine.CaseFilter{Channel: "elsewhere"}, []string{"B1.1"}},
		"backend":    {engine.CaseFilter{Backend: "market"}, []string{"B1.1"}},
		"order":      {engine.CaseFilter{OrderNo: "B1"}, []string{"B1.1"}},
		"open":       {engine.CaseFilter{State: engine.CaseOpen}, []string{"A1.3", "B1.1", "A1.1"}},
		"closed":     {engine.CaseFilter{State: engine.CaseClosed}, []string{"A1.2"}},
		"nothing":    {engine.CaseFilter{Channel: "sandbox", Backend: "market"}, nil},
		"kind, open": {engine.CaseFilter{Kind: order.CaseQueryExhausted, State: engine.CaseOpen}, nil},
	} {
		got, next := cases(t, s, c.filter)
		equal(t, name, got, c.want)
		equal(t, name+": next page", next, "")
	}
}

func testCasesPaged(t *testing.T, s engine.Store) {
	t.Helper()
	var want []string
	for i := range 25 {
		k := aCase(numbered(i)+".1", order.CaseConflict, time.Duration(-i/3)*time.Second)
		commit(t, s, engine.Commit{Cases: []engine.Case{k}})
		want = append(want, k.ID)
	}
	f := engine.CaseFilter{Kind: order.CaseConflict, Limit: 4}
	var got []string
	for {
		page, next := cases(t, s, f)
		got = append(got, page...)
		if f.Cursor = next; next == "" {
			break
		}
		foreign := f
		foreign.State = engine.CaseOpen
		if _, _, err := s.Cases(t.Context(), foreign); !errors.Is(err, engine.ErrBadCursor) {
			t.Fatalf("cursor of another list: %v", err)
		}
	}
	equal(t, "pages", got, want)
}
