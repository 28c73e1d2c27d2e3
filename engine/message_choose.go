package engine

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"anxin/engine/notify"
	"anxin/engine/order"
)

const (
	// notifyWorkers bounds the messages of one channel that are on their way at once.
	notifyWorkers = 32
	// maxMessageTries bounds the calls for one message: with the waits between them some
	// three hours.
	maxMessageTries = 12
	// pausedLook is how often a message looks for a provider while all are paused or sick.
	pausedLook = time.Minute
	// permanentMark begins the code of a refusal that the same provider would repeat,
	// unsureMark that of a call that may have sent the message.
	permanentMark = "final:"
	unsureMark    = "unsure:"
)

// workersOf is how many calls one provider of a channel may hold: all of them when it is
// alone, else so few that one which hangs leaves room for the others.
func workersOf(providers int) int {
	if providers <= 1 {
		return notifyWorkers
	}
	return max(notifyWorkers/providers, 1)
}

// sender is a provider with what this node knows of its health.
type sender struct {
	MessageProvider
	traits notify.Traits
	slots  chan struct{} // calls on their way
	pacer  *pacer
	stats  senderStats
}

// task is the key by which the provider's pacer knows a task of its channel.
func (s *sender) task(t Task) TaskKey {
	name := s.Name
	if _, refunds := t.tells(); refunds {
		name += refundPart
	}
	return TaskKey{t.OrderNo, TaskNotify, name}
}

// release gives the provider's slot back.
func (j *errand) release() {
	if j.via == nil {
		return
	}
	j.via.pacer.ended(j.key)
	<-j.via.slots
	j.via = nil
	if j.flight != nil {
		j.flight()
	}
}

// choose returns the provider that a message goes to, holding one of its slots, or when
// to look again; at 0 says that none will ever take it.
//
// The first in the configuration that is well and has not failed this message lately. One
// that refused it for good is not asked again, and one that wants its templates approved is
// not asked to send another.
func (e *Engine) choose(t Task, to notify.Contact, text notify.Texted, r notify.Record, now order.Time) (via *sender, at order.Time) {
	if r.Status == notify.StatusSending { // repeated after a crash
		return e.admitted(e.messages.byName[r.Provider], t, now)
	}
	unsure := slices.ContainsFunc(r.History, func(m notify.Moment) bool { return strings.HasPrefix(m.Code, unsureMark) })
	var rested order.Time
	hopeful := false
	for _, s := range e.messages.providers[to.Channel] {
		if !s.reaches(to) || !s.says(text) || refusedFor(r, s.Name) || (unsure && s.Name != r.Provider) {
			continue // only the one that may have sent it knows a repeat
		}
		hopeful = true
		if wait := restUntil(r, s.Name); wait > now {
			rested = earliest(rested, wait)
			continue
		}
		free, when := e.admitted(s, t, now)
		if free != nil {
			return free, now
		}
		rested = earliest(rested, when)
	}
	if !hopeful {
		return nil, 0
	}
	return nil, rested
}

func earliest(a, b order.Time) order.Time {
	if a == 0 {
		return b
	}
	return min(a, b)
}

// admitted takes a slot of the provider if it may be called now, else tells when to ask.
func (e *Engine) admitted(s *sender, t Task, now order.Time) (*sender, order.Time) {
	if s == nil {
		return nil, now.Add(pausedLook)
	}
	select {
	case s.slots <- struct{}{}:
	default:
		return nil, now.Add(busyWait)
	}
	key := s.task(t)
	if at := s.pacer.admit(key, now, false); at > now {
		<-s.slots
		// Somebody else may take the turn: the next look asks for one of its own.
		s.pacer.written(TaskWrite{Task: Task{TaskKey: key}, Delete: true})
		return nil, min(at, now.Add(pausedLook))
	}
	return s, now
}

func (s *sender) reaches(to notify.Contact) bool {
	return s.traits.Platform == "" || s.traits.Platform == to.To.Device.Platform
}

// says reports whether the provider may send the text: some send only templates that they
// have approved.
func (s *sender) says(text notify.Texted) bool {
	return !s.traits.Templates || text.Providers[s.Name].ID != ""
}

// refusedFor reports whether a provider has refused the message for good.
func refusedFor(r notify.Record, provider string) bool {
	return slices.ContainsFunc(r.History, func(m notify.Moment) bool {
		return m.Provider == provider && strings.HasPrefix(m.Code, permanentMark)
	})
}

// permanent reports whether the same provider would say the same again.
func permanent(f *notify.SendError) bool {
	switch f.Kind {
	case notify.KindContent:
		return true
	case notify.KindQuota:
		return f.OfAddress
	case notify.KindTemporary, notify.KindThrottled, notify.KindAddress, notify.KindRefused, notify.KindMaybeSent:
		return false
	}
	return false
}

// messageWaits are the waits before a provider that failed a message is asked again.
var messageWaits = []time.Duration{5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}

// restUntil returns until when a provider is left alone with the message.
func restUntil(r notify.Record, provider string) order.Time {
	failures, last := 0, order.Time(0)
	for _, m := range r.History {
		if m.Provider == provider && m.Status == notify.StatusWaiting {
			failures, last = failures+1, m.At
		}
	}
	if failures == 0 {
		return 0
	}
	return last.Add(messageWaits[min(failures, len(messageWaits))-1])
}

func tries(r notify.Record) (n int) {
	for _, m := range r.History {
		if m.Status == notify.StatusSending {
			n++
		}
	}
	return n
}

// repeatable reports whether a provider can be given the same message again unharmed.
func (e *Engine) repeatable(provider string) bool {
	s, ok := e.messages.byName[provider]
	return ok && s.traits.Repeatable
}

// heardProvider tells a provider's breaker and figures what a call came to. Only what
// would befall any message counts against it.
func (e *Engine) heardProvider(job errand, failed *notify.SendError, took time.Duration) {
	job.via.stats.heard(failed, took)
	at := now()
	if failed == nil {
		e.wellProvider(job)
		return
	}
	switch failed.Kind {
	case notify.KindAddress, notify.KindContent:
		e.wellProvider(job)
	case notify.KindQuota, notify.KindRefused, notify.KindTemporary, notify.KindMaybeSent:
		if !failed.OfAddress && job.via.pacer.failed(job.key, at) {
			e.alerts.note(notify.AlertBreakerOpened, notify.AlertAbout{Target: job.via.Name}, 1)
			e.deps.Log.WithField("provider", job.via.Name).WithField("code", failed.Code).Warn("provider fails: its messages go elsewhere or wait for a probe")
		}
	case notify.KindThrottled:
	}
}

// wellProvider tells a provider's breaker that it answered.
func (e *Engine) wellProvider(job errand) {
	if job.via.pacer.succeeded(job.key) {
		e.alerts.note(notify.AlertBreakerClosed, notify.AlertAbout{Target: job.via.Name}, 1)
	}
}

// senderStats are a provider's figures since the start.
type senderStats struct {
	mu     sync.Mutex // guards what follows
	took   time.Duration
	calls  int64
	errors map[notify.ErrorKind]int64

	delivered, failed int64 // reported later
}

func (s *senderStats) heard(failed *notify.SendError, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	s.took += took
	if failed == nil {
		return
	}
	if s.errors == nil {
		s.errors = make(map[notify.ErrorKind]int64)
	}
	s.errors[failed.Kind]++
}

func (s *senderStats) reported(status notify.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if status == notify.StatusDelivered {
		s.delivered++
	} else {
		s.failed++
	}
}

func (s *senderStats) fill(p *ProviderState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.Calls, p.Took, p.Delivered, p.Failed = s.calls, s.took.Seconds(), s.delivered, s.failed
	p.Errors = maps.Clone(s.errors)
}

// messageCounts are what this node decided on, since the start.
type messageCounts struct {
	mu      sync.Mutex // guards what follows
	sentBy  map[notify.Channel]int64
	skipped map[SkipKey]int64
}

// SkipKey is why a channel told nothing.
type SkipKey struct {
	Channel notify.Channel
	Reason  notify.Reason
}

func (c *messageCounts) sent(ch notify.Channel) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sentBy == nil {
		c.sentBy = make(map[notify.Channel]int64)
	}
	c.sentBy[ch]++
}

func (c *messageCounts) skips() map[SkipKey]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.skipped)
}

func (c *messageCounts) skip(ch notify.Channel, why notify.Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.skipped == nil {
		c.skipped = make(map[SkipKey]int64)
	}
	c.skipped[SkipKey{ch, why}]++
}
