package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"anxin/engine/notify"
	"anxin/engine/order"
)

// goneRetry is how long after an answer 410 a webhook is sent again, and how long an
// endpoint must have been gone at the least before it is disabled: a deployment that
// answers 410 by mistake is noticed and mended within that time.
const goneRetry = time.Hour

const (
	codeGone     = "http_410"
	codeDisabled = "endpoint_disabled"
)

// ErrUnknownBackend says that no backend of the name has a webhook.
var ErrUnknownBackend = errors.New("backend has no webhook")

// afterRefusal returns what is to be noted of an endpoint that did not accept a webhook;
// nil when nothing changes. The first 410 is a warning. One that comes an hour later,
// with nothing else accepted meanwhile, disables the endpoint.
func afterRefusal(ep Endpoint, code string, now order.Time) *Endpoint {
	switch {
	case code != codeGone || ep.DisabledAt != 0:
		return nil
	case ep.GoneAt == 0:
		ep.GoneAt = now
	case now >= ep.GoneAt.Add(goneRetry):
		ep.DisabledAt = now
	default:
		return nil
	}
	return &ep
}

// park has a delivery wait for a person to enable its endpoint. No attempt is counted.
func (e *Engine) park(ctx context.Context, t Task) error {
	_, err := e.decide(ctx, t.OrderNo, func(o order.Order, now order.Time) (decision, error) {
		return decision{Change: o.Suspend(order.WorkDeliver, codeDisabled, now), with: Commit{
			Fence: &Fence{t.TaskKey, t.Token},
			Tasks: []TaskWrite{{Task: Task{TaskKey: t.TaskKey, DueAt: Parked, Tries: t.Tries}}},
		}}, nil
	})
	return err
}

// EnableEndpoint has the webhooks of a backend sent again, all that is owed at once and
// each order's in order. It may be repeated. It fails with ErrUnknownBackend.
func (e *Engine) EnableEndpoint(ctx context.Context, backend, actor, reason string) (EndpointState, error) {
	if !e.deps.Backends[backend] {
		return EndpointState{}, ErrUnknownBackend
	}
	err := e.commit(ctx, Commit{
		Endpoint: &Endpoint{Backend: backend},
		Audit:    &Audit{At: now(), Actor: actor, Action: "endpoints.enable", Target: backend, Reason: reason},
	})
	if err != nil {
		return EndpointState{}, fmt.Errorf("enable endpoint: %w", err)
	}
	if err := e.wake(ctx, backend); err != nil {
		return EndpointState{}, fmt.Errorf("wake deliveries: %w", err)
	}
	return e.stateOf(Endpoint{Backend: backend}), nil
}

// wakeChunk bounds one commit; wakeGap spreads what it wakes, so that a backend that is
// back is not met by everything within one millisecond.
const (
	wakeChunk = 200
	wakeGap   = 5 * time.Millisecond
)

// wake makes the parked deliveries of a backend due.
func (e *Engine) wake(ctx context.Context, backend string) error {
	for at := now(); ; {
		parked, err := e.deps.Store.ParkedTasks(ctx, TaskDeliver, backend, wakeChunk)
		if err != nil {
			return err
		}
		var c Commit
		for _, t := range parked {
			c.Tasks = append(c.Tasks, TaskWrite{Task: Task{TaskKey: t.TaskKey, DueAt: at, Tries: t.Tries}})
			at = at.Add(wakeGap)
		}
		if err := e.commit(ctx, c); err != nil {
			return err
		}
		if len(parked) < wakeChunk {
			return nil
		}
	}
}

// EndpointState is what is known of where one backend's webhooks go. The pace is what
// this node knows, the rest is the same on all.
type EndpointState struct {
	Endpoint
	PaceState
}

func (e *Engine) stateOf(ep Endpoint) EndpointState {
	s := EndpointState{Endpoint: ep}
	if p, ok := e.gates[target{TaskDeliver, ep.Backend}]; ok {
		s.PaceState = p.stateAt(now())
	}
	return s
}

// Endpoints lists where webhooks go, by name of the backend, at most limit after a name.
func (e *Engine) Endpoints(ctx context.Context, after string, limit int) ([]EndpointState, error) {
	noted, err := e.deps.Store.Endpoints(ctx)
	if err != nil {
		return nil, err
	}
	var list []EndpointState
	for _, backend := range slices.SortedFunc(maps.Keys(e.deps.Backends), strings.Compare) {
		if backend <= after || len(list) == limit {
			continue
		}
		ep := noted[backend]
		ep.Backend = backend
		list = append(list, e.stateOf(ep))
	}
	return list, nil
}

// heardBackend tells the breaker of an endpoint what a try came to. Only one that cannot
// be reached, or fails, is sick: one that refuses a webhook has answered. What failed on
// our side tells nothing of it.
func (e *Engine) heardBackend(key TaskKey, code string) {
	p, ok := e.gates.of(key)
	switch {
	case !ok:
	case code == "timeout" || code == "connection" || code == "tls" || strings.HasPrefix(code, "http_5"):
		if p.failed(key, now()) {
			e.alerts.note(notify.AlertBreakerOpened, aboutBackend(key), 1)
			e.deps.Log.WithField("backend", key.Target).Warn("backend fails: its webhooks wait for a probe")
		}
	case strings.HasPrefix(code, "http_"):
		if p.succeeded(key) {
			e.alerts.note(notify.AlertBreakerClosed, aboutBackend(key), 1)
		}
	}
}

// aboutBackend names a backend in an alert, beside channels and providers of any name.
func aboutBackend(key TaskKey) notify.AlertAbout {
	return notify.AlertAbout{Target: "webhook of " + key.Target}
}
