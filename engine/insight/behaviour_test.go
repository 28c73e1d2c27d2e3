package insight_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	logtest "github.com/sirupsen/logrus/hooks/test"
	"go.uber.org/goleak"

	"anxin/engine"
	"anxin/engine/insight"
	"anxin/engine/order"
	"anxin/engine/store"
	"anxin/engine/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk is a Behaviour over a real store, in a bubble.
type desk struct {
	*insight.Behaviour
	t     *testing.T
	store *store.Store
}

func setup(t *testing.T) *desk {
	t.Helper()
	s, err := store.Open(context.Background(), storetest.Database(t), store.Options{Readers: 2})
	if err != nil {
		t.Fatal(err)
	}
	log, _ := logtest.NewNullLogger()
	b, err := insight.NewBehaviour(s, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = b.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &desk{b, t, s}
}

// register writes an order that was claimed: seq 1 awaits, the last confirms.
func (d *desk) register(orderNo string) order.Order {
	d.t.Helper()
	at := order.At(time.Now())
	c, err := order.Register(order.Registration{
		OrderNo: orderNo, Backend: "shop", Channel: "pay", Merchant: "m", Mode: order.Managed,
		Amount: order.Money{Minor: 1, Currency: "CNY"}, Subject: "tea", Payer: order.Payer{ID: "p"},
	}, at)
	if err != nil {
		d.t.Fatal(err)
	}
	c = c.Then(c.Order.Claim(at, order.Wait{Typical: time.Minute, Late: time.Hour, Basis: order.BasisDefault}))
	if err := d.store.Commit(d.t.Context(), engine.Commit{Order: &c.Order, Events: c.Events}); err != nil {
		d.t.Fatal(err)
	}
	return c.Order
}

func (d *desk) settle(wait time.Duration) {
	<-time.After(wait)
	synctest.Wait()
}

func (d *desk) acts(orderNo string) []insight.Event {
	d.t.Helper()
	list, err := d.store.Acts(d.t.Context(), orderNo)
	if err != nil {
		d.t.Fatal(err)
	}
	return list
}

func TestAnActIsKeptWithTheStateThatWasOnTheScreen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := setup(t)
		o := d.register("A1")
		at := order.At(time.Now())
		d.Acted(insight.Act{OrderNo: "A1", Name: insight.ActVisible, Seq: 1, Value: 12})
		d.Acted(insight.Act{OrderNo: "A1", Name: insight.ActSupportOpened})
		d.settle(time.Second)
		want := []insight.Event{
			{OrderNo: "A1", Name: "visible", Status: order.StatusAwaiting, Stage: order.Fresh, At: at, Value: 12},
			{OrderNo: "A1", Name: "support_opened", Status: o.Status(), Stage: o.Stage, At: at},
		}
		if got := d.acts("A1"); !slices.Equal(got, want) {
			t.Errorf("kept %+v, want %+v", got, want)
		}
	})
}

func TestWhatNoPageMayReportIsIgnored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := setup(t)
		d.register("A1")
		for _, act := range []insight.Act{
			{OrderNo: "A1", Name: "danced"},
			{OrderNo: "A1", Name: insight.ActCheckNow, Value: 1},
			{OrderNo: "A1", Name: insight.ActVisible},
			{OrderNo: "A1", Name: insight.ActVisible, Value: insight.MaxSeconds + 1},
			{OrderNo: "A1", Name: insight.ActLeft, Seq: -1},
			{OrderNo: "A1", Name: insight.ActLeft, Seq: 99}, // never was
			{OrderNo: "A2", Name: insight.ActLeft},          // no such order
		} {
			d.Acted(act)
		}
		d.Acted(insight.Act{OrderNo: "A1", Name: insight.ActReturned})
		d.settle(time.Second)
		if got := d.acts("A1"); len(got) != 1 || got[0].Name != insight.ActReturned {
			t.Errorf("kept %+v", got)
		}
	})
}

func TestActsOfAnOrderAreBoundedAndForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := setup(t)
		d.register("A1")
		d.register("A2")
		for range insight.MaxActs + 50 {
			d.Acted(insight.Act{OrderNo: "A1", Name: insight.ActCheckNow})
		}
		d.Acted(insight.Act{OrderNo: "A2", Name: insight.ActCheckNow})
		d.settle(time.Second)
		if got := len(d.acts("A1")); got != insight.MaxActs {
			t.Errorf("%d acts are kept", got)
		}
		if got := len(d.acts("A2")); got != 1 {
			t.Errorf("another order has %d", got)
		}
		d.settle(91 * 24 * time.Hour)
		if got := len(d.acts("A1")); got != 0 {
			t.Errorf("%d acts are left after a season", got)
		}
	})
}

func TestBehaviourNeedsItsPorts(t *testing.T) {
	t.Parallel()
	if _, err := insight.NewBehaviour(nil, nil); err == nil {
		t.Error("made of nothing")
	}
}

// FuzzAct holds that whatever a page claims is bounded.
func FuzzAct(f *testing.F) {
	f.Add("visible", int64(3), int64(9))
	f.Fuzz(func(t *testing.T, name string, seq, value int64) {
		a := insight.Act{OrderNo: "A1", Name: name, Seq: seq, Value: value}
		if a.Valid() && (!slices.Contains(insight.ActNames, name) || seq < 0 || value < 0 || value > insight.MaxSeconds) {
			t.Errorf("%+v is valid", a)
		}
	})
}
