package store

import "anxin/engine/order"

// storedOrder and storedEvent are what the columns state and event hold: the names of the
// wire, without what is zero. Most of an order is zero for most of its life, and each byte
// is written with every change of state. The conversions compile only while both have
// the same fields in the same order, so that no new field can be forgotten here.

// storedOrder has every field.
type storedOrder struct {
	OrderNo    string           `json:"order_no,omitzero"`
	Backend    string           `json:"backend,omitzero"`
	Channel    string           `json:"channel,omitzero"`
	Merchant   string           `json:"merchant,omitzero"`
	Mode       order.Mode       `json:"mode,omitzero"`
	Amount     order.Money      `json:"amount,omitzero"`
	Subject    string           `json:"subject,omitzero"`
	Payer      order.Payer      `json:"payer,omitzero"`
	Links      order.Links      `json:"links,omitzero"`
	ExpiresAt  order.Time       `json:"expires_at,omitzero"`
	CreatedAt  order.Time       `json:"created_at,omitzero"`
	UpdatedAt  order.Time       `json:"updated_at,omitzero"`
	Seq        int64            `json:"seq,omitzero"`
	Payment    order.Payment    `json:"payment,omitzero"`
	Fulfilment order.Fulfilment `json:"fulfilment,omitzero"`
	Stage      order.Stage      `json:"stage,omitzero"`
	ClaimedAt  order.Time       `json:"claimed_at,omitzero"`
	SettledAt  order.Time       `json:"settled_at,omitzero"`
	SettledSeq int64            `json:"settled_seq,omitzero"`
	ResolvedAt order.Time       `json:"resolved_at,omitzero"`
	Reason     string           `json:"reason,omitzero"`
	ChannelTxn string           `json:"channel_txn,omitzero"`
	Refunds    []order.Refund   `json:"refunds,omitzero"`

	PushedAt      order.Time     `json:"pushed_at,omitzero"`
	Attempt       int            `json:"attempt,omitzero"`
	Attempting    bool           `json:"attempting,omitzero"`
	NextAttemptAt order.Time     `json:"next_attempt_at,omitzero"`
	Expected      order.Expected `json:"expected,omitzero"`

	Facts order.Facts     `json:"facts,omitzero"`
	Fault order.Diagnosis `json:"fault,omitzero"`
	Cases []order.Case    `json:"cases,omitzero"`
}

// storedEvent leaves to their columns what has one.
type storedEvent struct {
	OrderNo       string          `json:"-"`
	Seq           int64           `json:"-"`
	Type          order.EventType `json:"-"`
	At            order.Time      `json:"-"`
	Status        order.Status    `json:"status,omitzero"`
	Stage         order.Stage     `json:"stage,omitzero"`
	Attempt       int             `json:"attempt,omitzero"`
	NextAttemptAt order.Time      `json:"next_attempt_at,omitzero"`
	Detail        order.Detail    `json:"detail,omitzero"`
}
