package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"anxin/engine/order"
)

// Pause holds back the queries of a channel or the deliveries to a backend until a time.
// What comes due meanwhile is put off to its end, and whoever waits for it is told.
type Pause struct {
	Kind   TaskKind // TaskQuery, TaskDeliver or TaskNotify
	Target string   // name of the channel, backend or provider
	Until  order.Time
	Since  order.Time
	Actor  string
	Reason string
}

// Recall brings tasks forward that are due in a stretch of time and are not leased.
type Recall struct {
	Kind   TaskKind
	Target string
	From   order.Time // due at or after
	Before order.Time // due before
	DueAt  order.Time // their new time
}

// Limits of a pause.
const (
	// MaxPause is as long as a maintenance may take; a channel that is gone for longer is
	// taken out of the configuration.
	MaxPause    = 7 * 24 * time.Hour
	maxReason   = 500 // characters
	pausesEvery = 5 * time.Second
	// queueBound is how far behind the end of a pause the last of what it put off is
	// looked for when this node does not know: it was started anew since.
	queueBound = 10 * time.Minute
)

// PauseFor begins a pause, or changes the one that its target has. A shorter one than
// before brings forward what had been put off. It fails with a *order.FieldError.
func (e *Engine) PauseFor(ctx context.Context, p Pause) (Pause, error) {
	p.Since = now()
	pacer, ok := e.gates[target{p.Kind, p.Target}]
	if err := p.validate(ok); err != nil {
		return Pause{}, err
	}
	audit := &Audit{At: p.Since, Actor: p.Actor, Action: "pauses.set", Target: p.name(), Reason: p.Reason}
	return p, e.writePause(ctx, pacer, p, audit)
}

// Resume ends a pause. What it had put off comes due at once and goes on within the
// budget. It fails with ErrNotPaused.
func (e *Engine) Resume(ctx context.Context, kind TaskKind, name, actor string) error {
	pacer, ok := e.gates[target{kind, name}]
	if !ok {
		return ErrNotPaused
	}
	active, err := e.Pauses(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(active, func(p Pause) bool { return p.Kind == kind && p.Target == name })
	if i < 0 {
		return ErrNotPaused
	}
	p := active[i]
	p.Until = now()
	return e.writePause(ctx, pacer, p, &Audit{At: p.Until, Actor: actor, Action: "pauses.end", Target: p.name()})
}

// Pauses returns the pauses that are not over, by kind and target.
func (e *Engine) Pauses(ctx context.Context) ([]Pause, error) {
	all, err := e.deps.Store.Pauses(ctx)
	if err != nil {
		return nil, fmt.Errorf("load pauses: %w", err)
	}
	at := now()
	return slices.DeleteFunc(all, func(p Pause) bool { return p.Until <= at }), nil
}

// writePause lifts a longer pause before the tasks are recalled, so that they are not put
// off anew, and puts it back when nothing was written.
func (e *Engine) writePause(ctx context.Context, pacer *pacer, p Pause, audit *Audit) error {
	c := Commit{Pause: &p, Audit: audit}
	before, last := pacer.pausedUntil()
	if p.Until < before {
		c.Recall = &Recall{Kind: p.Kind, Target: p.Target, From: before, Before: max(last, before.Add(queueBound)), DueAt: p.Until}
		pacer.pause(p.Until)
	}
	if err := e.commit(ctx, c); err != nil {
		pacer.pause(before)
		return fmt.Errorf("store pause: %w", err)
	}
	pacer.pause(p.Until)
	return nil
}

func (p Pause) name() string { return string(p.Kind) + ":" + p.Target }

func (p Pause) validate(known bool) error {
	switch {
	case p.Kind != TaskQuery && p.Kind != TaskDeliver && p.Kind != TaskNotify:
		return &order.FieldError{Field: "kind", Reason: "must be query, deliver or notify"}
	case !known:
		return &order.FieldError{Field: "target", Reason: "must name a configured channel for query, a backend with a webhook for deliver, a channel or provider of messages for notify"}
	case p.Until <= p.Since || p.Until > p.Since.Add(MaxPause):
		return &order.FieldError{Field: "until", Reason: fmt.Sprintf("must be in the future and at most %v away", MaxPause)}
	}
	return validReason(p.Reason)
}

// validReason checks what a person says of an act.
func validReason(reason string) error {
	if strings.TrimSpace(reason) == "" || utf8.RuneCountInString(reason) > maxReason || !utf8.ValidString(reason) {
		return &order.FieldError{Field: "reason", Reason: fmt.Sprintf("must be 1 to %d characters", maxReason)}
	}
	return nil
}

// loadPauses takes over the pauses of the store, those of other nodes too.
func (e *Engine) loadPauses(ctx context.Context) error {
	active, err := e.Pauses(ctx)
	if err != nil {
		return err
	}
	until := make(map[target]order.Time, len(active))
	for _, p := range active {
		until[target{p.Kind, p.Target}] = p.Until
	}
	at := now()
	for t, p := range e.gates {
		if before, _ := p.pausedUntil(); cmp.Or(until[t], at) != before && (until[t] != 0 || before > at) {
			p.pause(until[t])
		}
	}
	return nil
}

// followPauses loads the pauses until ctx ends.
func (e *Engine) followPauses(ctx context.Context) {
	tick := time.NewTicker(pausesEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := e.loadPauses(ctx); err != nil && ctx.Err() == nil {
			e.deps.Log.WithError(err).Error("follow pauses")
		}
	}
}
