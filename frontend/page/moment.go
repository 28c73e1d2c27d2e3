package page

import (
	"slices"
	"strconv"

	"anxin/engine/order"
)

// Moment is one public event of the order, as the timeline needs it: what happened,
// when, and the state that it led to.
type Moment struct {
	Seq     int64           `json:"seq"`
	At      order.Time      `json:"at"`
	Event   order.EventType `json:"event"`
	Status  order.Status    `json:"status"`
	Attempt int             `json:"attempt"`
}

// Moments picks from an order's events, given in order of seq, what its timeline shows:
// the public ones, without cases that concern the merchant alone.
func Moments(events []order.Event) []Moment {
	moments := make([]Moment, 0, len(events))
	for _, e := range events {
		if !e.Type.Public() || e.Detail.Case == order.CaseLateSuccess {
			continue
		}
		moments = append(moments, Moment{Seq: e.Seq, At: e.At, Event: e.Type, Status: e.Status, Attempt: e.Attempt})
	}
	return moments
}

// maxLines bounds the timeline: three days of hourly checks would bury the page.
const maxLines = 12

// line is one entry of the timeline.
type line struct {
	At   order.Time `json:"at"`
	Time string     `json:"time"`
	Text string     `json:"text"`
}

// timeline turns moments into lines, the newest first. A check is one line: it begins
// as "started" and becomes "no result yet" when the next one is scheduled.
func (s situation) timeline() []line {
	type entry struct {
		at      order.Time
		text    string
		attempt int // of a check that is still running, else 0
	}
	var entries []entry
	for _, m := range s.moments {
		if m.Event == order.EventScheduled {
			last := len(entries) - 1
			if last >= 0 && entries[last].attempt == m.Attempt && m.Attempt > 0 {
				entries[last] = entry{at: m.At, text: s.text("timeline.open", vars{"n": strconv.Itoa(m.Attempt)})}
			}
			continue
		}
		if text := s.momentText(m); text != "" {
			e := entry{at: m.At, text: text}
			if m.Event == order.EventStarted {
				e.attempt = m.Attempt
			}
			entries = append(entries, e)
		}
	}
	lines := make([]line, 0, min(len(entries), maxLines))
	for _, e := range slices.Backward(entries) {
		if len(lines) == maxLines {
			break
		}
		lines = append(lines, line{At: e.at, Time: s.time(e.at), Text: e.text})
	}
	return lines
}

// eventTexts are the events that say the same whatever the state.
var eventTexts = map[order.EventType]string{
	order.EventRegistered: "timeline.registered",
	order.EventClaimed:    "timeline.claimed",
	order.EventCallback:   "timeline.callback",
	order.EventCaseOpened: "timeline.review",
	order.EventCaseClosed: "timeline.reviewed",
}

// statusTexts say what the order has become. A status that changed to confirming means
// that the money is there and the merchant has not taken the order in yet.
var statusTexts = map[order.Status]string{
	order.StatusConfirming: "timeline.received",
	order.StatusSucceeded:  "timeline.succeeded",
	order.StatusFailed:     "timeline.failed",
	order.StatusClosed:     "timeline.closed",
	order.StatusRefunding:  "timeline.refunding",
	order.StatusRefunded:   "timeline.refunded",
}

// momentText is the plain-words form of one event; "" for those that say nothing to a
// payer by themselves.
func (s situation) momentText(m Moment) string {
	key := eventTexts[m.Event]
	switch {
	case m.Event == order.EventStarted:
		return s.text("timeline.started", vars{"n": strconv.Itoa(m.Attempt)})
	case m.Event == order.EventStatus:
		key = statusTexts[m.Status]
	case m.Event == order.EventStage && m.Status == order.StatusConfirming:
		key = "timeline.slow"
	}
	return s.text(key, nil)
}
