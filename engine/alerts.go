package engine

import (
	"context"
	"crypto/rand"
	"slices"
	"sync"
	"time"

	"anxin/engine/notify"
	"anxin/engine/order"
)

const (
	// alertEvery is how often at most one kind of alert is told: what comes meanwhile is
	// counted and told together. A group that is flooded is muted.
	alertEvery = time.Minute
	// alertSubjects bounds what one alert counts by name; the rest counts as "…".
	alertSubjects = 20
	// lateWithin is how close together orders must become late to be an incident.
	lateWithin = 10 * time.Minute
	// lateAgain is how long an incident that was told of is not told of again.
	lateAgain = 30 * time.Minute
	// alertTTL is how long a robot's service may keep trying.
	alertTTL = 10 * time.Minute
)

// alerts gathers what operators are to be told of until it is told. It is this node's own:
// each node tells what it saw.
type alerts struct {
	plan notify.AlertPlan
	wake chan struct{} // holds one when there is something new

	mu      sync.Mutex // guards what follows
	pending map[notify.AlertKind]map[notify.AlertAbout]int
	told    map[notify.AlertKind]order.Time // last
	late    map[string][]order.Time         // by channel: when the newest orders became late
	since   map[string]order.Time           // by channel: when its incident was told of
}

// newAlerts returns nil where no robot is configured.
func newAlerts(m *messages) *alerts {
	if m == nil || len(m.providers[notify.Robot]) == 0 {
		return nil
	}
	return &alerts{
		plan: m.deps.Alerts, wake: make(chan struct{}, 1), pending: make(map[notify.AlertKind]map[notify.AlertAbout]int),
		told: make(map[notify.AlertKind]order.Time), late: make(map[string][]order.Time), since: make(map[string]order.Time),
	}
}

// note counts something that operators are to be told of.
func (a *alerts) note(kind notify.AlertKind, about notify.AlertAbout, n int) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.noteLocked(kind, about, n)
}

func (a *alerts) noteLocked(kind notify.AlertKind, about notify.AlertAbout, n int) {
	counts := a.pending[kind]
	if counts == nil {
		counts = make(map[notify.AlertAbout]int)
		a.pending[kind] = counts
	}
	if _, known := counts[about]; !known && len(counts) >= alertSubjects {
		about = notify.AlertAbout{Target: "…"}
	}
	counts[about] += n
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// committed looks at what was committed for what operators are to be told of.
func (a *alerts) committed(c Commit) {
	if a == nil || c.Order == nil {
		return
	}
	for _, k := range c.Cases {
		if k.ClosedAt == 0 {
			a.note(notify.AlertCaseOpened, notify.AlertAbout{Target: k.Channel, Case: k.Kind}, 1)
		}
	}
	for _, ev := range c.Events {
		if ev.Type == order.EventStage && c.Order.Stage == order.Prolonged {
			a.becameLate(c.Order.Channel, ev.At)
		}
	}
}

// becameLate counts an order that came into the last stage of waiting.
func (a *alerts) becameLate(channel string, at order.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	times := slices.Concat(a.late[channel], []order.Time{at})
	for len(times) > a.plan.LateOrders || (len(times) > 0 && times[0].Add(lateWithin) < at) {
		times = times[1:]
	}
	a.late[channel] = times
	if len(times) < a.plan.LateOrders || (a.since[channel] != 0 && at < a.since[channel].Add(lateAgain)) {
		return
	}
	a.since[channel] = at
	a.noteLocked(notify.AlertLateOrders, notify.AlertAbout{Target: channel}, len(times))
}

// due takes what is to be told now, and returns when the next is due, 0 = nothing waits.
func (a *alerts) due(now order.Time) (ready map[notify.AlertKind]map[notify.AlertAbout]int, next order.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	ready = make(map[notify.AlertKind]map[notify.AlertAbout]int)
	for kind, counts := range a.pending {
		if at := a.told[kind].Add(alertEvery); a.told[kind] != 0 && at > now {
			next = earliest(next, at)
			continue
		}
		ready[kind] = counts
		a.told[kind] = now
		delete(a.pending, kind)
	}
	return ready, next
}

// sendAlerts tells robots until ctx ends.
func (e *Engine) sendAlerts(ctx context.Context) {
	if e.alerts == nil {
		return
	}
	for {
		ready, next := e.alerts.due(now())
		for kind, counts := range ready {
			e.alert(ctx, kind, counts)
		}
		if len(ready) > 0 {
			continue // some time has passed
		}
		var timer <-chan time.Time
		if next != 0 {
			timer = time.After(time.Until(next.Std()))
		}
		select {
		case <-ctx.Done():
			return
		case <-e.alerts.wake:
		case <-timer:
		}
	}
}

// alert tells every robot that is to know. When none of them could be told, it is counted
// on and told with the next.
func (e *Engine) alert(ctx context.Context, kind notify.AlertKind, counts map[notify.AlertAbout]int) {
	var told sync.WaitGroup
	var mu sync.Mutex // guards wanted and reached
	wanted, reached := 0, 0
	for _, robot := range e.messages.providers[notify.Robot] {
		language, ok := e.alerts.plan.Tells(robot.Name, kind)
		if !ok || e.pausedAt(robot.Name, now()) {
			continue
		}
		wanted++
		told.Go(func() {
			if e.tellRobot(ctx, robot, language, kind, counts) {
				mu.Lock()
				defer mu.Unlock()
				reached++
			}
		})
	}
	told.Wait()
	if wanted == 0 || reached > 0 {
		return
	}
	for about, n := range counts {
		e.alerts.note(kind, about, n)
	}
}

// tellRobot sends one alert, once, and reports whether the robot may have it.
func (e *Engine) tellRobot(ctx context.Context, robot *sender, language string, kind notify.AlertKind, counts map[notify.AlertAbout]int) bool {
	at := now()
	id := "nt_" + rand.Text()
	task := Task{TaskKey: TaskKey{id, TaskNotify, string(notify.Robot)}}
	via, _ := e.admitted(robot, task, at)
	if via == nil {
		return false
	}
	job := errand{via: via, key: via.task(task), message: notify.Message{
		ID: id, Notice: notify.NoticeAlert, Channel: notify.Robot, To: notify.Address{Robot: robot.Name}, Language: language,
		Text: notify.AlertText(language, kind, counts), TTL: alertTTL,
	}}
	defer job.release()
	_, _, failed := e.sendMessage(ctx, job)
	return failed == nil || failed.Kind == notify.KindMaybeSent
}
