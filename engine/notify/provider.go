package notify

import (
	"context"
	"errors"
	"time"

	"anxin/engine/channel"
)

// Provider sends messages of one channel through one account. Implementations are safe
// for concurrent use, keep no record of messages and try each call once: when and whether
// to try again is decided by who calls.
type Provider interface {
	// Send hands a message over. nil means that the provider took it, not that anybody
	// has read it. Every error is a *SendError; none of them, nor its causes, shows an
	// address, a text or a secret. A call whose request went out and whose answer did not
	// come, or could not be read, is KindMaybeSent, also when ctx ended the wait.
	Send(ctx context.Context, m Message) (Receipt, error)
	// Traits say how the provider is to be treated. They do not change.
	Traits() Traits
}

// Traits are what differs between providers.
type Traits struct {
	Channel Channel
	// Platform is the one platform of devices that a push provider reaches; "" = all
	// addresses of its channel.
	Platform string
	// Repeatable says that the payer sees one message however often the same one is sent:
	// the provider drops repeats by id, or the device replaces by the collapse key. Only
	// then is a message that was maybe sent tried again.
	Repeatable bool
	// Stops says that who answers STOP to a message gets no more of them: the provider
	// sees to it.
	Stops bool
	// Templates says that only approved templates with parameters can be sent.
	Templates bool
}

// Receipt is what a provider said when it took a message.
type Receipt struct {
	ProviderID string // by which receipts name it; "" = there will be none
	Segments   int    // SMS that the text is billed as; 0 = not told
	Cost       Cost   // zero = not told
}

// Cost is a price in a millionth of its currency's unit: an SMS costs fractions of a cent.
type Cost struct {
	Micros   int64
	Currency string // ISO 4217
}

// Status is what is known of a message.
type Status string

// The statuses of messages.
const (
	StatusWaiting   Status = "waiting"    // not sent so far, tried again later
	StatusSending   Status = "sending"    // handed to a provider, no answer yet
	StatusAccepted  Status = "accepted"   // the provider took it
	StatusMaybeSent Status = "maybe_sent" // nobody knows whether the provider took it
	StatusDelivered Status = "delivered"  // it reached the phone, device or mailbox
	StatusFailed    Status = "failed"     // it will not be delivered
	StatusBounced   Status = "bounced"    // taken first, then sent back: the address is bad
	StatusDropped   Status = "dropped"    // never handed over: it was no longer true or allowed
)

// StatusUpdate is one authenticated report of a provider about a message.
type StatusUpdate struct {
	ProviderID  string // of the Receipt
	MessageID   string // ours, where the provider repeats it; one of the two is set
	Status      Status // StatusDelivered, StatusFailed or StatusBounced
	Code        string // neutral: "bad_number", "carrier_blocked"; "" when delivered
	DropAddress bool   // the address will never work again
	At          time.Time
	Segments    int  // 0 = not told
	Cost        Cost // zero = not told
}

// ReceiptParser is a provider that reports later what became of messages.
type ReceiptParser interface {
	// ParseReceipts authenticates a raw request and reads the reports in it. It takes no
	// word of the request on trust before the signature holds and never panics on any
	// bytes. Reports about states in between are left out. Errors are those of package
	// channel: ErrSignature, ErrStale, ErrMalformed.
	ParseReceipts(ctx context.Context, r channel.Request) ([]StatusUpdate, error)
	// AnswerReceipts returns what the provider wants to hear: for nil that the reports are
	// stored, else that they are to be sent again.
	AnswerReceipts(err error) channel.Answer
}

// Inspector is a provider that can look at its own account without sending anything to
// anybody.
type Inspector interface {
	// Inspect asks the provider whether credentials and sender are in order, and the
	// templates that it is to know by these ids. One that cannot be reached is a Finding,
	// not an error. Findings show no secret.
	Inspect(ctx context.Context, templates []string) []Finding
}

// Finding is one thing that was looked at.
type Finding struct {
	Subject string // "credentials", "sign", "template SMS_123"
	State   FindingState
	Code    string // neutral: "not_approved", "unauthorized"; "" when it is in order
}

// FindingState is what the look came to.
type FindingState string

// The states of findings.
const (
	FindingOK      FindingState = "ok"
	FindingFailed  FindingState = "failed"
	FindingUnknown FindingState = "unknown" // the provider cannot be asked
)

// FindingOf makes the finding of what a call came to.
func FindingOf(subject string, err error) Finding {
	if err == nil {
		return Finding{Subject: subject, State: FindingOK}
	}
	if failed, ok := errors.AsType[*SendError](err); ok {
		return Finding{subject, FindingFailed, failed.Code}
	}
	return Finding{subject, FindingFailed, "error"}
}
