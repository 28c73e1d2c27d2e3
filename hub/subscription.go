package hub

import (
	"context"
	"errors"
	"slices"
	"time"
)

// subscription is one topic on one connection. Its frames begin with a snapshot
// (or current) and their seq only rises, whatever order states arrive in.
type subscription struct {
	watch
	name    string
	session *session

	// The rest is guarded by session.mu.

	key tokenKey
	// until is when the token ends, in Unix seconds; 0 for never.
	until int64
	// seq is the newest state that was queued or written.
	seq int64
	// joining is set while the Source is read; states that are published
	// meanwhile wait in early, the newest only.
	joining bool
	early   *state
	// slot is the state that waits to be written; a newer one replaces it.
	slot *state
	kind frameKind
	// next and chained belong to the outbox.
	next    *subscription
	chained bool
	gone    bool
}

var _ sink = (*subscription)(nil)

func (sub *subscription) offer(st *state) (claimed *session) {
	s := sub.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if sub.joining {
		if sub.early == nil || st.Seq > sub.early.Seq {
			sub.early = st
		}
		return nil
	}
	s.push(sub, st)
	if s.claim() {
		return s
	}
	return nil
}

// push queues a state if it is newer than the last one. The session is locked.
func (s *session) push(sub *subscription, st *state) {
	if st.Seq <= sub.seq || sub.gone {
		return
	}
	// A state without an event was read by the sweep: nobody knows what led to
	// it, so it goes out as a snapshot.
	kind := kindUpdate
	if st.Event == "" {
		kind = kindSnapshot
	}
	if sub.slot != nil {
		s.hub.count.conflations.Add(1)
		if sub.kind != kindUpdate { // the first frame stays a first frame
			kind = kindSnapshot
		}
	}
	s.enqueue(sub, st, kind)
}

func (s *session) enqueue(sub *subscription, st *state, kind frameKind) {
	if !sub.chained {
		s.out.chain(sub)
	}
	sub.seq, sub.slot, sub.kind = st.Seq, st, kind
}

// subscribe joins a topic: authorize, register, read, answer. Joining again is
// allowed and answers again. It returns an error code or "".
func (s *session) subscribe(f *clientFrame) ErrorCode {
	if f.After < 0 {
		return ErrorBadFrame
	}
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	grant, err := s.hub.auth.Authorize(ctx, f.Topic, f.Token)
	if err != nil {
		return s.refusal(err, "hub: authorizer failed")
	}
	return s.follow(ctx, Visit{Topic: f.Topic, Audience: grant.Audience, Until: grant.Until, Token: f.Token, After: f.After})
}

// follow is subscribe for who is authorized.
func (s *session) follow(ctx context.Context, v Visit) ErrorCode {
	sub, fresh, code := s.reserve(v)
	if code != "" {
		return code
	}
	topic := v.Topic
	if fresh {
		s.hub.count.subscriptions.Add(1)
		s.hub.topics.join(topic, &sub.watch)
	}
	m, err := s.hub.source.Snapshot(ctx, topic)
	if err != nil {
		s.abandon(sub, fresh)
		return s.refusal(err, "hub: source failed")
	}
	sub.topic.read(m.Seq)
	m.Event = ""
	return s.complete(sub, &state{Message: m}, v.After)
}

// refusal translates the error of a port. What it does not know is a fault of
// the backend: it is logged here, the client only hears that it should retry.
func (s *session) refusal(err error, message string) ErrorCode {
	switch {
	case errors.Is(err, ErrForbidden):
		return ErrorForbidden
	case errors.Is(err, ErrTokenExpired):
		return ErrorTokenExpired
	case errors.Is(err, ErrNoTopic):
		return ErrorNoTopic
	}
	s.hub.log.WithError(err).Warn(message)
	return ErrorUnavailable
}

// reserve finds or makes the subscription, in the state of joining, and counts it to
// its token. It returns an error code if a limit is reached.
func (s *session) reserve(v Visit) (sub *subscription, fresh bool, code ErrorCode) {
	key := s.hub.door.key(v.Token)
	s.mu.Lock()
	defer s.mu.Unlock()
	sub = s.find(v.Topic)
	if sub == nil && len(s.subs) >= s.hub.cfg.Limits.MaxTopics {
		return nil, false, ErrorTooManyTopics
	}
	if (sub == nil || sub.key != key) && !s.hub.door.enterToken(key) {
		return nil, false, ErrorTooManyWatchers
	}
	if fresh = sub == nil; fresh {
		sub = &subscription{name: v.Topic, session: s}
		sub.sink, sub.audience = sub, v.Audience
		s.subs = append(s.subs, sub)
	} else if sub.key != key {
		s.hub.door.leaveToken(sub.key)
	}
	sub.key, sub.until, sub.joining = key, 0, true
	if !v.Until.IsZero() {
		sub.until = v.Until.Unix()
	}
	return sub, fresh, ""
}

// abandon undoes reserve: an old subscription goes on with what arrived since.
func (s *session) abandon(sub *subscription, fresh bool) {
	if fresh {
		s.unsubscribe(sub.name)
		return
	}
	s.mu.Lock()
	early := sub.settle()
	if early != nil {
		s.push(sub, early)
	}
	claimed := s.claim()
	s.mu.Unlock()
	if claimed {
		s.flush()
	}
}

func (sub *subscription) settle() (early *state) {
	early, sub.early, sub.joining = sub.early, nil, false
	return early
}

// complete answers a subscription with the newest state known.
func (s *session) complete(sub *subscription, st *state, after int64) ErrorCode {
	s.mu.Lock()
	code := s.first(sub, st, after)
	claimed := s.claim()
	s.mu.Unlock()
	if claimed {
		s.flush()
	}
	return code
}

// first queues the first frame of a subscription. The session is locked.
func (s *session) first(sub *subscription, st *state, after int64) ErrorCode {
	if early := sub.settle(); early != nil && early.Seq > st.Seq {
		st = early
	}
	if st.Seq < sub.seq { // a stale read of a topic joined before
		return ErrorUnavailable
	}
	kind := kindSnapshot
	if st.Seq == after {
		kind = kindCurrent
	}
	s.enqueue(sub, st, kind)
	if !s.subscribed {
		s.subscribed = true
		if s.closing == 0 {
			s.forever()
		}
	}
	return ""
}

// forever lifts the deadline for the first subscription; from now on the pings
// find out whether the client lives.
func (s *session) forever() {
	if err := s.raw.SetReadDeadline(time.Time{}); err != nil {
		s.hub.log.WithError(err).Debug("hub: lift read deadline")
	}
}

func (s *session) unsubscribe(topic string) ErrorCode {
	s.mu.Lock()
	sub := s.find(topic)
	if sub == nil {
		s.mu.Unlock()
		return ErrorNotSubscribed
	}
	sub.gone, sub.slot = true, nil
	s.subs = slices.DeleteFunc(s.subs, func(other *subscription) bool { return other == sub })
	s.mu.Unlock()
	s.leave(sub)
	return ""
}

// expire ends the subscriptions whose tokens have. The visit of the wheel is early
// enough: what a token shows it has shown for days.
func (s *session) expire(now time.Time) {
	var expired []*subscription
	s.mu.Lock()
	s.subs = slices.DeleteFunc(s.subs, func(sub *subscription) bool {
		if sub.until == 0 || sub.until > now.Unix() {
			return false
		}
		sub.gone, sub.slot = true, nil
		expired = append(expired, sub)
		return true
	})
	s.mu.Unlock()
	for _, sub := range expired {
		s.leave(sub)
		if s.conn != nil {
			s.hub.count.errs.Add(1)
			s.note(errorFrame(sub.name, ErrorTokenExpired))
		} else { // an event stream has one topic with a token, and no errors
			s.shut(CloseExpired)
		}
	}
}
