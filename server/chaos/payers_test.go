package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"anxin/engine/order"
)

// topicsEach is how many orders one connection watches. The server allows 100, and 120
// frames at once: enough here to subscribe to all, report what is seen of them and leave.
const topicsEach = 30

// payers watch every order over raw sockets, so that nothing on the way sorts out what
// the server should not have sent.
type payers struct {
	w     *world
	phone []*phone
	all   sync.WaitGroup
	stop  context.CancelFunc
}

// phone is one connection, made again whenever it breaks.
type phone struct {
	w     *world
	index int
	wake  chan struct{}

	mu      sync.Mutex // guards what follows
	wishes  []*wish
	seen    map[string]*sight
	reports []report
	marks   [][]mark        // what the server has heard once it answers the ping after it
	ages    []time.Duration // of the states in update frames, when they came
}

// wish is an order that a payer wants to see, until he leaves.
type wish struct {
	f    *fate
	gone bool
}

// report says that a state is on the screen.
type report struct {
	no  string
	seq int64
}

// mark is done once the server has heard a frame.
type mark func(at time.Time)

// sight is what the payer of an order has been shown, and what the server knows of that.
type sight struct {
	seq     int64
	frames  int
	last    order.Progress
	since   time.Time // watched since; zero = not now
	watched []span
	seen    []sighting
}

// sighting is a report that the server has heard.
type sighting struct {
	seq int64
	at  time.Time
}

func newPayers(w *world) *payers {
	ctx, stop := context.WithCancel(w.ctx)
	p := &payers{w: w, stop: stop}
	for i := range (len(w.fates) + topicsEach - 1) / topicsEach {
		ph := &phone{w: w, index: i, wake: make(chan struct{}, 1), seen: make(map[string]*sight)}
		p.phone = append(p.phone, ph)
		p.all.Go(func() { ph.run(ctx) })
	}
	return p
}

func (p *payers) end() { p.stop(); p.all.Wait() }

func (p *payers) watch(f *fate, token string) {
	if token == "" {
		return
	}
	ph := p.phone[f.index/topicsEach]
	ph.mu.Lock()
	ph.wishes = append(ph.wishes, &wish{f: f})
	ph.mu.Unlock()
	ph.nudge()
}

// leave closes the page of an order.
func (p *payers) leave(f *fate) { p.wish(f, true) }

// comeBack opens it again.
func (p *payers) comeBack(f *fate) { p.wish(f, false) }

func (p *payers) wish(f *fate, gone bool) {
	ph := p.phone[f.index/topicsEach]
	ph.mu.Lock()
	for _, w := range ph.wishes {
		if w.f == f {
			w.gone = gone
		}
	}
	ph.mu.Unlock()
	ph.nudge()
}

func (ph *phone) nudge() {
	select {
	case ph.wake <- struct{}{}:
	default:
	}
}

// sight returns what was shown of an order last.
func (p *payers) sight(f *fate) sight {
	ph := p.phone[f.index/topicsEach]
	ph.mu.Lock()
	defer ph.mu.Unlock()
	if s := ph.seen[f.no]; s != nil {
		shown := *s
		shown.watched, shown.seen = slices.Clone(s.watched), slices.Clone(s.seen)
		return shown
	}
	return sight{}
}

// ages returns how old the states were that update frames brought, youngest first.
func (p *payers) ages() []time.Duration {
	var all []time.Duration
	for _, ph := range p.phone {
		ph.mu.Lock()
		all = append(all, ph.ages...)
		ph.mu.Unlock()
	}
	slices.Sort(all)
	return all
}

func (ph *phone) run(ctx context.Context) {
	for {
		select { // a connection without a wish would be sent away
		case <-ctx.Done():
			return
		case <-ph.wake:
		}
		for ph.w.server.await(ctx) {
			ph.connect(ctx)
			wait(ctx, 100*time.Millisecond)
		}
	}
}

// connect watches until the connection breaks.
func (ph *phone) connect(ctx context.Context) {
	dialer := websocket.Dialer{Subprotocols: []string{"anxin.v1"}, HandshakeTimeout: 10 * time.Second}
	conn, resp, err := dialer.DialContext(ctx, "ws"+strings.TrimPrefix(ph.w.server.base(), "http")+"/v1/live",
		http.Header{"X-Forwarded-For": {fmt.Sprintf("10.200.%d.%d", ph.index>>8, ph.index&255)}})
	if err != nil {
		if resp != nil && resp.StatusCode < 500 {
			ph.w.wrongs.add("handshake", "%s", resp.Status)
		}
		return
	}
	ctx, stop := context.WithCancel(ctx)
	unhook := context.AfterFunc(ctx, func() { _ = conn.Close() })
	var writer sync.WaitGroup
	writer.Go(func() { ph.subscribe(ctx, conn) })
	for {
		_, raw, err := conn.ReadMessage()
		if err != nil {
			break
		}
		ph.take(raw)
	}
	stop()
	writer.Wait()
	if unhook() {
		_ = conn.Close()
	}
	ph.cutOff()
	ph.nudge() // whatever was wished meanwhile is asked for again
}

// cutOff ends what hangs on a connection: nobody knows what was heard of the last frames.
func (ph *phone) cutOff() {
	ph.mu.Lock()
	defer ph.mu.Unlock()
	ph.marks, ph.reports = nil, nil
	for _, s := range ph.seen {
		s.endWatch(time.Now())
	}
}

func (s *sight) endWatch(at time.Time) {
	if !s.since.IsZero() {
		s.watched = append(s.watched, span{s.since, at})
		s.since = time.Time{}
	}
}

// subscribe asks for every order that is wished, now and later, from where it left off,
// and tells what was seen and who has left.
func (ph *phone) subscribe(ctx context.Context, conn *websocket.Conn) {
	const burst, gap = 100, 120 * time.Millisecond // frames; see hub.Limits.FrameRate
	asked, sent := make(map[*wish]bool), 0
	for {
		frames := ph.frames(asked)
		for _, frame := range frames {
			if conn.WriteJSON(frame) != nil {
				return
			}
		}
		if sent += len(frames); sent > burst {
			wait(ctx, time.Duration(len(frames))*gap)
		}
		select {
		case <-ctx.Done():
			return
		case <-ph.wake:
		}
	}
}

// frames returns what is to be said now, with a ping behind what has to be known as heard.
func (ph *phone) frames(asked map[*wish]bool) []object {
	ph.mu.Lock()
	defer ph.mu.Unlock()
	var list []object
	var marks []mark
	for _, r := range ph.reports {
		s := ph.seen[r.no]
		list = append(list, object{"type": "seen", "topic": "order:" + r.no, "seq": r.seq})
		marks = append(marks, func(at time.Time) { s.seen = append(s.seen, sighting{r.seq, at}) })
	}
	ph.reports = nil
	for _, w := range ph.wishes {
		if w.gone == !asked[w] {
			continue
		}
		asked[w] = !w.gone
		f, s := w.f, ph.seen[w.f.no]
		if w.gone {
			list = append(list, object{"type": "unsubscribe", "topic": "order:" + f.no})
			if s != nil {
				s.endWatch(time.Now())
			}
			continue
		}
		f.mu.Lock()
		frame := object{"type": "subscribe", "topic": "order:" + f.no, "token": f.token}
		f.mu.Unlock()
		if s != nil {
			frame["after"] = s.seq
		}
		list = append(list, frame)
	}
	if len(marks) > 0 {
		ph.marks = append(ph.marks, marks)
		list = append(list, object{"type": "ping"})
	}
	return list
}

// pong tells that all frames before a ping were heard.
func (ph *phone) pong() {
	ph.mu.Lock()
	defer ph.mu.Unlock()
	if len(ph.marks) == 0 {
		return
	}
	at := time.Now()
	for _, m := range ph.marks[0] {
		m(at)
	}
	ph.marks = ph.marks[1:]
}

// take holds one frame against those before it.
func (ph *phone) take(raw []byte) {
	var f struct {
		Type  string          `json:"type"`
		Topic string          `json:"topic"`
		Seq   int64           `json:"seq"`
		Event string          `json:"event"`
		Code  string          `json:"code"`
		Data  json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(raw, &f); err != nil {
		ph.w.wrongs.add("frame", "%v in %s", err, raw)
		return
	}
	no := strings.TrimPrefix(f.Topic, "order:")
	switch f.Type {
	case "snapshot", "update", "current":
	case "pong":
		ph.pong()
		return
	case "error":
		ph.w.wrongs.add("error frame", "%s %s", f.Topic, f.Code)
		return
	default:
		return
	}
	ph.mu.Lock()
	defer ph.mu.Unlock()
	s := ph.seen[no]
	if s == nil {
		s = &sight{}
		ph.seen[no] = s
	}
	if f.Seq < s.seq || (f.Seq == s.seq && f.Type == "update") {
		ph.w.wrongs.add("seq went back", "%s: %s of seq %d after seq %d", no, f.Type, f.Seq, s.seq)
	}
	s.seq = max(s.seq, f.Seq)
	here := slices.ContainsFunc(ph.wishes, func(w *wish) bool { return w.f.no == no && !w.gone })
	if here && s.since.IsZero() {
		s.since = time.Now()
	}
	if len(f.Data) == 0 {
		return
	}
	var next order.Progress
	if err := json.Unmarshal(f.Data, &next); err != nil {
		ph.w.wrongs.add("frame", "%s: %v", no, err)
		return
	}
	if f.Type == "update" {
		ph.ages = append(ph.ages, time.Since(next.UpdatedAt.Std()))
	}
	if s.frames++; s.frames > 1 {
		if why := downgrade(ph.w.byNo[no].kind, s.last, next); why != "" {
			ph.w.wrongs.add("downgrade", "%s (%s): %s between seq %d and %d", no, ph.w.byNo[no].kind, why, s.last.Seq, next.Seq)
		}
	}
	if here && ph.w.byNo[no].attends && (next.Status != s.last.Status || next.Stage != s.last.Stage) {
		ph.reports = append(ph.reports, report{no, f.Seq})
		ph.nudge()
	}
	s.last = next
}

// downgrade says what a payer must not see after what was seen, "" for nothing.
func downgrade(k kind, before, after order.Progress) string {
	switch {
	case after.Seq != 0 && after.Seq < before.Seq:
		return "an older state"
	case after.Attempt < before.Attempt:
		return fmt.Sprintf("attempt %d after %d", after.Attempt, before.Attempt)
	case before.ClaimedAt != 0 && after.ClaimedAt != before.ClaimedAt:
		return "another time of the claim"
	case after.Status == order.StatusConfirming && !after.DoNotPayAgain:
		return "an invitation to pay again while confirming"
	case !mayFollow(k, before.Status, after.Status):
		return fmt.Sprintf("%s after %s", after.Status, before.Status)
	}
	return ""
}

// mayFollow is what a payer may be shown one after the other. What is final is
// contradicted only by a late success and by a refund that failed.
func mayFollow(k kind, before, after order.Status) bool {
	late := k == closedPaid || k == failedPaid
	switch before {
	case after, order.StatusAwaiting:
		return true
	case order.StatusConfirming:
		return after != order.StatusAwaiting
	case order.StatusFailed, order.StatusClosed:
		return late && (after == order.StatusConfirming || after == order.StatusSucceeded)
	case order.StatusSucceeded:
		return after == order.StatusRefunding || after == order.StatusRefunded
	case order.StatusRefunding:
		return after == order.StatusRefunded || (k == refundFails && (after == order.StatusSucceeded || after == order.StatusConfirming))
	case order.StatusRefunded:
		return false
	}
	return false
}
