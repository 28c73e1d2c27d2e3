package engine

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"anxin/engine/channel"
	"anxin/engine/order"
)

// Store keeps the truth. Reads see everything that was committed before they began.
type Store interface {
	Committer
	OrderReader
	IntakeReader
	Journal
	CallbackLog
	OutboxReader
	OutboxPruner
	TaskClaimer
	AuditReader
	CaseReader
	PauseReader
	SettlementReader
	PromiseReader
	SightingStore
	MessageStore
}

// Committer makes changes durable.
type Committer interface {
	// Commit applies everything in c in one transaction and returns once it is
	// durable (survives kill -9 and power loss). Any error means that nothing of c was
	// written, with one exception that no store can avoid: when ctx ends or the
	// connection breaks in mid-commit, the outcome is unknown until it is read again.
	// Many callers may commit at once; stores group them.
	//
	// ErrConflict: the order's seq is not the expected one (or it exists already).
	// ErrFenced: the task to complete was taken over. ErrDuplicate: a callback with
	// this dedupe key is stored already. ErrKeyUsed: the idempotency key is taken.
	// *PaidTwiceError: the purchase is paid with an order that the commit does not know.
	// *CappedError: a bound on messages is used up.
	Commit(ctx context.Context, c Commit) error
	// CommitEach does what as many calls of Commit at once would do, for less: it returns
	// the outcome of each, in their order, and what one comes to is nothing to the others.
	// Two changes of one order in it are a conflict like any other.
	CommitEach(ctx context.Context, list []Commit) []error
}

// OrderReader reads orders and their timelines.
type OrderReader interface {
	// Order returns an order with its payer's contact, or ErrNotFound.
	Order(ctx context.Context, orderNo string) (order.Order, error)
	// OrdersByNo returns those of the orders that exist, by number.
	OrdersByNo(ctx context.Context, orderNos []string) (map[string]order.Order, error)
	// Views lends those of the orders that exist to each, without their payers' contact,
	// one at a time in any order: what payers are shown, which no contact and so no key of
	// one is needed for. An order is valid until each returns. The first error ends it.
	Views(ctx context.Context, orderNos []string, each func(*order.Order) error) error
	// Orders lists orders, newest registration first, at most f.Limit of them, with
	// the cursor of the next page ("" = the end). A cursor it did not give is
	// ErrBadCursor.
	Orders(ctx context.Context, f Filter) ([]order.Order, string, error)
	// OrdersOfPayer returns a payer's orders at a backend that were registered at or
	// after since, newest first, at most limit.
	OrdersOfPayer(ctx context.Context, backend, payerID string, since order.Time, limit int) ([]order.Order, error)
	// Seqs returns the newest seq of each of the orders that exist.
	Seqs(ctx context.Context, orderNos []string) (map[string]int64, error)
	// Events returns an order's events with seq > after, oldest first.
	Events(ctx context.Context, orderNo string, after int64, limit int) ([]order.Event, error)
	// Key returns what an idempotency key of an order was used for, or ErrNotFound.
	Key(ctx context.Context, orderNo, key string) (Key, error)
}

// IntakeReader reads stored callbacks.
type IntakeReader interface {
	// Callbacks returns the stored callbacks of an order in a state, oldest first.
	Callbacks(ctx context.Context, orderNo string, state CallbackState, limit int) ([]Callback, error)
}

// AuditReader reads what people did.
type AuditReader interface {
	// Audits returns at most limit entries with an id below before (0 = the newest),
	// newest first.
	Audits(ctx context.Context, before int64, limit int) ([]Audit, error)
}

// PauseReader reads what operators hold back.
type PauseReader interface {
	// Pauses returns the newest pause of each target, over or not, by kind and target.
	Pauses(ctx context.Context) ([]Pause, error)
}

// TaskClaimer hands out due tasks. A store that several processes write to keeps leases
// and tokens with its tasks; one that belongs to a single process may keep them in memory,
// since they are worth nothing after it: a task that a dead process held is free at once.
type TaskClaimer interface {
	// ClaimTasks leases at most limit live tasks that are due by dueBy and whose lease
	// ended before now, earliest first, and gives each the fencing token and the new
	// lease end. A task is leased to one claimer only.
	ClaimTasks(ctx context.Context, c Claim) ([]Task, error)
}

// Errors of stores.
var (
	ErrNotFound  = errors.New("not found")
	ErrConflict  = errors.New("order was changed meanwhile")
	ErrFenced    = errors.New("task was taken over")
	ErrDuplicate = errors.New("callback is stored already")
	ErrKeyUsed   = errors.New("idempotency key is used already")
	ErrBadCursor = errors.New("cursor is not one of this list")
)

// Commit is one transaction. Everything in it is optional.
type Commit struct {
	Order     *order.Order // state to write
	Expect    int64        // seq that must be stored now; 0 = the order must not exist
	Events    []order.Event
	Tasks     []TaskWrite
	Callbacks []Callback      // new ones, refused as a whole when one is a duplicate
	Processed []CallbackKey   // stored ones that are settled now
	Reopened  []CallbackKey   // stored ones that are pending again
	Rejected  *Rejections     // refused ones to keep
	Readmits  string          // id of a refused one that is stored as a callback now
	Expire    *Expiry         // what has waited long enough
	Webhooks  []Webhook       // new ones
	Accepted  *WebhookOutcome // a webhook that the backend accepted or that was given up
	Delivery  *Delivery       // a try to deliver one of the order's webhooks
	Endpoint  *Endpoint       // as it is now
	Key       *Key            // idempotency key to take
	Fence     *Fence          // the task this commit speaks for
	Audit     *Audit          // the person this commit is done for
	Cases     []Case          // as they are now, new or closed
	Resolved  *Case           // how a person closes a case of the order: Cases is made from it, stores ignore it
	Pause     *Pause          // replaces the one of its target
	Recall    *Recall         // tasks to bring forward

	Settlement     *Settlement // as it is now; one that is done stays as it is
	SettlementRows []SettlementRow
	Promises       []Promise    // shown by this change of the order
	Ended          []PromiseEnd // settled by it
	Purchase       *Purchase    // what the change of the order pays for, or gives back

	Messages *MessageWrites
}

// TaskKind names what a task does.
type TaskKind string

// The kinds of tasks.
const (
	TaskQuery   TaskKind = "query"
	TaskDeliver TaskKind = "deliver"
	TaskProcess TaskKind = "process"
	TaskStage   TaskKind = "stage"
	TaskSettle  TaskKind = "settle" // of a settlement: its id stands for the order's number
	TaskNotify  TaskKind = "notify" // target: the channel of the messages, with "/refund" of those about refunds
)

// TaskKey identifies the one live task of its kind and target of an order.
type TaskKey struct {
	OrderNo string
	Kind    TaskKind
	Target  string // channel or backend name: what is paused and bounded together
}

// Task is work that is owed at a time.
type Task struct {
	TaskKey
	DueAt      order.Time
	Tries      int   // runs so far that did not complete it
	Token      int64 // fencing token of the current lease
	LeaseUntil order.Time
}

// TaskWrite puts a task in place of the one with its key, whatever that was, or
// deletes it. A task may be born leased: the node that commits it then fires it from
// memory without claiming it first.
type TaskWrite struct {
	Task
	Delete bool
}

// Fence makes a commit conditional on still holding a task's lease. One that has ended is
// held until another takes the task; a task that was written free is held by nobody.
type Fence struct {
	TaskKey
	Token int64
}

// Claim asks for due tasks.
type Claim struct {
	DueBy      order.Time
	Now        order.Time
	LeaseUntil order.Time
	Token      int64
	Limit      int
}

// CallbackState is what became of a stored callback.
type CallbackState string

// The states of callbacks.
const (
	CallbackProcessed   CallbackState = "processed"
	CallbackPending     CallbackState = "pending"     // stored, and to be weighed by a task
	CallbackQuarantined CallbackState = "quarantined" // waits for its order to be registered
)

// CallbackKey identifies a stored callback.
type CallbackKey struct {
	Channel   string
	DedupeKey string
}

// Callback is one authenticated notification with the raw request it came in.
type Callback struct {
	CallbackKey
	OrderNo      string
	State        CallbackState
	Notification channel.Notification
	Raw          channel.Request
}

// Webhook is one message owed to a backend.
type Webhook struct {
	ID        string // webhook-id, stable over retries
	OrderNo   string
	Seq       int64 // of the event that caused it
	Type      string
	Body      json.RawMessage
	CreatedAt order.Time
}

// WebhookOutcome ends a webhook.
type WebhookOutcome struct {
	ID       string
	Accepted bool // false: given up
	At       order.Time
}

// Key is an idempotency key with the fingerprint of the request that took it.
type Key struct {
	OrderNo string
	Key     string
	Hash    string
	Seq     int64 // of the order after the request
	At      order.Time
}

// Audit is one act of a person: what was done, to what, by whom and why.
type Audit struct {
	ID     int64 // rises with each entry; given by the store
	At     order.Time
	Actor  string // name of the operator's key
	Action string // "callbacks.replay"
	Target string // what it was done to: an order, a channel, a case
	Reason string // in the actor's words
}

// Filter selects orders. Zero fields select all.
type Filter struct {
	Backend   string // whose orders
	Status    order.Status
	Channel   string
	Diagnosis order.Diagnosis
	Stage     order.Stage
	Since     order.Time // registered at or after
	Until     order.Time // registered before
	Limit     int
	Cursor    string
}

// Listener is told what this node committed, after it is durable. Committed must not
// block. Two changes of one order may be told in either order; seq tells which is newer.
type Listener interface {
	Committed(o order.Order, events []order.Event)
}

// Sender delivers a signed webhook to a backend. It returns a *DeliveryError unless the
// backend accepted it, and in both cases what the backend answered.
type Sender interface {
	Send(ctx context.Context, backend string, w Webhook) (Reply, error)
}

// MaxReply bounds, in bytes, what is kept of a backend's answer: enough for the message
// of an error, too little to fill the store.
const MaxReply = 2 << 10

// Reply is what a backend answered to a webhook; zero when no answer came.
type Reply struct {
	Status int    // of HTTP
	Body   string // valid UTF-8 of at most MaxReply bytes that holds none of our secrets
}

// DeliveryError says why a backend did not accept a webhook.
type DeliveryError struct {
	Code       string // "timeout", "connection", "http_500"
	RetryAfter time.Duration
	Err        error
}

func (e *DeliveryError) Error() string { return "deliver: " + e.Code }

// Unwrap returns the cause.
func (e *DeliveryError) Unwrap() error { return e.Err }
