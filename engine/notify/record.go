package notify

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"

	"anxin/engine/order"
)

// Record is what is kept of one message. The address is not: who sends it reads it where
// it is kept, sealed.
type Record struct {
	ID          string
	OrderNo     string
	Backend     string
	Notice      Notice
	Channel     Channel
	Provider    string // name in the configuration; "" = none was called
	ProviderID  string
	Fingerprint string // of the address
	To          string // masked
	Language    string
	Template    string
	Version     int
	Status      Status
	Code        string // neutral: why it was not sent or delivered
	Segments    int
	Cost        Cost
	CreatedAt   order.Time
	UpdatedAt   order.Time
	Took        time.Duration // of the last call to a provider
	History     []Moment      // oldest first, the newest MaxHistory
}

// Moment is one change of a record.
type Moment struct {
	At       order.Time `json:"at"`
	Status   Status     `json:"status"`
	Provider string     `json:"provider,omitempty"`
	Code     string     `json:"code,omitempty"`
}

// MaxHistory bounds a record: retries of a day leave some twenty moments.
const MaxHistory = 30

// Move returns the record with a new status.
func (r Record) Move(s Status, code string, now order.Time) Record {
	r.Status, r.Code, r.UpdatedAt = s, code, max(now, r.UpdatedAt)
	history := append([]Moment{}, r.History...)
	history = append(history, Moment{At: r.UpdatedAt, Status: s, Provider: r.Provider, Code: code})
	r.History = history[max(len(history)-MaxHistory, 0):]
	return r
}

// Final reports whether the message will not be tried again.
func (s Status) Final() bool {
	switch s {
	case StatusAccepted, StatusMaybeSent, StatusDelivered, StatusFailed, StatusBounced, StatusDropped:
		return true
	case StatusSending, StatusWaiting:
		return false
	}
	return false
}

// reached reports whether the message has come as far as another status asks.
func (s Status) reached(want Status) bool {
	return s == StatusDelivered || (s == StatusAccepted && want == StatusAccepted)
}

// MessageID names the message that tells an address one notice about an order. There is
// one, whoever asks and however often, so that nobody is told the same twice.
func MessageID(orderNo string, n Notice, c Channel, fingerprint string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{orderNo, string(n), string(c), fingerprint}, "\x00")))
	return "nt_" + base64.RawURLEncoding.EncodeToString(sum[:18])
}

// CollapseKey is the same for all messages about an order and tells nothing of it.
func CollapseKey(orderNo string) string {
	sum := sha256.Sum256([]byte("collapse\x00" + orderNo))
	return base64.RawURLEncoding.EncodeToString(sum[:18]) // 24 characters
}
