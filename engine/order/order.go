package order

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Order is one payment to follow, with the facts that diagnose it. It is a value:
// methods that change it return a Change and leave the receiver as it was.
type Order struct {
	OrderNo    string     `json:"order_no"`
	Backend    string     `json:"backend"` // name of the api key that registered it; its webhook gets the results
	Channel    string     `json:"channel"`
	Merchant   string     `json:"merchant,omitempty"` // account at the channel that evidence must name; empty = not checked
	Mode       Mode       `json:"mode"`
	Amount     Money      `json:"amount"`
	Subject    string     `json:"subject"`
	Payer      Payer      `json:"payer"`
	Links      Links      `json:"links"`
	ExpiresAt  Time       `json:"expires_at"`
	CreatedAt  Time       `json:"created_at"`
	UpdatedAt  Time       `json:"updated_at"`
	Seq        int64      `json:"seq"`
	Payment    Payment    `json:"payment"`
	Fulfilment Fulfilment `json:"fulfilment"`
	Stage      Stage      `json:"stage"`
	ClaimedAt  Time       `json:"claimed_at"`
	SettledAt  Time       `json:"settled_at"` // when the channel's truth became known to us
	SettledSeq int64      `json:"settled_seq"`
	ResolvedAt Time       `json:"resolved_at"`        // when the payer had a result
	AskedAt    Time       `json:"asked_at,omitzero"`  // when the payer first asked to be told the result
	TurnSeq    int64      `json:"turn_seq,omitempty"` // event that brought status and stage as they are
	TurnAt     Time       `json:"turn_at,omitzero"`   // its time
	Reason     string     `json:"reason,omitempty"`
	ChannelTxn string     `json:"channel_txn,omitempty"`
	Refunds    []Refund   `json:"refunds,omitempty"`

	LateSuccess LatePolicy `json:"late_success,omitempty"` // none = accept
	Withheld    LatePolicy `json:"withheld,omitempty"`     // why a late success is not fulfilled; none = it is not withheld
	RetriedAt   Time       `json:"retried_at,omitzero"`    // when a person last had the queries begin anew

	PushedAt      Time     `json:"pushed_at"`        // occurred_at of the newest attempt that the backend pushed
	PaidAt        Time     `json:"paid_at,omitzero"` // occurred_at of the success that the backend pushed
	Attempt       int      `json:"attempt"`          // recovery attempts begun so far
	Attempting    bool     `json:"attempting"`
	NextAttemptAt Time     `json:"next_attempt_at"`
	Expected      Expected `json:"expected"`

	Facts Facts     `json:"facts"`
	Fault Diagnosis `json:"fault,omitempty"` // the last fault found, kept once resolved
	Cases []Case    `json:"cases,omitempty"`
}

// Payer is who paid. Contact is kept apart from the order's state by the store and
// never leaves through Progress, an event or a log.
type Payer struct {
	ID     string   `json:"id"`
	Locale string   `json:"locale,omitempty"`
	Zone   string   `json:"time_zone,omitempty"` // IANA name; empty = not told
	Phone  string   `json:"phone,omitempty"`
	Email  string   `json:"email,omitempty"`
	Push   []string `json:"push,omitempty"`
}

// Links lead the payer out of the page.
type Links struct {
	Detail  string `json:"detail,omitempty"`
	Repay   string `json:"repay,omitempty"`
	Support string `json:"support,omitempty"`
}

// Expected is when payments like this one are known: half of them by TypicalBy, nine
// in ten by LateBy. Basis says where the figures come from.
type Expected struct {
	TypicalBy Time   `json:"typical_by"`
	LateBy    Time   `json:"late_by"`
	Basis     string `json:"basis"`
}

// Wait is how long after the claim half and nine in ten of the payments are known.
type Wait struct {
	Typical time.Duration
	Late    time.Duration
	Basis   string
}

// BasisDefault marks an expectation taken from the configuration, not from history.
const BasisDefault = "default"

// Refund is one refund by its id at the channel.
type Refund struct {
	ID         string `json:"id"`
	Minor      int64  `json:"minor"` // in the order's currency; 0 = failed before its amount was told
	AcceptedAt Time   `json:"accepted_at"`
	CreditedAt Time   `json:"credited_at"`
	FailedAt   Time   `json:"failed_at"`
	Seq        int64  `json:"seq,omitempty"` // event that brought it as it is; 0 = from before that was kept
	At         Time   `json:"at,omitzero"`   // its time
}

// Case is something that a person must look at. At most one of a kind is open.
type Case struct {
	Kind     CaseKind `json:"kind"`
	OpenedAt Time     `json:"opened_at"`
	AnswerBy Time     `json:"answer_by"` // what the payer is promised
	ClosedAt Time     `json:"closed_at"`
	Other    string   `json:"other_order_no,omitempty"` // the other order that it is about
}

// Facts are what diagnosis is computed from.
type Facts struct {
	CallbackAt         Time         `json:"callback_at"`          // first verified callback
	CallbackRejectedAt Time         `json:"callback_rejected_at"` // last one that did not verify or match
	QueryAt            Time         `json:"query_at"`
	Query              QueryOutcome `json:"query,omitempty"` // of the last query
	QueryFailures      int          `json:"query_failures"`  // in a row
	DeliveryFailures   int          `json:"delivery_failures"`
}

// Registration is what a backend says of a new order.
type Registration struct {
	OrderNo   string
	Backend   string
	Channel   string
	Merchant  string
	Mode      Mode
	Amount    Money
	Subject   string
	Payer     Payer
	Links     Links
	ExpiresAt Time
	Deliver   bool // the backend has a webhook, so a success must still be taken in by it

	LateSuccess LatePolicy // of the channel; none = accept
}

// Limits of what a backend may register.
const (
	MaxSubject  = 256  // characters: the longest among the channels (Alipay's subject)
	MaxPayerID  = 128  // bytes
	MaxChannel  = 64   // bytes: a configured name, or the label of a pushed order
	MaxLink     = 2048 // bytes: what every browser and message carries
	MaxPushes   = 10   // devices of one payer
	MaxPushSize = 1024 // bytes of one push address
)

// ValidOrderNo reports whether s can name an order: [A-Za-z0-9_-]{1,64}.
func ValidOrderNo(s string) bool {
	for i := range len(s) {
		b := s[i]
		if (b < 'A' || b > 'Z') && (b < 'a' || b > 'z') && (b < '0' || b > '9') && b != '_' && b != '-' {
			return false
		}
	}
	return 1 <= len(s) && len(s) <= 64
}

// FieldError says which field of a registration or update is wrong, and why.
type FieldError struct {
	Field  string
	Reason string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Reason }

// ErrExists is returned when another order has the number.
var ErrExists = errors.New("an order with this number exists with different content")

// Validate returns a *FieldError for the first field that cannot be accepted.
func (r Registration) Validate() error {
	switch {
	case !ValidOrderNo(r.OrderNo):
		return &FieldError{"order_no", "must match [A-Za-z0-9_-]{1,64}"}
	case r.Mode != Managed && r.Mode != Pushed:
		return &FieldError{"mode", "must be managed or pushed"}
	case len(r.Channel) > MaxChannel || !legible(r.Channel):
		return &FieldError{"channel", fmt.Sprintf("must be at most %d printable bytes", MaxChannel)}
	case r.Payer.ID == "" || len(r.Payer.ID) > MaxPayerID || !legible(r.Payer.ID):
		return &FieldError{"payer.id", fmt.Sprintf("must be 1 to %d printable bytes", MaxPayerID)}
	case strings.TrimSpace(r.Subject) == "" || utf8.RuneCountInString(r.Subject) > MaxSubject || !legible(r.Subject):
		return &FieldError{"subject", fmt.Sprintf("must be 1 to %d characters without control characters", MaxSubject)}
	}
	if err := r.LateSuccess.Validate(); err != nil {
		return err
	}
	if err := r.Amount.Validate(); err != nil {
		field := "amount.minor"
		if errors.Is(err, ErrCurrency) {
			field = "amount.currency"
		}
		return &FieldError{field, err.Error()}
	}
	return r.Payer.validateContact()
}

func (p Payer) validateContact() error {
	for _, f := range []struct{ field, value string }{
		{"payer.locale", p.Locale}, {"payer.time_zone", p.Zone}, {"payer.phone", p.Phone}, {"payer.email", p.Email},
	} {
		if len(f.value) > 254 || !legible(f.value) { // 254: the longest address that SMTP carries (RFC 5321)
			return &FieldError{f.field, "must be at most 254 printable bytes"}
		}
	}
	if _, err := time.LoadLocation(p.Zone); err != nil || p.Zone == "Local" {
		return &FieldError{"payer.time_zone", "must be a name of the IANA time zone database, such as Asia/Shanghai"}
	}
	if len(p.Push) > MaxPushes {
		return &FieldError{"payer.push", fmt.Sprintf("must have at most %d entries", MaxPushes)}
	}
	for _, address := range p.Push {
		if address == "" || len(address) > MaxPushSize || !legible(address) {
			return &FieldError{"payer.push", fmt.Sprintf("each entry must be 1 to %d printable bytes", MaxPushSize)}
		}
	}
	return nil
}

func legible(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// Change is what a method did: the order as it is now and the events that tell it, in
// order of Seq. No events means that nothing changed.
type Change struct {
	Order  Order
	Events []Event

	turn turn // of the order when the last event was emitted
}

// turn is what the payer is in: a change of it is news for messages too.
type turn struct {
	status Status
	stage  Stage
}

func (o Order) turn() turn { return turn{o.Status(), o.Stage} }

// Changed reports whether there is anything to commit.
func (c Change) Changed() bool { return len(c.Events) > 0 }

// Register begins an order at seq 1.
func Register(r Registration, now Time) (Change, error) {
	if err := r.Validate(); err != nil {
		return Change{}, err
	}
	o := Order{
		OrderNo: r.OrderNo, Backend: r.Backend, Channel: r.Channel, Merchant: r.Merchant, Mode: r.Mode,
		Amount: r.Amount, Subject: r.Subject, Payer: r.Payer, Links: r.Links, ExpiresAt: r.ExpiresAt,
		LateSuccess: r.LateSuccess, CreatedAt: now, Payment: Pending, Fulfilment: FulfilmentNone, Stage: Fresh,
	}
	if r.Deliver {
		o.Fulfilment = FulfilmentPending
	}
	c := o.begin()
	c.emit(EventRegistered, now, Detail{})
	return c, nil
}

// SameRegistration reports whether r would register what o already is: registering
// again is then answered with the order instead of a conflict.
func (o Order) SameRegistration(r Registration) bool {
	return o.OrderNo == r.OrderNo && o.Backend == r.Backend && o.Channel == r.Channel && o.Mode == r.Mode &&
		o.Amount == r.Amount && o.Subject == r.Subject && o.Links == r.Links && o.ExpiresAt == r.ExpiresAt &&
		o.Payer.ID == r.Payer.ID && o.Payer.Locale == r.Payer.Locale && o.Payer.Zone == r.Payer.Zone && o.Payer.Phone == r.Payer.Phone &&
		o.Payer.Email == r.Payer.Email && slices.Equal(o.Payer.Push, r.Payer.Push)
}

// Claim records that the payer says "I have paid" and starts the clock of stages and
// expectations. Claiming again, or claiming what is settled, changes nothing.
func (o Order) Claim(now Time, wait Wait) Change {
	c := o.begin()
	if o.ClaimedAt != 0 || o.Status().Final() {
		return c
	}
	c.Order.ClaimedAt = now
	c.Order.Expected = Expected{TypicalBy: now.Add(wait.Typical), LateBy: now.Add(wait.Late), Basis: wait.Basis}
	c.emit(EventClaimed, now, Detail{})
	return c
}

// StageAt returns the stage of the order at now.
func (o Order) StageAt(now Time, limits StageLimits) Stage {
	switch {
	case o.Status().Final():
		return Resolved
	case o.ClaimedAt == 0 || now < o.ClaimedAt.Add(limits.Delayed):
		return Fresh
	case now < o.ClaimedAt.Add(limits.Prolonged):
		return Delayed
	default:
		return Prolonged
	}
}

// EnterStage moves the order into the stage that now asks for. Stages only go
// forward: a node whose clock is behind does not make the wait shorter.
func (o Order) EnterStage(now Time, limits StageLimits) Change {
	c := o.begin()
	if stage := o.StageAt(now, limits); stage.rank() > o.Stage.rank() {
		c.Order.Stage = stage
		c.emit(EventStage, now, Detail{})
	}
	return c
}

// OpenCases returns the open cases, oldest first.
func (o Order) OpenCases() []Case {
	var open []Case
	for _, k := range o.Cases {
		if k.ClosedAt == 0 {
			open = append(open, k)
		}
	}
	return open
}

func (o Order) hasOpenCase(kinds ...CaseKind) bool {
	return slices.ContainsFunc(o.Cases, func(k Case) bool {
		return k.ClosedAt == 0 && slices.Contains(kinds, k.Kind)
	})
}

// AnswerWithin is how long after a case opens the payer is promised an answer.
const AnswerWithin = 24 * time.Hour

// OpenCase asks for a person. It changes nothing while a case of the kind is open.
func (o Order) OpenCase(kind CaseKind, now Time, detail Detail) Change {
	c := o.begin()
	c.openCase(kind, now, detail)
	return c
}

// CloseCase ends the open case of a kind; the caller has recorded who decided what.
func (o Order) CloseCase(kind CaseKind, now Time, detail Detail) Change {
	c := o.begin()
	for i, k := range c.Order.Cases {
		if k.Kind == kind && k.ClosedAt == 0 {
			c.Order.Cases[i].ClosedAt = now
			detail.Case = kind
			c.emit(EventCaseClosed, now, detail)
			break
		}
	}
	return c
}
