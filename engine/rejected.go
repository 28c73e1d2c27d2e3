package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"anxin/engine/channel"
	"anxin/engine/order"
)

// How refused callbacks are kept. Anybody can send them, so neither the disk nor the
// writer may feel how many there are: of a flood a sample is kept, of the sample the
// newest, and none for ever.
const (
	rejectedKept  = 1000     // of a channel
	rejectedBytes = 16 << 20 // of a channel, as stored
	rejectedLife  = 7 * 24 * time.Hour

	// A callback costs one token and one more for each 8 KiB. Per channel the sample is
	// the first 50 and then 10 a second, or 80 KiB a second when they are large.
	rejectedBurst = 50.0
	rejectedRate  = 10.0
	tokenBytes    = 8 << 10

	rejectedQueue = 64              // waiting to be written: 16 MiB at the worst
	rejectedWrite = 5 * time.Second // for one commit
	rejectedFlush = 2 * time.Second // for what is left when the engine stops
)

// rejections takes refused callbacks in without ever waiting.
type rejections struct {
	queue chan Rejection

	mu      sync.Mutex // guards buckets
	buckets map[string]*bucket
}

// bucket holds the tokens of one channel.
type bucket struct {
	level float64
	at    time.Time
}

func newRejections(channels map[string]channel.Channel) *rejections {
	r := &rejections{queue: make(chan Rejection, rejectedQueue), buckets: make(map[string]*bucket, len(channels))}
	for name := range channels {
		r.buckets[name] = &bucket{level: rejectedBurst}
	}
	return r
}

// admit reports whether a refused callback of the channel belongs to the sample.
func (r *rejections) admit(name string, size int, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.buckets[name]
	if b.at.IsZero() {
		b.at = now
	}
	b.level = min(rejectedBurst, b.level+now.Sub(b.at).Seconds()*rejectedRate)
	b.at = now
	cost := 1 + float64(size/tokenBytes)
	if b.level < cost {
		return false
	}
	b.level -= cost
	return true
}

// reject notes a refused callback where somebody will look for it: in the log, among
// the rejected ones, and at the order that it names. The name is unverified, so nothing
// else follows from it. Nothing of this can fail the answer to the channel.
func (e *Engine) reject(ctx context.Context, name string, r channel.Request, refusal error) {
	e.counts.rejected.Add(1)
	code := rejectionCode(refusal)
	rejection := Rejection{
		Channel: name, Reason: code, ExpiresAt: now().Add(rejectedLife),
		Raw: channel.Request{Header: r.Header, Query: r.Query, Body: r.Body, ReceivedAt: r.ReceivedAt},
	}
	var named *channel.CallbackError
	if errors.As(refusal, &named) && order.ValidOrderNo(named.OrderNo) {
		rejection.OrderNo = named.OrderNo
	}
	if e.rejects.admit(name, sizeOf(r), time.Now()) {
		e.deps.Log.WithFields(logrus.Fields{"channel": name, "code": code}).Warn("callback refused")
		e.queueRejection(rejection)
	} else {
		e.counts.rejectedDropped.Add(1)
	}
	if rejection.OrderNo != "" {
		e.noteRejected(ctx, name, rejection.OrderNo, code)
	}
}

func sizeOf(r channel.Request) int {
	size := len(r.Body) + len(r.Query)
	for name, values := range r.Header {
		for _, v := range values {
			size += len(name) + len(v)
		}
	}
	return size
}

func (e *Engine) queueRejection(r Rejection) {
	select {
	case e.rejects.queue <- r:
	default:
		e.counts.rejectedDropped.Add(1)
	}
}

// noteRejected lets agents see at the order that callbacks for it came and were refused.
func (e *Engine) noteRejected(ctx context.Context, name, orderNo, code string) {
	_, err := e.decide(ctx, orderNo, func(o order.Order, now order.Time) (decision, error) {
		if o.Channel != name {
			return decision{}, nil
		}
		return decision{Change: o.RejectCallback(code, now)}, nil
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		e.deps.Log.WithError(err).Error("note refused callback")
	}
}

// keepRejections writes refused callbacks, whatever waits in one commit, until ctx ends
// and nothing is left.
func (e *Engine) keepRejections(ctx context.Context) {
	for {
		select {
		case r := <-e.rejects.queue:
			e.storeRejections(ctx, e.rejects.gather(r), rejectedWrite)
		case <-ctx.Done():
			if left := e.rejects.gather(); len(left) > 0 {
				e.storeRejections(ctx, left, rejectedFlush)
			}
			return
		}
	}
}

// gather returns first and all that waits now.
func (r *rejections) gather(first ...Rejection) []Rejection {
	for len(first) < rejectedQueue {
		select {
		case next := <-r.queue:
			first = append(first, next)
		default:
			return first
		}
	}
	return first
}

// storeRejections does not end with the engine: what was taken is written.
func (e *Engine) storeRejections(ctx context.Context, list []Rejection, within time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	err := e.deps.Store.Commit(ctx, Commit{Rejected: &Rejections{New: list, Keep: rejectedKept, Bytes: rejectedBytes}})
	if err != nil {
		e.counts.rejectedDropped.Add(int64(len(list)))
		e.deps.Log.WithError(err).Warn("refused callbacks not kept")
		return
	}
	e.counts.rejectedKept.Add(int64(len(list)))
}

func rejectionCode(err error) string {
	for _, known := range []struct {
		err  error
		code string
	}{
		{channel.ErrSignature, "bad_signature"},
		{channel.ErrStale, "stale"},
		{channel.ErrMalformed, "malformed"},
		{channel.ErrMerchant, "wrong_merchant"},
	} {
		if errors.Is(err, known.err) {
			return known.code
		}
	}
	return "refused"
}
