package notify

import "time"

// ErrorKind says what an error means for the message, and for others of its provider.
type ErrorKind string

// The kinds of errors.
const (
	// KindTemporary: nothing was sent, the same call may help later or elsewhere. It
	// counts against the provider's health.
	KindTemporary ErrorKind = "temporary"
	// KindThrottled: nothing was sent, the provider is well but wants fewer calls.
	KindThrottled ErrorKind = "throttled"
	// KindAddress: this address will never work; it is dropped.
	KindAddress ErrorKind = "address"
	// KindContent: the provider refuses the template, its parameters or the text. Another
	// provider may take it; nothing is wrong with the address.
	KindContent ErrorKind = "content"
	// KindQuota: a bound is used up for a while. See SendError.OfAddress.
	KindQuota ErrorKind = "quota"
	// KindRefused: the account is not allowed to send: credentials, sign, balance. A
	// person must act; until then the provider is left alone.
	KindRefused ErrorKind = "refused"
	// KindMaybeSent: the request went out, and nobody knows what became of it.
	KindMaybeSent ErrorKind = "maybe_sent"
)

// SendError says why a message was not taken, or that nobody knows.
type SendError struct {
	Kind       ErrorKind
	Code       string        // neutral, [a-z0-9_.:-]: "throttled", "bad_number", "http_503", "timeout"
	RetryAfter time.Duration // asked for by the provider, 0 = not said
	OfAddress  bool          // KindQuota: of this one address; the provider is well
	Err        error         // the cause, of which nothing is shown to payers
}

func (e *SendError) Error() string { return "send: " + string(e.Kind) + ": " + e.Code }

// Unwrap returns the cause.
func (e *SendError) Unwrap() error { return e.Err }
