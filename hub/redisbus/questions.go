package redisbus

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
)

// A question is an envelope on the topic's channel whose number is 0, which no published
// payload has; its payload is the question's own number. It reaches the nodes that are
// subscribed, and Redis says how many those are, the asking one among them if it is. Their
// answers come on a channel of the asking bus, under the question's number.
const (
	questionMark = 0
	questionSize = 8
	// replyMark begins what stands for a topic in the names of those channels. No topic
	// has a control character in it.
	replyMark = "\x00"
)

// errAway says that a lane has no connection now: its answers could not come.
var errAway = errors.New("redisbus: redis is away")

// questions are those that wait for answers.
type questions struct {
	mu     sync.Mutex // guards what follows
	number uint64
	open   map[uint64]*question
}

// question is one that was asked. Answers are kept by who gave them, since a publisher
// whose connection broke may say everything twice.
type question struct {
	came chan struct{} // holds a value when there are more answers

	mu      sync.Mutex // guards answers
	answers map[[idSize]byte][]byte
}

func newQuestions() *questions { return &questions{open: make(map[uint64]*question)} }

func (qs *questions) begin() (number uint64, q *question) {
	q = &question{came: make(chan struct{}, 1), answers: make(map[[idSize]byte][]byte)}
	qs.mu.Lock()
	defer qs.mu.Unlock()
	qs.number++
	qs.open[qs.number] = q
	return qs.number, q
}

func (qs *questions) end(number uint64) {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	delete(qs.open, number)
}

// answered hands an answer to whoever still waits for it.
func (qs *questions) answered(number uint64, by [idSize]byte, answer []byte) {
	qs.mu.Lock()
	q := qs.open[number]
	qs.mu.Unlock()
	if q == nil {
		return
	}
	q.mu.Lock()
	q.answers[by] = append([]byte{}, answer...)
	q.mu.Unlock()
	select {
	case q.came <- struct{}{}:
	default:
	}
}

// collect waits for n answers and returns those of others.
func (q *question) collect(ctx context.Context, n int64, self [idSize]byte) ([][]byte, error) {
	var err error
	for err == nil && q.missing(n) {
		select {
		case <-q.came:
		case <-ctx.Done():
			err = fmt.Errorf("redisbus: wait for answers: %w", ctx.Err())
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	var others [][]byte
	for by, answer := range q.answers {
		if by != self {
			others = append(others, answer)
		}
	}
	return others, err
}

func (q *question) missing(n int64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return int64(len(q.answers)) < n
}

// Ask implements hub.Bus.
func (b *Bus) Ask(ctx context.Context, topic string) ([][]byte, error) {
	l := b.laneOf(topic)
	if !l.up.Load() {
		return nil, errAway
	}
	number, q := b.asked.begin()
	defer b.asked.end(number)
	publish := b.client.Publish
	if b.cluster() {
		publish = b.client.SPublish
	}
	mark := seal(b.id, questionMark, binary.BigEndian.AppendUint64(nil, number))
	subscribed, err := publish(ctx, l.channel(topic), mark).Result()
	if err != nil {
		return nil, fmt.Errorf("redisbus: ask: %w", err)
	}
	return q.collect(ctx, subscribed, b.id)
}

// replyTo is the channel of a lane on which answers to the bus of that id come.
func (l *lane) replyTo(id [idSize]byte) string {
	return l.channel(replyMark + hex.EncodeToString(id[:]))
}

// hear answers a question, the bus's own by its mere presence.
func (l *lane) hear(topic string, by [idSize]byte, payload []byte, asked func(topic string) []byte) {
	if len(payload) != questionSize {
		return
	}
	number := binary.BigEndian.Uint64(payload)
	if by == l.bus.id {
		l.bus.asked.answered(number, by, nil)
		return
	}
	l.bus.count.dropped.Add(l.bus.out.add(l.replyTo(by), seal(l.bus.id, number, asked(topic))))
}
