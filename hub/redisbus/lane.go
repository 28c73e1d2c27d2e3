package redisbus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"anxin/hub"
)

const (
	// healthEvery is how long a connection may be silent before it is asked
	// for a pong, and then again before it is given up. A broken network
	// often tells nobody.
	healthEvery = 2 * time.Second
	// The pause before the next connection doubles from the first to the last.
	firstPause, lastPause = 50 * time.Millisecond, time.Second
	// subscribeBatch bounds the channels of one command.
	subscribeBatch = 1000
	// maxPublishers bounds the memory of who published what last. When it is
	// full it is forgotten; a repeated payload is then caught by its seq.
	maxPublishers = 1024
)

// lane is one subscription connection and the topics that belong on it.
type lane struct {
	bus    *Bus
	prefix string
	wake   chan struct{}
	up     atomic.Bool // the connection works

	// last is the newest number of each publisher; used by the receiving
	// goroutine only.
	last map[[idSize]byte]uint64

	mu      sync.Mutex // guards what follows
	topics  map[string]struct{}
	changed map[string]struct{} // to be told to Redis
}

func newLane(b *Bus, number int) *lane {
	return &lane{
		bus:     b,
		prefix:  b.channelPrefix(number),
		wake:    make(chan struct{}, 1),
		last:    make(map[[idSize]byte]uint64),
		topics:  make(map[string]struct{}),
		changed: make(map[string]struct{}),
	}
}

func (l *lane) channel(topic string) string { return l.prefix + topic }

func (l *lane) wish(topic string, on bool) {
	l.mu.Lock()
	if on {
		l.topics[topic] = struct{}{}
	} else {
		delete(l.topics, topic)
	}
	l.changed[topic] = struct{}{}
	l.mu.Unlock()
	l.signal()
}

func (l *lane) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// again marks all topics to be told, for a new connection.
func (l *lane) again() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.changed)
	for topic := range l.topics {
		l.changed[topic] = struct{}{}
	}
	l.signal()
}

// changes returns channels to subscribe and to unsubscribe.
func (l *lane) changes() (on, off []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for topic := range l.changed {
		if _, ok := l.topics[topic]; ok {
			on = append(on, l.channel(topic))
		} else {
			off = append(off, l.channel(topic))
		}
	}
	clear(l.changed)
	return on, off
}

// run holds a connection, and makes a new one whenever it breaks.
func (l *lane) run(ctx context.Context, r hub.Receiver) {
	wait := firstPause
	for told := false; ; told = true {
		worked, err := l.connection(ctx, r)
		if ctx.Err() != nil {
			return
		}
		l.bus.count.interruptions.Add(1)
		if worked || !told { // not once a second while Redis is away
			wait = firstPause
			l.bus.log.WithError(err).Warn("redisbus: subscription interrupted")
		}
		pause(ctx, wait)
		wait = min(2*wait, lastPause)
		l.relearn(ctx)
	}
}

// relearn asks a cluster for its layout, since a slot that moved away is the
// usual reason for a refused subscription.
func (l *lane) relearn(ctx context.Context) {
	if c, ok := l.bus.client.(*redis.ClusterClient); ok {
		c.ReloadState(ctx)
	}
}

// connection subscribes and receives until something fails. It reports whether
// it had worked.
func (l *lane) connection(ctx context.Context, r hub.Receiver) (worked bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	ps := l.subscribe(ctx)
	unhook := context.AfterFunc(ctx, func() { closeQuietly(ps) })
	l.again()
	var teller sync.WaitGroup
	teller.Go(func() {
		if err := l.tell(ctx, ps); err != nil {
			closeQuietly(ps) // which ends the receiving
		}
	})
	worked, err = l.receive(ctx, ps, r)
	l.up.Store(false)
	cancel()
	teller.Wait()
	if unhook() {
		closeQuietly(ps)
	}
	return worked, err
}

// subscribe begins with the lane's own channel, on which answers come: it routes the
// connection to the lane's node and confirms that it works.
func (l *lane) subscribe(ctx context.Context) *redis.PubSub {
	own := l.replyTo(l.bus.id)
	if l.bus.cluster() {
		return l.bus.client.SSubscribe(ctx, own)
	}
	return l.bus.client.Subscribe(ctx, own)
}

// closeQuietly may come second; closing twice is the only error there is.
func closeQuietly(ps *redis.PubSub) { _ = ps.Close() }

// tell brings the recorded topics to Redis, many in one command.
func (l *lane) tell(ctx context.Context, ps *redis.PubSub) error {
	subscribe, unsubscribe := ps.Subscribe, ps.Unsubscribe
	if l.bus.cluster() {
		subscribe, unsubscribe = ps.SSubscribe, ps.SUnsubscribe
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.wake:
		}
		on, off := l.changes()
		if err := inBatches(ctx, unsubscribe, off); err != nil {
			return fmt.Errorf("unsubscribe: %w", err)
		}
		if err := inBatches(ctx, subscribe, on); err != nil {
			return fmt.Errorf("subscribe: %w", err)
		}
	}
}

func inBatches(ctx context.Context, command func(context.Context, ...string) error, channels []string) error {
	for len(channels) > 0 { // never with none, which would mean all
		n := min(len(channels), subscribeBatch)
		if err := command(ctx, channels[:n]...); err != nil {
			return err
		}
		channels = channels[n:]
	}
	return nil
}

func (l *lane) receive(ctx context.Context, ps *redis.PubSub, r hub.Receiver) (worked bool, err error) {
	asked := false
	for {
		msg, err := ps.ReceiveTimeout(ctx, healthEvery)
		var network net.Error
		if errors.As(err, &network) && network.Timeout() && ctx.Err() == nil && !asked {
			asked = true
			if err := ps.Ping(ctx); err != nil {
				return worked, fmt.Errorf("ping: %w", err)
			}
			continue
		}
		if err != nil {
			return worked, fmt.Errorf("receive: %w", err)
		}
		worked, asked = true, false
		if err := l.handle(msg, r); err != nil {
			return worked, err
		}
	}
}

// errMoved says that Redis ended the lane's own channel: its slot moved away.
var errMoved = errors.New("the lane has moved")

func (l *lane) handle(msg any, r hub.Receiver) error {
	switch msg := msg.(type) {
	case *redis.Message:
		l.deliver(msg, r)
	case *redis.Subscription:
		topic := strings.TrimPrefix(msg.Channel, l.prefix)
		ended, own := strings.HasSuffix(msg.Kind, "unsubscribe"), strings.HasPrefix(topic, replyMark)
		switch {
		case own && ended:
			return errMoved
		case own:
			l.up.Store(true)
		case ended:
			l.reclaim(topic)
		default:
			r.Joined([]string{topic})
		}
	}
	return nil
}

// deliver drops what this bus sent itself and what comes a second time, which
// the client library causes when it repeats a batch after a broken connection.
func (l *lane) deliver(msg *redis.Message, r hub.Receiver) {
	id, number, payload, ok := open([]byte(msg.Payload))
	topic := strings.TrimPrefix(msg.Channel, l.prefix)
	switch {
	case !ok:
		return
	case strings.HasPrefix(topic, replyMark):
		l.bus.asked.answered(number, id, payload)
		return
	case number == questionMark:
		l.hear(topic, id, payload, r.Asked)
		return
	case id == l.bus.id || number <= l.last[id]:
		return
	}
	if len(l.last) >= maxPublishers {
		clear(l.last)
	}
	l.last[id] = number
	l.bus.count.received.Add(1)
	r.Received(topic, payload)
}

// reclaim subscribes again what Redis ended although it is wanted: a cluster
// does that when a slot moves.
func (l *lane) reclaim(topic string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.topics[topic]; ok {
		l.changed[topic] = struct{}{}
		l.signal()
	}
}
