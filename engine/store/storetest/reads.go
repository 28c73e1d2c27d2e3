package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/order"
)

func testEventsPaged(t *testing.T, s engine.Store) {
	t.Helper()
	c := eventful(t, "A1")
	commit(t, s, registration(c))
	commit(t, s, registration(register(t, "A2", start)))
	var paged []order.Event
	for {
		page := events(t, s, "A1", int64(len(paged)), 3)
		if len(page) > 3 {
			t.Fatalf("a page of %d, the limit is 3", len(page))
		}
		if len(page) == 0 {
			break
		}
		paged = append(paged, page...)
	}
	equal(t, "pages together", paged, c.Events)
}

func testSeqs(t *testing.T, s engine.Store) {
	t.Helper()
	const n = 300 // more than one statement asks for
	var ask []string
	want := make(map[string]int64)
	for i := range n {
		ask = append(ask, numbered(i))
		if i%3 != 0 {
			continue
		}
		o := created(t, s, numbered(i))
		if i%2 == 0 {
			commit(t, s, following(o, o.Claim(start, order.Wait{})))
		}
		want[o.OrderNo] = int64(1 + (i+1)%2)
	}
	for _, size := range []int{0, 1, 2, 17, n} {
		got, err := s.Seqs(t.Context(), ask[:size])
		if err != nil {
			t.Fatalf("seqs of %d: %v", size, err)
		}
		some := make(map[string]int64)
		for _, orderNo := range ask[:size] {
			if seq, ok := want[orderNo]; ok {
				some[orderNo] = seq
			}
		}
		equal(t, "seqs", got, some)
	}
}

// list reads all pages of a filter and checks that none is longer than its limit.
func list(t *testing.T, s engine.Store, f engine.Filter) []string {
	t.Helper()
	var names []string
	for {
		page, next, err := s.Orders(t.Context(), f)
		if err != nil {
			t.Fatalf("list orders: %v", err)
		}
		if len(page) > f.Limit {
			t.Fatalf("a page of %d, the limit is %d", len(page), f.Limit)
		}
		for _, o := range page {
			names = append(names, o.OrderNo)
		}
		if next == "" {
			return names
		}
		f.Cursor = next
	}
}

func testFilters(t *testing.T, s engine.Store) {
	t.Helper()
	limits := order.StageLimits{Delayed: time.Minute, Prolonged: time.Hour}
	put := func(orderNo, channel string, minute int, live func(order.Order) order.Change) {
		c := register(t, orderNo, start.Add(time.Duration(minute)*time.Minute))
		c.Order.Channel, c.Order.Backend = channel, "shop of "+channel
		commit(t, s, registration(c))
		if live != nil {
			commit(t, s, following(c.Order, live(c.Order)))
		}
	}
	put("waiting", "sandbox", 0, nil)
	put("paying", "sandbox", 1, func(o order.Order) order.Change { return o.Claim(start, order.Wait{}) })
	put("slow", "alipay", 2, func(o order.Order) order.Change {
		c := o.Claim(start, order.Wait{})
		return c.Then(c.Order.EnterStage(start.Add(2*time.Minute), limits))
	})
	put("closed", "alipay", 3, func(o order.Order) order.Change {
		return o.Apply(order.Evidence{Source: order.FromQuery, Claims: order.ClaimsClosed, Merchant: "m-1"}, start)
	})

	for name, c := range map[string]struct {
		filter engine.Filter
		want   []string
	}{
		"all":               {engine.Filter{}, []string{"closed", "slow", "paying", "waiting"}},
		"backend":           {engine.Filter{Backend: "shop of alipay"}, []string{"closed", "slow"}},
		"backend, status":   {engine.Filter{Backend: "shop of alipay", Status: order.StatusConfirming}, []string{"slow"}},
		"status":            {engine.Filter{Status: order.StatusConfirming}, []string{"slow", "paying"}},
		"never paid":        {engine.Filter{Status: order.StatusClosed, Stage: order.Resolved}, []string{"closed"}},
		"not claimed":       {engine.Filter{Status: order.StatusAwaiting, Stage: order.Fresh}, []string{"waiting"}},
		"channel":           {engine.Filter{Channel: "alipay"}, []string{"closed", "slow"}},
		"diagnosis":         {engine.Filter{Diagnosis: order.DiagnosisChannelSilent}, []string{"slow"}},
		"stage":             {engine.Filter{Stage: order.Resolved}, []string{"closed"}},
		"since":             {engine.Filter{Since: start.Add(2 * time.Minute)}, []string{"closed", "slow"}},
		"until":             {engine.Filter{Until: start.Add(2 * time.Minute)}, []string{"paying", "waiting"}},
		"several":           {engine.Filter{Status: order.StatusConfirming, Channel: "sandbox", Since: start.Add(1)}, []string{"paying"}},
		"nothing like that": {engine.Filter{Channel: "stripe"}, nil},
	} {
		for _, limit := range []int{1, 2, 100} {
			c.filter.Limit = limit
			equal(t, name, list(t, s, c.filter), c.want)
		}
	}
}

// testListedAsItIs turns orders by events that leave the status as it is as a rule, with a
// fence and without.
func testListedAsItIs(t *testing.T, s engine.Store) {
	t.Helper()
	turn := func(before order.Order, c order.Change, fence *engine.Fence) order.Order {
		for i := range c.Events {
			c.Events[i].Type = order.EventCallback
		}
		next := following(before, c)
		next.Fence = fence
		commit(t, s, next)
		return c.Order
	}
	listed := func(want string, status order.Status, names ...string) {
		equal(t, want, list(t, s, engine.Filter{Status: status, Limit: 10}), names)
	}
	free, fenced := created(t, s, "A1"), created(t, s, "A2")
	held := task("A2", 0)
	held.Token, held.LeaseUntil = 5, start.Add(time.Hour)
	commit(t, s, put(held))
	fence := &engine.Fence{TaskKey: held.TaskKey, Token: 5}
	listed("registered", order.StatusAwaiting, "A1", "A2")

	free, fenced = turn(free, free.Claim(start, order.Wait{}), nil), turn(fenced, fenced.Claim(start, order.Wait{}), fence)
	listed("no longer awaited", order.StatusAwaiting)
	listed("claimed", order.StatusConfirming, "A1", "A2")

	closed := order.Evidence{Source: order.FromQuery, Claims: order.ClaimsClosed, Merchant: "m-1"}
	turn(free, free.Apply(closed, start), nil)
	turn(fenced, fenced.Apply(closed, start), fence)
	listed("no longer claimed", order.StatusConfirming)
	listed("closed", order.StatusClosed, "A1", "A2")

	stale := following(fenced, fenced.Claim(start, order.Wait{}))
	stale.Fence = fence
	refuse(t, s, stale, engine.ErrConflict) // it still holds its task
}

// testPages lists orders that were registered in the same millisecond, while more come
// in at both ends.
func testPages(t *testing.T, s engine.Store) {
	t.Helper()
	var want []string
	for i := range 10 {
		at := start.Add(time.Duration(i/4) * time.Millisecond)
		commit(t, s, registration(register(t, numbered(i), at)))
	}
	for _, i := range []int{8, 9, 4, 5, 6, 7, 0, 1, 2, 3} {
		want = append(want, numbered(i))
	}
	f := engine.Filter{Limit: 3}
	var got []string
	for page := 0; ; page++ {
		orders, next, err := s.Orders(t.Context(), f)
		if err != nil {
			t.Fatalf("page %d: %v", page, err)
		}
		for _, o := range orders {
			got = append(got, o.OrderNo)
		}
		if next == "" {
			break
		}
		f.Cursor = next
		commit(t, s, registration(register(t, "newer"+numbered(page), start.Add(time.Hour))))
	}
	equal(t, "orders", got, want)
}

func testForeignCursor(t *testing.T, s engine.Store) {
	t.Helper()
	for i := range 4 {
		created(t, s, numbered(i))
	}
	_, cursor, err := s.Orders(t.Context(), engine.Filter{Channel: "sandbox", Limit: 2})
	if err != nil || cursor == "" {
		t.Fatalf("first page: cursor %q, %v", cursor, err)
	}
	for name, f := range map[string]engine.Filter{
		"made up":      {Cursor: "bm90aGluZw"},
		"no base64":    {Cursor: "***"},
		"cut":          {Channel: "sandbox", Cursor: cursor[:len(cursor)-1]},
		"prolonged":    {Channel: "sandbox", Cursor: cursor + "A"},
		"other filter": {Channel: "alipay", Cursor: cursor},
	} {
		if _, _, err := s.Orders(t.Context(), f); !errors.Is(err, engine.ErrBadCursor) {
			t.Errorf("%s: got %v, want %v", name, err, engine.ErrBadCursor)
		}
	}
	page, _, err := s.Orders(t.Context(), engine.Filter{Channel: "sandbox", Limit: 1, Cursor: cursor})
	if err != nil || !slices.ContainsFunc(page, func(o order.Order) bool { return o.OrderNo == numbered(2) }) {
		t.Fatalf("next page with another limit: %v, %v", page, err)
	}
}
