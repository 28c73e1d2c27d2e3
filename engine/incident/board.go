package incident

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"anxin/engine"
	"anxin/engine/order"
)

// Announcement is what payers are told.
type Announcement struct {
	ID      int64
	Channel string            // whose payers it is for; "" = everybody
	Texts   map[string]string // by language tag
	Since   order.Time
	Until   order.Time
	Actor   string // the operator
}

// Store keeps announcements.
type Store interface {
	// PutAnnouncement writes a new one with the audit of who did it and returns its id.
	PutAnnouncement(ctx context.Context, a Announcement, audit engine.Audit) (int64, error)
	// EndAnnouncement lets one that still holds at the audit's time end then, or returns
	// engine.ErrNotFound.
	EndAnnouncement(ctx context.Context, id int64, audit engine.Audit) error
	// Announcements returns at most limit that hold at an instant, the newest first, and
	// the version of the board, which every change raises.
	Announcements(ctx context.Context, at order.Time, limit int) ([]Announcement, int64, error)
}

// Listener is told of each change of the board after it is durable.
type Listener interface {
	Announced(version int64, active []Announcement)
}

// Limits of announcements.
const (
	// MaxActive is how many can hold at once: a payer reads one.
	MaxActive = 20
	// maxText is what fits above a payment's state on a phone without hiding it.
	maxText = 280 // characters
	// maxLife ends what somebody forgets to take down; a longer incident is told anew.
	maxLife = 7 * 24 * time.Hour
)

// ErrTooMany reports that MaxActive announcements hold already.
var ErrTooMany = errors.New("too many announcements hold already")

// Board is where announcements are published.
type Board struct {
	store     Store
	listener  Listener
	languages []string
}

// NewBoard returns a board whose announcements are told in each of the languages.
func NewBoard(store Store, listener Listener, languages []string) (*Board, error) {
	if store == nil || listener == nil || len(languages) == 0 {
		return nil, errors.New("announcement board: a dependency is missing")
	}
	return &Board{store: store, listener: listener, languages: languages}, nil
}

// Publish puts up an announcement. It fails with a *order.FieldError or ErrTooMany.
func (b *Board) Publish(ctx context.Context, a Announcement) (Announcement, error) {
	a.Since = order.At(time.Now())
	if err := b.check(a); err != nil {
		return Announcement{}, err
	}
	active, _, err := b.Active(ctx)
	if err != nil {
		return Announcement{}, err
	}
	if len(active) >= MaxActive {
		return Announcement{}, ErrTooMany
	}
	a.ID, err = b.store.PutAnnouncement(ctx, a, engine.Audit{At: a.Since, Actor: a.Actor, Action: "announcements.publish", Target: a.Channel})
	if err != nil {
		return Announcement{}, fmt.Errorf("store announcement: %w", err)
	}
	return a, b.tell(ctx)
}

// End takes an announcement down. It fails with engine.ErrNotFound when none of this id holds.
func (b *Board) End(ctx context.Context, id int64, actor string) error {
	audit := engine.Audit{At: order.At(time.Now()), Actor: actor, Action: "announcements.end", Target: strconv.FormatInt(id, 10)}
	if err := b.store.EndAnnouncement(ctx, id, audit); err != nil {
		return fmt.Errorf("end announcement: %w", err)
	}
	return b.tell(ctx)
}

// Active returns what holds now, the newest first, and the board's version.
func (b *Board) Active(ctx context.Context) ([]Announcement, int64, error) {
	list, version, err := b.store.Announcements(ctx, order.At(time.Now()), MaxActive)
	if err != nil {
		return nil, 0, fmt.Errorf("load announcements: %w", err)
	}
	return list, version, nil
}

func (b *Board) tell(ctx context.Context) error {
	active, version, err := b.Active(ctx)
	if err == nil {
		b.listener.Announced(version, active)
	}
	return err
}

func (b *Board) check(a Announcement) error {
	for _, lang := range b.languages {
		if !readable(a.Texts[lang]) {
			return &order.FieldError{Field: "texts", Reason: fmt.Sprintf("must have 1 to %d characters for each of %s", maxText, strings.Join(b.languages, ", "))}
		}
	}
	if len(a.Texts) > len(b.languages) {
		return &order.FieldError{Field: "texts", Reason: "must have no other languages than " + strings.Join(b.languages, ", ")}
	}
	if a.Until <= a.Since || a.Until > a.Since.Add(maxLife) {
		return &order.FieldError{Field: "until", Reason: fmt.Sprintf("must be in the future and at most %v away", maxLife)}
	}
	return nil
}

// readable admits a text of one line.
func readable(s string) bool {
	return strings.TrimSpace(s) != "" && utf8.ValidString(s) && utf8.RuneCountInString(s) <= maxText &&
		!strings.ContainsFunc(s, unicode.IsControl)
}
