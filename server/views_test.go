package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"anxin/engine/order"
	"anxin/hub"
)

var errUnreadable = errors.New("unreadable")

// slowOrders answer when they are let go. Order "bad" cannot be read, "none" does not exist.
type slowOrders struct {
	begun chan []string // one for each read
	letGo chan struct{}
}

func (s *slowOrders) Views(_ context.Context, orderNos []string, each func(*order.Order) error) error {
	s.begun <- slices.Clone(orderNos)
	<-s.letGo
	for _, orderNo := range slices.Compact(slices.Sorted(slices.Values(orderNos))) {
		if orderNo == "bad" {
			return errUnreadable
		}
		if orderNo == "none" {
			continue
		}
		if err := each(&order.Order{OrderNo: orderNo, Seq: 7}); err != nil {
			return err
		}
	}
	return nil
}

// viewsUnderTest encodes an order as its number.
func viewsUnderTest() (*views, *slowOrders) {
	s := &slowOrders{begun: make(chan []string, 100), letGo: make(chan struct{})}
	return newViews(s, func(o *order.Order) (hub.Message, error) {
		return hub.Message{Topic: o.OrderNo, Seq: o.Seq, Data: []byte(o.OrderNo)}, nil
	}), s
}

// glance is what a snapshot came to.
type glance struct {
	m   hub.Message
	err error
}

func glimpse(ctx context.Context, v *views, orderNo string) <-chan glance {
	got := make(chan glance, 1)
	go func() {
		m, err := v.snapshot(ctx, orderNo)
		got <- glance{m, err}
	}()
	return got
}

func wantView(t *testing.T, got <-chan glance, orderNo string) {
	t.Helper()
	if g := <-got; g.err != nil || string(g.m.Data) != orderNo || g.m.Topic != orderNo || g.m.Seq != 7 {
		t.Errorf("%s: got %+v", orderNo, g)
	}
}

// occupy keeps all reads in progress with orders of their own, and returns their answers.
func occupy(t *testing.T, v *views, s *slowOrders) (held []<-chan glance) {
	t.Helper()
	for i := range viewReads {
		held = append(held, glimpse(t.Context(), v, fmt.Sprintf("held%d", i)))
		synctest.Wait()
		if read := <-s.begun; len(read) != 1 {
			t.Fatalf("a read that nobody was before is of %v", read)
		}
	}
	return held
}

func TestOrdersAskedForDuringAReadShareTheNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, s := viewsUnderTest()
		held := occupy(t, v, s)
		var later []<-chan glance
		for i := range 10 {
			later = append(later, glimpse(t.Context(), v, fmt.Sprintf("A%d", i)))
		}
		missing := glimpse(t.Context(), v, "none")
		synctest.Wait()
		s.letGo <- struct{}{}
		synctest.Wait()
		if read := <-s.begun; len(read) != 11 {
			t.Errorf("the next read is of %v", read)
		}
		// Whoever comes now may not be answered by a read that has begun.
		fresh := glimpse(t.Context(), v, "A1")
		synctest.Wait()
		close(s.letGo)
		for i, got := range later {
			wantView(t, got, fmt.Sprintf("A%d", i))
		}
		if g := <-missing; !errors.Is(g.err, hub.ErrNoTopic) {
			t.Errorf("missing: got %+v", g)
		}
		for i, got := range held {
			wantView(t, got, fmt.Sprintf("held%d", i))
		}
		wantView(t, fresh, "A1")
		if read := <-s.begun; len(read) != 1 || read[0] != "A1" {
			t.Errorf("who came during the read was answered by %v", read)
		}
	})
}

func TestOrderThatCannotBeReadHidesNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, s := viewsUnderTest()
		occupy(t, v, s)
		good, bad := glimpse(t.Context(), v, "A1"), glimpse(t.Context(), v, "bad")
		synctest.Wait()
		close(s.letGo)
		wantView(t, good, "A1")
		if g := <-bad; !errors.Is(g.err, errUnreadable) {
			t.Errorf("bad: got %+v", g)
		}
		synctest.Wait()
	})
}

func TestWhoGivesUpLeavesTheReadToTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, s := viewsUnderTest()
		occupy(t, v, s)
		ended, end := context.WithCancel(t.Context())
		first := glimpse(ended, v, "A1")
		synctest.Wait()
		second, third := glimpse(ended, v, "A2"), glimpse(t.Context(), v, "A3")
		synctest.Wait()
		end()
		if g := <-second; !errors.Is(g.err, context.Canceled) {
			t.Errorf("second: got %+v", g)
		}
		close(s.letGo)
		wantView(t, third, "A3")
		<-first
		synctest.Wait()
	})
}

func TestManyOrdersAreReadInSeveralBatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, s := viewsUnderTest()
		occupy(t, v, s)
		var all sync.WaitGroup
		for i := range viewBatch + 1 {
			all.Go(func() { wantView(t, glimpse(t.Context(), v, fmt.Sprintf("A%d", i)), fmt.Sprintf("A%d", i)) })
		}
		synctest.Wait()
		close(s.letGo)
		all.Wait()
		for range 2 {
			if read := <-s.begun; len(read) > viewBatch {
				t.Errorf("one read is of %d orders", len(read))
			}
		}
	})
}
