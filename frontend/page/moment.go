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

// entry is a line that is still being told.
type entry struct {
	at    order.Time
	text  string
	check int    // the number of a check, else 0
	phase string // of a check: the key of its text
}

// The phases of a check.
const (
	checkRunning  = "timeline.started"
	checkOpen     = "timeline.open"     // ended without a result
	checkAnswered = "timeline.answered" // ended with one
)

// timeline turns moments into lines, the newest first. A check is one line, told at the
// time when it began; frames may have been conflated, so its end may be told first.
func (s situation) timeline() []line {
	var entries []entry
	for _, m := range s.moments {
		entries = s.tell(entries, m)
	}
	lines := make([]line, 0, min(len(entries), maxLines))
	for _, e := range slices.Backward(entries) {
		if len(lines) == maxLines {
			break
		}
		lines = append(lines, line{At: e.at, Time: s.time(e.at), Text: s.entryText(e)})
	}
	return lines
}

func (s situation) tell(entries []entry, m Moment) []entry {
	switch m.Event {
	case order.EventStarted:
		return append(entries, entry{at: m.At, check: m.Attempt, phase: checkRunning})
	case order.EventScheduled:
		known := slices.IndexFunc(entries, func(e entry) bool { return e.check == m.Attempt })
		switch {
		case m.Attempt == 0:
		case known < 0:
			return append(entries, entry{at: m.At, check: m.Attempt, phase: checkOpen})
		case entries[known].phase == checkRunning:
			entries[known].phase = checkOpen
		}
		return entries
	case order.EventStatus:
		for i := range entries {
			if entries[i].phase == checkRunning {
				entries[i].phase = checkAnswered
			}
		}
	default: // told by its text alone
	}
	if text := s.momentText(m); text != "" {
		return append(entries, entry{at: m.At, text: text})
	}
	return entries
}

// entryText never calls a check running that the order's state does not.
func (s situation) entryText(e entry) string {
	if e.check == 0 {
		return e.text
	}
	phase := e.phase
	if phase == checkRunning && (!s.p.Attempting || s.p.Attempt != e.check) {
		phase = checkOpen
	}
	return s.text(phase, vars{"n": strconv.Itoa(e.check)})
}

// momentText is the plain-words form of one event; "" for those that say nothing to a
// payer by themselves.
func (s situation) momentText(m Moment) string {
	switch m.Event {
	case order.EventRegistered:
		return s.text("timeline.registered", nil)
	case order.EventClaimed:
		return s.text("timeline.claimed", nil)
	case order.EventCallback:
		return s.text("timeline.callback", nil)
	case order.EventCaseOpened:
		return s.text("timeline.review", nil)
	case order.EventCaseClosed:
		return s.text("timeline.reviewed", nil)
	case order.EventStatus:
		return s.text(statusKey(m.Status), nil)
	case order.EventStage:
		if m.Status == order.StatusConfirming {
			return s.text("timeline.slow", nil)
		}
		return ""
	default:
		return ""
	}
}

// statusKey says what the order has become. A status that changed to confirming means
// that the money is there and the merchant has not taken the order in yet.
func statusKey(status order.Status) string {
	switch status {
	case order.StatusConfirming:
		return "timeline.received"
	case order.StatusSucceeded:
		return "timeline.succeeded"
	case order.StatusFailed:
		return "timeline.failed"
	case order.StatusClosed:
		return "timeline.closed"
	case order.StatusRefunding:
		return "timeline.refunding"
	case order.StatusRefunded:
		return "timeline.refunded"
	case order.StatusAwaiting:
	}
	return ""
}
