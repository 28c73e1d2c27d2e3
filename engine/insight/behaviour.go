package insight

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"anxin/engine"
	"anxin/engine/batch"
	"anxin/engine/order"
)

// The acts that a page may report.
const (
	ActVisible       = "visible"        // a state was on the screen; its value is for how many seconds
	ActCheckNow      = "check_now"      // "check now" was pressed
	ActSupportOpened = "support_opened" // the way to a person was taken
	ActRepayTapped   = "repay_tapped"   // the way to pay again was taken
	ActLeft          = "left"           // the page was hidden or left
	ActReturned      = "returned"       // it was shown again
)

// ActNames are all acts, in order of name.
var ActNames = []string{ActCheckNow, ActLeft, ActRepayTapped, ActReturned, ActSupportOpened, ActVisible}

// MaxSeconds bounds what one visible act may claim: a day.
const MaxSeconds = 24 * 60 * 60

const (
	// MaxActs bounds the stored events of one order: a payer who looks at a page for an
	// hour leaves some twenty.
	MaxActs = 200
	// maxPending bounds the acts that wait for the store.
	maxPending = 10_000
	// actLife is how long events are kept: a season's pattern, and no longer.
	actLife = 90 * 24 * time.Hour
	// sweepEvery and sweepLimit bound one deletion, and how long other writers wait.
	sweepEvery = time.Hour
	sweepLimit = 1000
)

// Act is what a page reports.
type Act struct {
	OrderNo string
	Name    string
	Seq     int64 // of the state on the screen; 0 = the newest
	Value   int64
}

// Event is an act as it is kept.
type Event struct {
	OrderNo string
	Name    string
	Status  order.Status // on the screen
	Stage   order.Stage
	At      order.Time
	Value   int64
}

// Store keeps behaviour, and tells in which state an order was.
type Store interface {
	// Order returns an order, or engine.ErrNotFound.
	Order(ctx context.Context, orderNo string) (order.Order, error)
	// Events returns an order's events with seq > after, oldest first.
	Events(ctx context.Context, orderNo string, after int64, limit int) ([]order.Event, error)
	// WriteActs adds events, at most perOrder of each order in all.
	WriteActs(ctx context.Context, events []Event, perOrder int) error
	// Acts returns the events of an order, oldest first.
	Acts(ctx context.Context, orderNo string) ([]Event, error)
	// SweepActs deletes at most limit events from before a time, and returns how many.
	SweepActs(ctx context.Context, before order.Time, limit int) (int64, error)
}

// Behaviour takes acts and stores them. Make it with NewBehaviour.
type Behaviour struct {
	store Store
	log   logrus.FieldLogger
	acts  *batch.Writer[reported]
}

type reported struct {
	Act
	at order.Time
}

// NewBehaviour starts nothing.
func NewBehaviour(store Store, log logrus.FieldLogger) (*Behaviour, error) {
	if store == nil || log == nil {
		return nil, errors.New("behaviour needs a store and a log")
	}
	b := &Behaviour{store: store, log: log}
	b.acts = batch.New("acts", maxPending, b.write, log)
	return b, nil
}

// Valid says whether an act is one that a page may report.
func (a Act) Valid() bool {
	if !slices.Contains(ActNames, a.Name) || a.Seq < 0 {
		return false
	}
	if a.Name == ActVisible {
		return a.Value > 0 && a.Value <= MaxSeconds
	}
	return a.Value == 0
}

// Acted takes a report and returns at once. What is no valid act is ignored.
func (b *Behaviour) Acted(a Act) {
	if a.Valid() {
		b.acts.Add(reported{a, order.At(time.Now())})
	}
}

// Run writes and keeps house until ctx ends.
func (b *Behaviour) Run(ctx context.Context) error {
	var work sync.WaitGroup
	work.Go(func() { b.sweep(ctx) })
	work.Go(func() { b.acts.Run(ctx) })
	work.Wait()
	return nil
}

// write stores a batch with the state of the order that each act was done in.
func (b *Behaviour) write(ctx context.Context, acts []reported) error {
	type place struct {
		orderNo string
		seq     int64
	}
	shown := make(map[place]Event)
	events := make([]Event, 0, len(acts))
	for _, a := range acts {
		at := place{a.OrderNo, a.Seq}
		ev, ok := shown[at]
		if !ok {
			var err error
			if ev, err = b.shown(ctx, a.Act); err != nil {
				return err
			}
			shown[at] = ev
		}
		if ev.OrderNo == "" { // no such order or state
			continue
		}
		ev.Name, ev.At, ev.Value = a.Name, a.at, a.Value
		events = append(events, ev)
	}
	if len(events) == 0 {
		return nil
	}
	return b.store.WriteActs(ctx, events, MaxActs)
}

// shown is an event that names the state on the screen, or nothing if there was none.
func (b *Behaviour) shown(ctx context.Context, a Act) (Event, error) {
	if a.Seq == 0 {
		o, err := b.store.Order(ctx, a.OrderNo)
		switch {
		case errors.Is(err, engine.ErrNotFound):
			return Event{}, nil
		case err != nil:
			return Event{}, fmt.Errorf("read order: %w", err)
		}
		return Event{OrderNo: a.OrderNo, Status: o.Status(), Stage: o.Stage}, nil
	}
	list, err := b.store.Events(ctx, a.OrderNo, a.Seq-1, 1)
	if err != nil {
		return Event{}, fmt.Errorf("read event: %w", err)
	}
	if len(list) == 0 {
		return Event{}, nil
	}
	return Event{OrderNo: a.OrderNo, Status: list[0].Status, Stage: list[0].Stage}, nil
}

func (b *Behaviour) sweep(ctx context.Context) {
	batch.Sweep(ctx, sweepEvery, func() bool {
		n, err := b.store.SweepActs(ctx, order.At(time.Now().Add(-actLife)), sweepLimit)
		if err != nil && ctx.Err() == nil {
			b.log.WithError(err).Error("sweep acts")
		}
		return err == nil && n == sweepLimit
	})
}
