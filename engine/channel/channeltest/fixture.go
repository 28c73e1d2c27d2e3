package channeltest

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"anxin/engine/channel"
	"anxin/engine/order"
)

// Fixture is one adapter together with its provider, played by the adapter's test.
type Fixture interface {
	// Provider tells what this provider is like. It is the same each time.
	Provider() Provider
	// Open returns the adapter, configured for Provider().Merchant and a gateway at a
	// URL without a trailing slash. It has no clock but the real one.
	Open(t testing.TB, gateway string) channel.Channel
	// Callback makes a callback as the provider would send it, signed by an
	// implementation other than the adapter's.
	Callback(t testing.TB, c Callback) channel.Request
	// Sign makes a callback of any body, validly signed at a time as far as such a body
	// can be. Where fields and not bytes are signed, it adds the signature to them.
	Sign(t testing.TB, body []byte, at time.Time) channel.Request
	// Answer is the provider's gateway: it answers r, which it may check, as the script
	// says. HTTP's own failures are played by the suite.
	Answer(t testing.TB, w http.ResponseWriter, r *http.Request, s Script)
}

// Provider says what a provider is like, and what it cannot do.
type Provider struct {
	Merchant string         // what evidence must name, "" = it names none
	Price    order.Money    // of the suite's orders; at least 100 minor units
	Success  channel.Answer // to a callback that is stored
	// Headers are those without which no callback verifies.
	Headers []string
	// SignsFields says that the signature covers decoded fields: the same fields in
	// another encoding are the same callback. Otherwise it covers the raw body.
	SignsFields bool
	Freshness   time.Duration // of callbacks; 0 = they verify at any age
	Lacks       []channel.Capability

	// Notified are the words by which callbacks tell states, Answered those of answers to
	// queries: each is tried, refunds in whole and in part. Unnotified and Unanswered are
	// the states for which there is no word. Each of the eight must be in one of the two.
	Notified, Answered     []Word
	Unnotified, Unanswered []order.Claimed

	// RefundsAlone says that callbacks about refunds do not name what was paid: they are
	// weighed against an order of which that is known.
	RefundsAlone bool
	// NoUnrelated says that all callbacks are about orders, NoProbes that the provider
	// never sends wrong signatures on purpose.
	NoUnrelated, NoProbes bool
	// UnsignedAnswers says that answers are trusted because of TLS alone.
	UnsignedAnswers bool
	// Secrets are the credentials that the adapter was given, and whatever of a payer the
	// fixture puts into callbacks and answers besides MarkedPayer: none may be found in
	// evidence or in the text of an error.
	Secrets []string
}

func (p Provider) lacks(c channel.Capability) bool { return slices.Contains(p.Lacks, c) }

// MarkedPayer is what fixtures put wherever the provider names the payer: an openid, a
// buyer's login, an e-mail address. It must not come out of the adapter.
const MarkedPayer = "marked-payer-5d41402abc"

// Word is one of a provider's names for a state. The adapter must read it as Claims.
type Word struct {
	State  string
	Claims order.Claimed
}

// Told is what the provider says of a payment.
type Told struct {
	OrderNo  string
	Merchant string
	Amount   order.Money
	Word               // what state the payment, or the refund, is in
	Txn      string    // the provider's number of the payment
	Refund   *Refund   // of the claims that are about a refund
	At       time.Time // when the payment reached its state, in whole seconds
}

// Refund is one refund of a payment that succeeded.
type Refund struct {
	ID     string
	Amount order.Money // as much as was paid, or less
	At     time.Time   // when it reached its state
}

// Callback is what a callback is to be like.
type Callback struct {
	ID         string // by which the provider names it, on each delivery
	Told       Told
	SignedAt   time.Time
	ReceivedAt time.Time
	Twist      Twist
}

// Twist is what is wrong with a callback.
type Twist string

// The twists.
const (
	Straight       Twist = ""
	TwistWrongKey  Twist = "wrong_key"      // signed with a key of the right kind that is not the provider's
	TwistProbe     Twist = "probe"          // what the provider sends to see whether signatures are checked
	TwistRepeated  Twist = "repeated_field" // validly signed; the order's number is there twice, the second is another
	TwistUnrelated Twist = "unrelated"      // validly signed, about nothing that concerns an order
)

// Script is what the gateway is to answer.
type Script struct {
	Told  Told
	Fault Fault
	Raw   []byte  // of FaultRaw
	Close Closing // to a request to close
}

// Fault is what is wrong with an answer.
type Fault string

// The faults that a provider has its own ways of.
const (
	NoFault           Fault = ""
	FaultNotFound     Fault = "not_found"      // the order is not known
	FaultWrongKey     Fault = "wrong_key"      // an answer signed with another key
	FaultUnsigned     Fault = "unsigned"       // an answer without its signature
	FaultTampered     Fault = "tampered"       // an answer that was changed after it was signed
	FaultRepeated     Fault = "repeated_field" // a validly signed answer; the order's number is there twice
	FaultRaw          Fault = "raw"            // a successful, validly signed answer of the script's bytes
	FaultDenied       Fault = "denied"         // the credentials are refused
	FaultParameters   Fault = "parameters"     // the request is refused
	FaultBusy         Fault = "busy"           // not now: the provider's own words for it
	FaultRefundAbsent Fault = "refund_absent"  // the payment is known, the refund is not
)

// Closing is how a request to close ends.
type Closing string

// The ends of a request to close.
const (
	Closes      Closing = "closes"
	AlreadyPaid Closing = "already_paid"
	CloseDenied Closing = "denied"
)
