package engine

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// weighAtOnce is the default of Config.WeighAtOnce. As many fill the time of one
	// durable write; what comes on top of them would only wait.
	weighAtOnce = 16
	// maxBacklog bounds the callbacks that are acknowledged and not weighed (some 25 MiB).
	// Beyond it callbacks wait to be weighed before they are acknowledged.
	maxBacklog = 64 << 10
	// yieldFor is how long weighing gives way to acknowledging: a burst is acknowledged
	// before its channel gives up, which takes five seconds or more, and sends all of it
	// again. Weighing each at once would make its pages wait as long, for the store.
	yieldFor = 2 * time.Second
	// calmAfter is how long a rush is believed to go on: the answers of one commit leave
	// together, and the channel's next callbacks are not there yet.
	calmAfter = 50 * time.Millisecond
	// manyWeighed and fewWeighed bound how many orders are weighed in one commit. Many make
	// good use of it; but each takes the writer some 150 µs, and what is to be acknowledged
	// waits for all of them. So it is few while there is a rush, and where few are left.
	manyWeighed = 128
	fewWeighed  = 16
)

// backlog holds what this node has acknowledged and not weighed, in the order of receipt
// for each order. It is a hint: the truth is the journal in the store.
type backlog struct {
	direct    int          // callbacks that are weighed at once
	receiving atomic.Int64 // callbacks
	wake      chan struct{}

	mu     sync.Mutex // guards what follows
	rushed time.Time  // when there were last too many at a time to weigh them at once
	queue  []unweighed
	last   EntryID         // that was given
	held   map[string]int  // callbacks by order: being stored, in the queue, being weighed
	size   int             // all of them
	busy   map[string]bool // orders that are being weighed
}

// unweighed is an entry of the journal without its raw request.
type unweighed struct {
	*Entry
	since time.Time
}

func newBacklog(direct int) *backlog {
	return &backlog{direct: direct, wake: make(chan struct{}, 1), held: make(map[string]int), busy: make(map[string]bool)}
}

// begin and end enclose the receipt of a callback.
func (b *backlog) begin() { b.receiving.Add(1) }

func (b *backlog) end() { b.receiving.Add(-1) }

// takes reports whether a callback that is being received is to be weighed later: when
// too many others are being received, or behind those of its order that wait already. One
// that is counts as held, until it is weighed or dropped: before its entry can be seen.
func (b *backlog) takes(orderNo string) (EntryID, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	receiving, now := b.receiving.Load(), time.Now()
	if receiving > int64(max(b.direct, weighAtOnce)) {
		b.rushed = now
	}
	if b.size >= maxBacklog || (receiving <= int64(b.direct) && b.held[orderNo] == 0 && b.calmLocked(now) <= 0) {
		return 0, false
	}
	b.held[orderNo]++
	b.size++
	b.last = max(b.last+1, EntryID(now.UnixNano()))
	return b.last, true
}

// add queues entries that it takes, once they are stored.
func (b *backlog) add(entries []Entry) {
	now := time.Now()
	b.mu.Lock()
	waits := len(b.queue) > 0 && b.calmLocked(now) > 0 // then the weighers know already
	for i := range entries {
		entries[i].Raw = nil
		b.queue = append(b.queue, unweighed{&entries[i], now})
	}
	b.mu.Unlock()
	if !waits {
		b.nudge()
	}
}

// calmLocked is how long a rush goes on, unless more come.
func (b *backlog) calmLocked(now time.Time) time.Duration { return b.rushed.Add(calmAfter).Sub(now) }

// drop is for those that could not be stored.
func (b *backlog) drop(entries []Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range entries {
		b.releaseLocked(c.OrderNo, 1)
	}
}

func (b *backlog) releaseLocked(orderNo string, n int) {
	b.size -= n
	if b.held[orderNo] -= n; b.held[orderNo] == 0 {
		delete(b.held, orderNo)
	}
}

func (b *backlog) nudge() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// next takes entries of orders that nobody is weighing, by order, for done. When there
// are none, or it is not yet their turn, it says how long to wait.
func (b *backlog) next(now time.Time) (groups [][]*Entry, wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) == 0 {
		return nil, time.Hour
	}
	waited := now.Sub(b.queue[0].since)
	if calm := b.calmLocked(now); calm > 0 && b.size < maxBacklog/2 && waited < yieldFor {
		return nil, min(calm, yieldFor-waited)
	}
	place := make(map[string]int, fewWeighed)
	size := b.groupLocked(now)
	var passed []unweighed // of orders that are being weighed
	looked := 0
	for ; looked < len(b.queue) && len(groups) < size; looked++ {
		c := b.queue[looked]
		if i, ok := place[c.OrderNo]; ok {
			groups[i] = append(groups[i], c.Entry)
		} else if b.busy[c.OrderNo] {
			passed = append(passed, c)
		} else {
			place[c.OrderNo] = len(groups)
			groups = append(groups, []*Entry{c.Entry})
		}
	}
	b.takeLocked(looked, passed)
	for orderNo := range place {
		b.busy[orderNo] = true
	}
	if len(b.queue) > 0 && len(groups) > 0 {
		b.nudge() // for the other weigher
	}
	return groups, time.Hour
}

// groupLocked is how many orders to weigh together.
func (b *backlog) groupLocked(now time.Time) int {
	if b.calmLocked(now) > 0 {
		return fewWeighed
	}
	return min(max(len(b.queue)/8, fewWeighed), manyWeighed)
}

// takeLocked removes the first n of the queue but for some of them.
func (b *backlog) takeLocked(n int, but []unweighed) {
	from := n - len(but)
	copy(b.queue[from:], but)
	clear(b.queue[:from])
	if b.queue = b.queue[from:]; len(b.queue) == 0 {
		b.queue = nil // what has grown for a rush ends with it
	}
}

func (b *backlog) done(groups [][]*Entry) {
	b.mu.Lock()
	for _, g := range groups {
		orderNo := g[0].OrderNo
		delete(b.busy, orderNo)
		b.releaseLocked(orderNo, len(g))
	}
	b.mu.Unlock()
	b.nudge()
}

// others returns those entries, by order, whose orders do not wait here.
func (b *backlog) others(list []Entry) (groups [][]*Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	place := make(map[string]int, len(list))
	for n := range list {
		c := &list[n]
		if b.held[c.OrderNo] > 0 {
			continue
		}
		i, ok := place[c.OrderNo]
		if !ok {
			i = len(groups)
			place[c.OrderNo], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], c)
	}
	return groups
}

// state tells how many callbacks wait, and how long the oldest in the queue has.
func (b *backlog) state(now time.Time) (size int, waited time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) > 0 {
		waited = now.Sub(b.queue[0].since)
	}
	return b.size, waited
}
