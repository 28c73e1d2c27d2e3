package hub

import (
	"sync/atomic"
	"time"
)

// Stats is what the hub counts: the first group now, the rest since New.
type Stats struct {
	Connections   int
	Subscriptions int
	Topics        int
	Waits         int

	FramesIn  uint64
	FramesOut uint64
	// Conflations counts states that were replaced by newer ones before the
	// client took them.
	Conflations uint64
	// Repairs counts states that the sweep read because no message brought
	// them: on a healthy bus nearly none.
	Repairs uint64
	// Sweeps counts the looks at all watched topics, which took SweepTime together.
	Sweeps    uint64
	SweepTime time.Duration
	// Waited tells how long published states waited for their write, of which the
	// time in the bus and the network is no part.
	Waited Histogram
	// Errors counts error frames.
	Errors uint64
	// Malformed counts payloads of the bus that could not be decoded.
	Malformed uint64
	// Asked counts the questions of who watches a topic on any node; Partial those that
	// not every node answered.
	Asked, Partial uint64
	// Closes counts connections that the hub ended, by its code; PeerCloses
	// those that the client or the network ended.
	Closes     map[CloseCode]uint64
	PeerCloses uint64
}

type counters struct {
	subscriptions                       atomic.Int64
	in, out, conflations, repairs, errs atomic.Uint64
	malformed, peerCloses, sweeps       atomic.Uint64
	asked, partial                      atomic.Uint64
	sweepTime                           atomic.Int64      // ns
	closes                              [16]atomic.Uint64 // by index in the table
	waited                              histogram         // from publish to write
}

func (c *counters) closed(code CloseCode) {
	c.closes[code.index()].Add(1)
}

// Stats returns the current counts. They are read one after the other, so that
// sums of them may be off by what happens meanwhile.
func (h *Hub) Stats() Stats {
	c := &h.count
	s := Stats{
		Connections:   h.door.connections(),
		Subscriptions: int(c.subscriptions.Load()),
		Topics:        h.topics.count(),
		Waits:         h.door.waiting(),
		FramesIn:      c.in.Load(),
		FramesOut:     c.out.Load(),
		Conflations:   c.conflations.Load(),
		Repairs:       c.repairs.Load(),
		Sweeps:        c.sweeps.Load(),
		SweepTime:     time.Duration(c.sweepTime.Load()),
		Waited:        c.waited.snapshot(),
		Errors:        c.errs.Load(),
		Malformed:     c.malformed.Load(),
		PeerCloses:    c.peerCloses.Load(),
		Asked:         c.asked.Load(),
		Partial:       c.partial.Load(),
		Closes:        make(map[CloseCode]uint64, len(CloseCodes())),
	}
	for i, info := range CloseCodes() {
		s.Closes[info.Code] = c.closes[i].Load()
	}
	return s
}
