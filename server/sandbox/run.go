package sandbox

import (
	"context"
	"time"

	"anxin/engine/order"
)

const (
	// maxRunning bounds the callbacks in flight, so that an intake that hangs costs a
	// few goroutines and no more.
	maxRunning = 16
	// storePause is how long Run waits after the store failed before it tries again.
	storePause = time.Second
	// idleCheck is when Run looks again though nothing is known to be due.
	idleCheck = time.Minute
)

// Run sends what the channel owes at its time, until ctx ends. It returns nil once
// every delivery that it began has ended, and ends the answers that hang on purpose.
func (s *Sandbox) Run(ctx context.Context) error {
	defer s.EndHanging()
	running := map[int64]bool{}
	done := make(chan finished)
	defer func() {
		for len(running) > 0 {
			delete(running, (<-done).id)
		}
	}()
	for {
		wait := s.startDue(ctx, running, done)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-s.wake:
		case <-timer.C:
		case f := <-done:
			if f.err != nil {
				s.pause(ctx)
			}
			delete(running, f.id)
		}
		timer.Stop()
	}
}

// finished is a job that was run; with err it is still owed.
type finished struct {
	id  int64
	err error
}

// pause waits out a failure of the store, so that what is still owed is not tried in a
// tight loop.
func (s *Sandbox) pause(ctx context.Context) {
	timer := time.NewTimer(storePause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// startDue begins due jobs, each in a goroutine that ends by writing to done, and
// returns when to look again.
func (s *Sandbox) startDue(ctx context.Context, running map[int64]bool, done chan<- finished) time.Duration {
	now := s.now()
	jobs, next, err := s.store.due(ctx, now, 2*maxRunning) // those running are still listed
	if err != nil {
		if ctx.Err() == nil {
			s.log.WithError(err).Warn("sandbox cannot read what it owes")
		}
		return storePause
	}
	for _, j := range jobs {
		if running[j.ID] || len(running) >= maxRunning {
			continue
		}
		running[j.ID] = true
		go func() { done <- finished{j.ID, s.perform(ctx, j)} }()
	}
	if next == 0 {
		return idleCheck
	}
	return min(max(next.Sub(now), 0), idleCheck)
}

// perform does what a job asks for. An error means that it is still owed.
func (s *Sandbox) perform(ctx context.Context, j job) error {
	var err error
	switch j.Kind {
	case jobCallback:
		err = s.deliver(ctx, j)
	case jobRefund:
		err = s.store.settle(ctx, j, at(s.now(), (*payment).acceptRefund))
	case jobCredit:
		err = s.store.settle(ctx, j, at(s.now(), (*payment).creditRefund))
	case jobPay:
		err = s.store.settle(ctx, j, at(s.now(), (*payment).winAgainstClose))
	}
	if err != nil && ctx.Err() == nil {
		s.log.WithError(err).WithField("order_no", j.OrderNo).WithField("kind", j.Kind).Warn("sandbox could not do what it owes")
	}
	return err
}

func at(now order.Time, change func(*payment, order.Time) ([]job, error)) func(*payment) ([]job, error) {
	return func(p *payment) ([]job, error) { return change(p, now) }
}
