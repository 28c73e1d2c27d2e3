package hub

import "time"

// Visit is one request to watch a topic over HTTP. The caller has authorized it.
type Visit struct {
	Topic    string
	Audience Audience
	// Until is when the leave to watch ends; zero for never.
	Until time.Time
	// Token is what the visitor came with, counted against the limit per token;
	// empty for who is not counted.
	Token string
	// Remote is the address that the visit counts against; a visit without one
	// (of the node itself) counts against the node's limits only.
	Remote string
	// After is the seq that the visitor has; -1 for none.
	After int64
	// Also is a topic open to everybody that is watched besides; empty for none. AlsoAfter
	// is the seq of it that the visitor has.
	Also      string
	AlsoAfter int64
}

// topics are the visits of one topic each that it is made of, its own first.
func (v Visit) topics() []Visit {
	visits := []Visit{v}
	if v.Also != "" {
		visits = append(visits, Visit{Topic: v.Also, Audience: v.Audience, After: v.AlsoAfter})
	}
	return visits
}
