package order

import "slices"

// Event is one line of an order's timeline, the same for every reader. Its own fields
// are public, Detail is for agents and the backend only.
type Event struct {
	OrderNo       string    `json:"order_no"`
	Seq           int64     `json:"seq"`
	Type          EventType `json:"type"`
	At            Time      `json:"at"`
	Status        Status    `json:"status"`
	Stage         Stage     `json:"stage"`
	Attempt       int       `json:"attempt"`
	NextAttemptAt Time      `json:"next_attempt_at"`
	Detail        Detail    `json:"detail,omitzero"`
}

// Detail is the internal part of an event: codes, never free text from a channel.
type Detail struct {
	Payment   Payment      `json:"payment,omitempty"`
	Diagnosis Diagnosis    `json:"diagnosis,omitempty"`
	Source    Source       `json:"source,omitempty"`
	Work      Work         `json:"work,omitempty"`
	Query     QueryOutcome `json:"query,omitempty"`
	Code      string       `json:"code,omitempty"` // neutral error code: "timeout", "http_503", "bad_signature"
	Case      CaseKind     `json:"case,omitempty"`
	Other     string       `json:"other_order_no,omitempty"` // the other order that a case is about
	RefundID  string       `json:"refund_id,omitempty"`
	Actor     string       `json:"actor,omitempty"`
	Message   string       `json:"message_id,omitempty"`
	Notice    string       `json:"notice,omitempty"`  // what the message tells
	Via       string       `json:"via,omitempty"`     // the channel that it goes by
	To        string       `json:"to,omitempty"`      // masked
	Wording   string       `json:"wording,omitempty"` // what the payer agreed to; see ValidWording
}

// begin copies what methods change in place.
func (o Order) begin() Change {
	o.Refunds = slices.Clone(o.Refunds)
	o.Cases = slices.Clone(o.Cases)
	return Change{Order: o, turn: o.turn()}
}

// emit closes one change: seq rises by one and the event records the state after it.
func (c *Change) emit(t EventType, now Time, d Detail) {
	o := &c.Order
	o.Seq++
	o.UpdatedAt = max(now, o.UpdatedAt) // clocks of two nodes may differ; the timeline never runs backwards
	o.resolve()
	if now := o.turn(); now != c.turn {
		c.turn, o.TurnSeq, o.TurnAt = now, o.Seq, o.UpdatedAt
	}
	d.Payment, d.Diagnosis = o.Payment, o.Diagnosis()
	if d.Diagnosis.Located() || d.Diagnosis == DiagnosisConflict || d.Diagnosis == DiagnosisChannelSilent {
		o.Fault = d.Diagnosis
	}
	c.Events = append(c.Events, Event{
		OrderNo: o.OrderNo, Seq: o.Seq, Type: t, At: o.UpdatedAt, Status: o.Status(), Stage: o.Stage,
		Attempt: o.Attempt, NextAttemptAt: o.NextAttemptAt, Detail: d,
	})
}

// resolve keeps stage and moment of resolution true to the status. A late success, or a
// refund that failed, can take a final status back to confirming: a new wait begins,
// and it begins fresh until EnterStage says otherwise.
func (o *Order) resolve() {
	switch {
	case !o.Status().Final():
		if o.Stage == Resolved {
			o.Stage = Fresh
		}
		o.ResolvedAt = 0
	case o.ResolvedAt == 0:
		o.Stage, o.ResolvedAt = Resolved, o.UpdatedAt
	}
}

func (c *Change) openCase(kind CaseKind, now Time, d Detail) {
	if c.Order.hasOpenCase(kind) {
		return
	}
	c.Order.Cases = append(c.Order.Cases, Case{Kind: kind, OpenedAt: now, AnswerBy: now.Add(AnswerWithin), Other: d.Other})
	d.Case = kind
	c.emit(EventCaseOpened, now, d)
}
