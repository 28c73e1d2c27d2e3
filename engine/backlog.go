package engine

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// weighAtOnce is the default of Config.WeighAtOnce. As many fill the time of one
	// durable write; what comes on top of them would only wait.
	weighAtOnce = 16
	// frequentWithin is the time in which more than those make callbacks frequent: by default
	// 320 a second. A transaction for each would keep the disk busy that all of them wait for.
	frequentWithin = 50 * time.Millisecond
	// gatherFor is how long after the last group the next one begins while few wait, so that
	// callbacks that are frequent share their transactions. A page does not show it.
	gatherFor = 10 * time.Millisecond
	// weighWithin is the default of Config.WeighWithin. Most are weighed by then; the others
	// would wait for a busy disk, and the journal is written beside it.
	weighWithin = 2 * time.Millisecond
	// maxBacklog bounds the callbacks that are acknowledged and not weighed (some 10 MiB).
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
	// good use of it; but each takes the writer some 100 µs, and what is to be acknowledged
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

	mu      sync.Mutex  // guards what follows
	came    []time.Time // when the last callbacks came, as many as are weighed at once: a ring
	turn    int         // the oldest of them
	rushed  time.Time   // when there were last too many at a time to weigh them at once
	queue   []unweighed
	grouped time.Time       // when the last group was taken
	held    map[string]int  // callbacks by order: being stored, in the queue, being weighed
	size    int             // all of them
	busy    map[string]bool // orders that are being weighed
}

// unweighed is an entry of the journal.
type unweighed struct {
	id      EntryID
	orderNo string
	since   time.Time
}

// newBacklog takes Config.WeighAtOnce.
func newBacklog(direct int) *backlog {
	direct = max(direct, 0)
	return &backlog{
		direct: direct, wake: make(chan struct{}, 1), came: make([]time.Time, direct),
		held: make(map[string]int), busy: make(map[string]bool),
	}
}

// begin and end enclose the receipt of a callback: until it is weighed or in the journal.
func (b *backlog) begin() { b.receiving.Add(1) }

func (b *backlog) end() { b.receiving.Add(-1) }

// takes reports whether the notifications of a callback are to be weighed later: when too
// many others are being received or were just now, or behind those of their orders that
// wait already. They count as held then, until they are weighed or dropped: before they
// can be seen.
func (b *backlog) takes(list []Entry) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	receiving, now := b.receiving.Load(), time.Now()
	if receiving > int64(max(b.direct, weighAtOnce)) {
		b.rushed = now
	}
	later := b.frequentLocked(now) || receiving > int64(b.direct) || b.calmLocked(now) > 0
	for _, n := range list {
		later = later || b.held[n.OrderNo] > 0
	}
	if !later || b.size+len(list) > maxBacklog {
		return false
	}
	for _, n := range list {
		b.held[n.OrderNo]++
	}
	b.size += len(list)
	return true
}

// frequentLocked notes that a callback came, and reports whether more came lately than
// are weighed at once.
func (b *backlog) frequentLocked(now time.Time) bool {
	if b.direct == 0 {
		return true
	}
	before := b.came[b.turn]
	b.came[b.turn] = now
	b.turn = (b.turn + 1) % b.direct
	return now.Sub(before) < frequentWithin
}

// add queues what it takes, once that is stored.
func (b *backlog) add(list []Entry, ids []EntryID) {
	now := time.Now()
	b.mu.Lock()
	known := len(b.queue) > 0 // to the weighers
	for i, n := range list {
		b.queue = append(b.queue, unweighed{ids[i], n.OrderNo, now})
	}
	waits := known && b.waitLocked(now) > 0
	b.mu.Unlock()
	if !waits {
		b.nudge()
	}
}

// waitLocked is how long what waits is left alone: while a rush goes on, unless it has
// waited long or there is much of it, and until some have gathered.
func (b *backlog) waitLocked(now time.Time) time.Duration {
	waited := now.Sub(b.queue[0].since)
	if calm := b.calmLocked(now); calm > 0 && b.size < maxBacklog*3/4 && waited < yieldFor {
		return min(calm, yieldFor-waited)
	}
	if len(b.queue) >= fewWeighed {
		return 0
	}
	return b.grouped.Add(gatherFor).Sub(now)
}

// calmLocked is how long a rush goes on, unless more come.
func (b *backlog) calmLocked(now time.Time) time.Duration { return b.rushed.Add(calmAfter).Sub(now) }

// drop is for those that could not be stored.
func (b *backlog) drop(list []Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range list {
		b.releaseLocked(n.OrderNo)
	}
}

func (b *backlog) releaseLocked(orderNo string) {
	b.size--
	if b.held[orderNo]--; b.held[orderNo] == 0 {
		delete(b.held, orderNo)
	}
}

func (b *backlog) nudge() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// next takes entries of orders that nobody is weighing, for done. When there are none, or
// it is not yet their turn, it says how long to wait.
func (b *backlog) next(now time.Time) (taken []unweighed, wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) == 0 {
		return nil, time.Hour
	}
	if wait := b.waitLocked(now); wait > 0 {
		return nil, wait
	}
	b.grouped = now
	ours := make(map[string]bool, fewWeighed)
	size := b.groupLocked(now)
	var passed []unweighed // of orders that are being weighed
	looked := 0
	for ; looked < len(b.queue) && len(ours) < size; looked++ {
		w := b.queue[looked]
		if b.busy[w.orderNo] {
			passed = append(passed, w)
			continue
		}
		ours[w.orderNo] = true
		taken = append(taken, w)
	}
	b.takeLocked(looked, passed)
	for orderNo := range ours {
		b.busy[orderNo] = true
	}
	if len(b.queue) > 0 && len(taken) > 0 {
		b.nudge() // for the other weigher
	}
	return taken, time.Hour
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

func (b *backlog) done(taken []unweighed) {
	b.mu.Lock()
	for _, w := range taken {
		delete(b.busy, w.orderNo)
		b.releaseLocked(w.orderNo)
	}
	b.mu.Unlock()
	b.nudge()
}

// others returns those entries whose orders do not wait here.
func (b *backlog) others(list []Entry) []Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.DeleteFunc(list, func(n Entry) bool { return b.held[n.OrderNo] > 0 })
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
