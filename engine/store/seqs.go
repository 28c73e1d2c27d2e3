package store

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"
)

const (
	// trustFor is how long a remembered seq is believed at least; at most twice as long.
	// Reading it again guards against what changes the file behind this process's back.
	trustFor = time.Minute
	// maxRemembered bounds each generation: as many orders as a node has connections by
	// default, at most about 5 MB.
	maxRemembered = 50_000
)

// Seqs returns the newest seq of each of the orders that exist; see engine.OrderReader.
// All watched orders are asked for every few seconds, and hardly one has changed: what is
// remembered is not read, which costs 4 to 14 µs an order.
func (s *Store) Seqs(ctx context.Context, orderNos []string) (map[string]int64, error) {
	found := make(map[string]int64, len(orderNos))
	unknown, turn := s.newest.recall(orderNos, found)
	if len(unknown) == 0 {
		return found, nil
	}
	read := make(map[string]int64, len(unknown))
	err := inLists(ctx, s.reads.seqs, unknown, func(r row) error {
		var orderNo string
		var seq int64
		err := r.Scan(&orderNo, &seq)
		read[orderNo] = seq
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read seqs: %w", err)
	}
	s.newest.learn(read, turn)
	maps.Copy(found, read)
	return found, nil
}

// orderSeq is a state that a transaction has written.
type orderSeq struct {
	orderNo string
	seq     int64
}

// newest remembers the newest seqs of orders that were committed or asked for lately. It
// can, since this process is the only writer: every commit is noted here before anybody
// hears of it. Two generations bound its size and how long it is believed.
type newest struct {
	mu         sync.Mutex // guards what follows
	young, old map[string]int64
	turned     time.Time
	turn       int64 // counts the generations
}

func newNewest() *newest {
	return &newest{young: make(map[string]int64), turned: time.Now()}
}

// recall adds what is remembered to found. It returns the other orders and the turn that
// learn has to be told.
func (n *newest) recall(orderNos []string, found map[string]int64) (unknown []string, turn int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if time.Since(n.turned) >= trustFor {
		n.age()
	}
	for _, orderNo := range orderNos {
		if seq, ok := n.get(orderNo); ok {
			found[orderNo] = seq
		} else {
			unknown = append(unknown, orderNo)
		}
	}
	return unknown, n.turn
}

// learn remembers what was read after recall. A commit during the read was noted and wins;
// if it may have been forgotten since, nothing is learned.
func (n *newest) learn(read map[string]int64, turn int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if turn != n.turn {
		return
	}
	for orderNo, seq := range read {
		n.put(orderNo, seq)
	}
}

// note remembers what was committed.
func (n *newest) note(list []orderSeq) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, o := range list {
		n.put(o.orderNo, o.seq)
	}
}

// forget is for a commit of which nobody knows whether it is durable.
func (n *newest) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.age()
	n.age()
}

func (n *newest) get(orderNo string) (int64, bool) {
	if seq, ok := n.young[orderNo]; ok {
		return seq, true
	}
	seq, ok := n.old[orderNo]
	return seq, ok
}

func (n *newest) put(orderNo string, seq int64) {
	if known, ok := n.get(orderNo); ok && known >= seq {
		return
	}
	if len(n.young) >= maxRemembered {
		n.age()
	}
	n.young[orderNo] = seq
}

func (n *newest) age() {
	n.old, n.young = n.young, make(map[string]int64)
	n.turned = time.Now()
	n.turn++
}
