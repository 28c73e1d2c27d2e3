package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"anxin/engine/batch"
	"anxin/engine/channel"
	"anxin/engine/order"
)

// storeWorkers bounds the concurrent runs of the kinds that wait for nothing but the
// store: enough to fill the group of one transaction.
const storeWorkers = 64

// Config is what an Engine is told once. Zero fields take the defaults.
type Config struct {
	Stages       order.StageLimits
	CheckGap     time.Duration // between two check-nows of one order
	QueryWorkers int           // concurrent queries per channel
	SendWorkers  int           // concurrent deliveries per backend
	LateSuccess  LatePolicies
	Channels     map[string]ChannelSettings
	// WeighAtOnce is how many callbacks are weighed before they are acknowledged, at a time
	// and within 50 ms; further ones are stored, acknowledged and weighed behind. Negative:
	// all of them are.
	WeighAtOnce int
	// WeighWithin is how long that may take: then it is stored and acknowledged while it is
	// still being weighed.
	WeighWithin time.Duration
	// DuplicateWindow is how far apart two paid orders for the same purchase are registered
	// at most to be called a duplicate payment.
	DuplicateWindow time.Duration
}

// LatePolicies say what becomes of successes that come late, by channel. They hold for
// the orders that are registered from then on.
type LatePolicies struct {
	Default  order.LatePolicy
	Channels map[string]order.LatePolicy
}

func (p LatePolicies) of(channel string) order.LatePolicy {
	if policy, ok := p.Channels[channel]; ok {
		return policy
	}
	return p.Default
}

func (p LatePolicies) validate(channels map[string]channel.Channel) error {
	if err := p.Default.Validate(); err != nil {
		return err
	}
	for name, policy := range p.Channels {
		if _, ok := channels[name]; !ok {
			return fmt.Errorf("late_success names a channel that is not configured: %q", name)
		}
		if err := policy.Validate(); err != nil {
			return err
		}
	}
	return nil
}

// Deps are the engine's ports.
type Deps struct {
	Store    Store
	Channels map[string]channel.Channel
	Sender   Sender
	Backends map[string]bool // names of the backends that have a webhook
	Listener Listener
	Presence Presence     // nil: nobody is known to be there
	Messages *MessageDeps // nil = payers are told on the page only
	Log      logrus.FieldLogger
}

// Engine runs orders. Its methods are safe for concurrent use, before and during Run.
type Engine struct {
	cfg    Config
	deps   Deps
	runner *runner
	gates  gates
	counts counters

	rejects   *rejections
	sightings *batch.Writer[Sighting]
	messages  *messages // nil = none are sent
	alerts    *alerts   // nil = there is nobody to tell
	backlog   *backlog
	inherited EntryID // end of the journal when this node began
}

type counters struct {
	callbacks, duplicates, rejected, quarantined, queries, queryFailures, deliveries, deliveryFailures, deferrals atomic.Int64
	rejectedKept, rejectedDropped, inQuarantine, inJournal, storedFirst                                           atomic.Int64
}

// Counts are totals since the start, but for InQuarantine, the callbacks that wait for
// their orders, and InJournal, those that wait to be weighed, whichever node took them in,
// both counted once a minute; and for Unweighed and UnweighedFor, which tell how many wait
// at this node to be weighed, and how long the oldest of them has.
type Counts struct {
	Callbacks, Duplicates, Rejected, Quarantined, Queries, QueryFailures, Deliveries, DeliveryFailures, Deferrals int64
	RejectedKept, RejectedDropped, InQuarantine, InJournal                                                        int64
	StoredFirst                                                                                                   int64 // notifications that were acknowledged before they were weighed
	Unweighed                                                                                                     int64 // of them, how many still are not
	UnweighedFor                                                                                                  time.Duration
}

// New checks what it is given and starts nothing.
func New(cfg Config, deps Deps) (*Engine, error) {
	if deps.Store == nil || deps.Sender == nil || deps.Listener == nil || deps.Log == nil {
		return nil, errors.New("engine needs a store, a sender, a listener and a log")
	}
	if cfg.Stages == (order.StageLimits{}) {
		cfg.Stages = order.DefaultStageLimits
	}
	if cfg.Stages.Delayed <= 0 || cfg.Stages.Prolonged <= cfg.Stages.Delayed {
		return nil, fmt.Errorf("stage limits %v must be positive and rising", cfg.Stages)
	}
	if err := cfg.LateSuccess.validate(deps.Channels); err != nil {
		return nil, err
	}
	cfg.CheckGap = orDefault(cfg.CheckGap, 5*time.Second)
	cfg.DuplicateWindow = orDefault(cfg.DuplicateWindow, defaultDuplicateWindow)
	if cfg.WeighAtOnce == 0 {
		cfg.WeighAtOnce = weighAtOnce
	}
	cfg.WeighWithin = orDefault(cfg.WeighWithin, weighWithin)
	cfg.QueryWorkers = orDefault(cfg.QueryWorkers, 16)
	cfg.SendWorkers = orDefault(cfg.SendWorkers, 16)
	told, err := newMessages(deps.Messages)
	if err != nil {
		return nil, err
	}
	inherited, err := deps.Store.JournalEnd(context.Background())
	if err != nil {
		return nil, fmt.Errorf("look for the end of the journal: %w", err)
	}
	e := &Engine{cfg: cfg, deps: deps, gates: newGates(cfg, deps), rejects: newRejections(deps.Channels), messages: told, backlog: newBacklog(cfg.WeighAtOnce), inherited: inherited}
	e.gates.watch(told)
	e.alerts = newAlerts(told)
	e.runner = newRunner(deps.Store,
		map[TaskKind]handler{TaskQuery: e.runQuery, TaskDeliver: e.runDeliver, TaskProcess: e.runProcess, TaskSettle: e.runSettle, TaskNotify: e.runNotify},
		map[TaskKind]int{TaskQuery: cfg.QueryWorkers, TaskDeliver: cfg.SendWorkers, TaskProcess: storeWorkers, TaskSettle: 1, TaskNotify: notifyWorkers},
		deps.Log)
	e.sightings = batch.New("sightings", maxSightings, deps.Store.WriteSightings, deps.Log)
	e.runner.gate, e.runner.putOff = e.gates, e.runDefers
	e.runner.batches = map[TaskKind]batchHandler{TaskStage: e.runStages}
	return e, nil
}

func orDefault[T int | time.Duration](v, def T) T {
	if v > 0 {
		return v
	}
	return def
}

// Run fires tasks and keeps house until ctx ends, and returns when everything that it
// started has ended. It runs once. It fails when it cannot learn what operators hold back:
// it would run that. It fails too when a template that people wrote cannot be used.
func (e *Engine) Run(ctx context.Context) error {
	for _, load := range []func(context.Context) error{e.loadPauses, e.loadTemplates} {
		if err := load(ctx); err != nil && ctx.Err() == nil {
			return err
		}
	}
	var work sync.WaitGroup
	for _, part := range []func(context.Context){e.runner.run, e.followPauses, e.followTemplates, e.sweepLedger, e.keepRejections, e.sweepIntake, e.keepOutbox, e.sightings.Run, e.sweepSightings, e.weighBacklog, e.sendCodes, e.sendAlerts, e.keepMessages, e.readEarlyReports} {
		work.Go(func() { part(ctx) })
	}
	work.Wait()
	return nil
}

// Counts returns the totals since the start.
func (e *Engine) Counts() Counts {
	unweighed, since := e.backlog.state(time.Now())
	return Counts{
		StoredFirst: e.counts.storedFirst.Load(), Unweighed: int64(unweighed), UnweighedFor: since,
		RejectedKept: e.counts.rejectedKept.Load(), RejectedDropped: e.counts.rejectedDropped.Load(), InQuarantine: e.counts.inQuarantine.Load(),
		InJournal: e.counts.inJournal.Load(),
		Callbacks: e.counts.callbacks.Load(), Duplicates: e.counts.duplicates.Load(), Rejected: e.counts.rejected.Load(),
		Quarantined: e.counts.quarantined.Load(), Queries: e.counts.queries.Load(), QueryFailures: e.counts.queryFailures.Load(),
		Deliveries: e.counts.deliveries.Load(), DeliveryFailures: e.counts.deliveryFailures.Load(),
		Deferrals: e.counts.deferrals.Load(),
	}
}

// Order returns an order, or ErrNotFound.
func (e *Engine) Order(ctx context.Context, orderNo string) (order.Order, error) {
	return e.deps.Store.Order(ctx, orderNo)
}

// Views lends those of the orders that exist, without their payers' contact; see
// [OrderReader].
func (e *Engine) Views(ctx context.Context, orderNos []string, each func(*order.Order) error) error {
	return e.deps.Store.Views(ctx, orderNos, each)
}

// Orders lists orders by a filter, with the cursor of the next page.
func (e *Engine) Orders(ctx context.Context, f Filter) ([]order.Order, string, error) {
	return e.deps.Store.Orders(ctx, f)
}

// Timeline returns an order's events after a seq, oldest first, at most limit.
func (e *Engine) Timeline(ctx context.Context, orderNo string, after int64, limit int) ([]order.Event, error) {
	return e.deps.Store.Events(ctx, orderNo, after, limit)
}

// Seqs returns the newest seq of each of the orders that exist.
func (e *Engine) Seqs(ctx context.Context, orderNos []string) (map[string]int64, error) {
	return e.deps.Store.Seqs(ctx, orderNos)
}

// Audits returns what people did, newest first, below an id (0 = from the newest).
func (e *Engine) Audits(ctx context.Context, before int64, limit int) ([]Audit, error) {
	return e.deps.Store.Audits(ctx, before, limit)
}

// HasChannel reports whether a channel is configured under the name.
func (e *Engine) HasChannel(name string) bool {
	_, ok := e.deps.Channels[name]
	return ok
}

var errPanicked = errors.New("adapter panicked")

// contained makes a panic an error: one in an adapter, which follows the schedule then
// like any other, or one over a callback, which its channel sends again. The runner's own
// guard would run a task again with every lease, for ever, on an answer that the adapter
// cannot bear.
func (e *Engine) contained(call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			e.deps.Log.WithField("stack", string(debug.Stack())).Error("panicked")
			err = errPanicked
		}
	}()
	return call()
}

func now() order.Time { return order.At(time.Now()) }
