package hub

import "time"

// writeBatch is about how many bytes go out in one write: more would only make
// states wait in the kernel that newer ones could replace here.
const writeBatch = 16 << 10

// outbox is what waits to be written to one client. It is bounded without
// counting: each topic waits at most once, with its newest state.
type outbox struct {
	// first and last chain the subscriptions with a slot by their next, in the
	// order in which they became so.
	first, last *subscription
	notes       [][]byte // pings, pongs and errors, at most maxNotes
	final       []byte   // the close frame, after everything else
}

func (o *outbox) chain(sub *subscription) {
	if o.last == nil {
		o.first = sub
	} else {
		o.last.next = sub
	}
	o.last, sub.chained = sub, true
}

func (o *outbox) unchain() *subscription {
	sub := o.first
	o.first, sub.next, sub.chained = sub.next, nil, false
	if o.first == nil {
		o.last = nil
	}
	return sub
}

// take appends frames to b as the wire has them, about a batch, and returns how many.
// waited is told of each state that was published here.
func (o *outbox) take(b []byte, w wire, now time.Time, waited *histogram) ([]byte, int) {
	n := len(o.notes)
	for _, note := range o.notes {
		b = append(b, note...)
	}
	o.notes = nil // an idle session holds no memory for writing
	for o.first != nil {
		if len(b) >= writeBatch {
			return b, n
		}
		if sub := o.unchain(); sub.slot != nil {
			b = w.state(b, sub.slot, sub.kind, now)
			if !sub.slot.published.IsZero() {
				waited.observe(now.Sub(sub.slot.published))
			}
			sub.slot = nil
			n++
		}
	}
	if o.final != nil {
		b = append(b, o.final...)
		o.final = nil
		n++
	}
	return b, n
}

func (o *outbox) empty() bool { return o.first == nil && o.notes == nil && o.final == nil }

func (o *outbox) drop() {
	for o.first != nil {
		o.unchain().slot = nil
	}
	o.notes, o.final = nil, nil
}
