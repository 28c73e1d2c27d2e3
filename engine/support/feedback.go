package support

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"anxin/engine/order"
)

// Feedback is what a payer says of the page.
type Feedback struct {
	ID      int64
	OrderNo string
	At      order.Time
	Seq     int64        // of the state that was on the screen
	Status  order.Status // that state
	Wording string       // what it said: language/key@version of the catalogue
	Helped  *bool        // nil = not said
	Text    string       // in the payer's words
}

// MaxText is the longest text in characters: a complaint that needs more needs a person.
const MaxText = 1000

// FeedbackStore keeps feedback.
type FeedbackStore interface {
	PutFeedback(ctx context.Context, f Feedback) error
	// FeedbackBefore returns at most limit entries with an id below before (0 = the
	// newest), newest first, of one order or of all ("").
	FeedbackBefore(ctx context.Context, orderNo string, before int64, limit int) ([]Feedback, error)
}

// Timelines tells what an order was at an earlier seq.
type Timelines interface {
	Timeline(ctx context.Context, orderNo string, after int64, limit int) ([]order.Event, error)
}

// Ear takes feedback and lets it be read.
type Ear struct {
	FeedbackStore

	timelines Timelines
}

// NewEar returns an ear over a store.
func NewEar(store FeedbackStore, timelines Timelines) *Ear {
	return &Ear{FeedbackStore: store, timelines: timelines}
}

// Give stores what a payer said. The state that was shown is looked up by its seq, so that
// nobody has to be believed. It fails with a *order.FieldError.
func (e *Ear) Give(ctx context.Context, f Feedback) error {
	f.Text = strings.TrimSpace(f.Text)
	switch {
	case f.Helped == nil && f.Text == "":
		return &order.FieldError{Field: "helped", Reason: "must be said, or a text given"}
	case !utf8.ValidString(f.Text) || utf8.RuneCountInString(f.Text) > MaxText || strings.ContainsFunc(f.Text, isUnwritten):
		return &order.FieldError{Field: "text", Reason: fmt.Sprintf("must have at most %d characters, and no control characters but line breaks", MaxText)}
	case !order.ValidWording(f.Wording):
		return &order.FieldError{Field: "wording", Reason: "must be language/key@version as the page has it"}
	}
	events, err := e.timelines.Timeline(ctx, f.OrderNo, f.Seq-1, 1)
	if err != nil {
		return fmt.Errorf("load shown state: %w", err)
	}
	if f.Seq < 1 || len(events) == 0 || events[0].Seq != f.Seq {
		return &order.FieldError{Field: "seq", Reason: "must be one that the order has had"}
	}
	f.Status, f.At = events[0].Status, order.At(time.Now())
	if err := e.PutFeedback(ctx, f); err != nil {
		return fmt.Errorf("store feedback: %w", err)
	}
	return nil
}

func isUnwritten(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' }
