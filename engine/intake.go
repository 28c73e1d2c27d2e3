package engine

import (
	"context"

	"anxin/engine/channel"
	"anxin/engine/order"
)

// CallbackLog shows what channels sent: what is stored and what was refused.
type CallbackLog interface {
	// CallbackRecords lists callbacks, newest first, without their contents, at most
	// f.Limit of them, with the cursor of the next page ("" = the end). A cursor it did
	// not give is ErrBadCursor.
	CallbackRecords(ctx context.Context, f CallbackFilter) ([]CallbackRecord, string, error)
	// CallbackRecord returns one with its contents, or ErrNotFound. An id is good until
	// the callback expires or moves between the stored and the refused.
	CallbackRecord(ctx context.Context, id string) (CallbackRecord, error)
	// Quarantined returns how many callbacks wait for their orders to be registered.
	Quarantined(ctx context.Context) (int64, error)
}

// CallbackRejected is the state of a callback that was refused, or that waited in vain
// for its order. Such callbacks are kept apart from the others and are never weighed
// unless an operator replays them.
const CallbackRejected CallbackState = "rejected"

// CallbackFilter selects callbacks. Zero fields select all.
type CallbackFilter struct {
	State   CallbackState
	Channel string
	OrderNo string
	Since   order.Time // received at or after
	Until   order.Time // received before
	Limit   int
	Cursor  string
}

// CallbackRecord is one callback as operators see it.
type CallbackRecord struct {
	ID         string
	Channel    string
	DedupeKey  string // "" when rejected: nothing in it was authenticated
	OrderNo    string // of a rejected one the sender's word
	State      CallbackState
	Reason     string // why it was rejected
	ReceivedAt order.Time

	// In lists empty:

	Notification channel.Notification // zero when rejected
	Raw          channel.Request
}

// Rejection is a callback that was refused, with the reason.
type Rejection struct {
	Channel   string
	OrderNo   string // as the callback names it, unauthenticated; "" = none
	Reason    string
	ExpiresAt order.Time
	Raw       channel.Request
}

// Rejections are refused callbacks to be kept, and how much is kept of each channel in
// them: whatever is beyond either bound is deleted, oldest first. Those that an expiry
// made are authentic, and are not pushed out by what anybody can send.
type Rejections struct {
	New   []Rejection
	Keep  int   // callbacks
	Bytes int64 // of their stored form
}

// Expiry ends what has waited long enough. A callback in quarantine becomes a rejected
// one, with ReasonUnknownOrder.
type Expiry struct {
	RejectedBefore    order.Time // rejected ones whose ExpiresAt is before
	QuarantinedBefore order.Time // quarantined ones that were received before
	KeepUntil         order.Time // ExpiresAt of those as rejected ones
	Limit             int        // of each
}

// ReasonUnknownOrder is why a callback that waited in vain for its order is rejected.
const ReasonUnknownOrder = "unknown_order"
