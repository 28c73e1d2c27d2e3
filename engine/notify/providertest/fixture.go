// Package providertest holds what every notify.Provider must do, as one suite that each
// provider's tests run against a stand-in with real sockets. The stand-in checks what the
// real service checks: signatures are recomputed by code that shares nothing with the
// provider's.
package providertest

import (
	"net/http"
	"testing"

	"anxin/engine/notify"
)

// Behaviour is what a stand-in does with the next calls.
type Behaviour string

// The behaviours. A stand-in answers in the service's own vocabulary.
const (
	Accept         Behaviour = "accept"
	Throttle       Behaviour = "throttle"         // fewer calls, please; come back in 7 s where that can be said
	BadAddress     Behaviour = "bad_address"      // malformed number, unknown token, gone subscription
	RefuseContent  Behaviour = "refuse_content"   // unknown or unapproved template, forbidden text
	Quota          Behaviour = "quota"            // the account's bound of the day is used up
	AddressQuota   Behaviour = "address_quota"    // this number had too many today
	RefuseAccount  Behaviour = "refuse_account"   // wrong credentials, no balance
	Unavailable    Behaviour = "unavailable"      // HTTP 503 or the like; nothing accepted
	HangAfterTake  Behaviour = "hang_after_take"  // takes the message, then never answers
	BreakAfterTake Behaviour = "break_after_take" // takes the message, then breaks the connection
	Oversized      Behaviour = "oversized"        // takes the message, answers without end
	Garbage        Behaviour = "garbage"          // takes the message, answers with bytes that mean nothing
)

// Required are the behaviours that every fixture has.
var Required = []Behaviour{Accept, BadAddress, RefuseAccount, Unavailable, HangAfterTake, BreakAfterTake, Oversized, Garbage}

// Fixture ties a provider to its stand-in.
type Fixture struct {
	// Open starts a stand-in for the test and returns it. t.Cleanup ends it.
	Open func(t *testing.T) Stand
	// Message is one that the stand-in accepts from this provider. The suite gives each
	// its id.
	Message notify.Message
	// Behaviours are what the stand-in can do: all of Required, and the others that the
	// service knows.
	Behaviours []Behaviour
	// OneAddress says that the account is the address: a bad one is a refused account.
	OneAddress bool
	// Secrets must show in no error: keys, tokens, passwords.
	Secrets []string
}

// Stand is a running stand-in with the provider that talks to it.
type Stand interface {
	Provider() notify.Provider
	// Behave says what to do with calls from now on.
	Behave(b Behaviour)
	// Taken returns the ids of the messages that the service took and would deliver, in
	// order; what it refused is not among them. A service that is given no id of ours
	// tells messages apart by their text, see Mark.
	Taken() []string
	// Arrived receives once for each call that was read to its end.
	Arrived() <-chan struct{}
	// Close ends the stand-in, so that nothing listens at its address.
	Close()
}

// Mark is how the suite tells messages apart where the service is given no id: the body
// holds it.
func Mark(m notify.Message, n string) notify.Message {
	m.ID, m.Text.Body = "suite_"+n, m.Text.Body+" #"+n
	return m
}

// ReceiptFixture ties a notify.ReceiptParser to requests that the service would send.
type ReceiptFixture struct {
	Parser notify.ReceiptParser
	// Delivered and Failed are signed as the service signs them.
	Delivered, Failed Report
	// DropsAddress says that Failed tells of an address that will never work.
	DropsAddress bool
	// Unsigned says that the service signs nothing, and that a secret in the address it
	// calls is all that tells it from others.
	Unsigned bool
	Secrets  []string
}

// Report is one request of the service.
type Report struct {
	Header     http.Header
	Query      string
	Body       []byte
	ProviderID string // that it is about
}
