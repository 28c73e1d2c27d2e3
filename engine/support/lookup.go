package support

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/sirupsen/logrus"

	"anxin/engine"
	"anxin/engine/order"
)

// Code is a one-time code at rest.
type Code struct {
	OrderNo   string
	Hash      []byte
	ExpiresAt order.Time
}

// CodeStore keeps codes.
type CodeStore interface {
	// PutCode replaces the code of a number and forgets those that ended before at.
	PutCode(ctx context.Context, c Code, at order.Time) error
	// TryCode counts a try and returns what it has to match, or engine.ErrNotFound when
	// there is none, or none that still holds and has fewer than most tries.
	TryCode(ctx context.Context, orderNo string, at order.Time, most int) ([]byte, error)
	// DropCode ends a code, or returns engine.ErrNotFound when it is not the one there.
	DropCode(ctx context.Context, orderNo string, hash []byte) error
}

// CodeSender brings a code to the payer's own contact, in the payer's language.
type CodeSender interface {
	// SendCode returns ErrNoContact for an order whose payer cannot be reached.
	SendCode(ctx context.Context, o order.Order, code string) error
}

// Orders finds the order of a number, or returns engine.ErrNotFound.
type Orders interface {
	Order(ctx context.Context, orderNo string) (order.Order, error)
}

// Errors of the lookup.
var (
	ErrNoContact = errors.New("the order has no contact that could be written to")
	// ErrCode says that a code is not, or no longer, the one for the number.
	ErrCode = errors.New("the code is not the one that was sent")
)

// What makes a code of eight digits unguessable: five tries, ten minutes, and few codes an
// hour for each number (see the caller's rate).
const (
	CodeDigits = 8
	CodeLife   = 10 * time.Minute
	CodeTries  = 5
	// waitingRequests bounds those that are asked for at once; what is beyond is dropped,
	// which looks like a message that got lost.
	waitingRequests = 256
	// sendTimeout bounds one message, so that a slow provider does not hold up the others
	// for longer.
	sendTimeout = 10 * time.Second
)

// LookupDeps are what a lookup stands on.
type LookupDeps struct {
	Store  CodeStore
	Orders Orders
	Sender CodeSender
	Secret string // keys the hashes at rest: a code alone could be guessed from a plain one
	Log    logrus.FieldLogger
}

// Lookup gives payers the way back to their orders.
type Lookup struct {
	deps     LookupDeps
	requests chan string
}

// NewLookup checks what it is given and starts nothing.
func NewLookup(deps LookupDeps) (*Lookup, error) {
	if deps.Store == nil || deps.Orders == nil || deps.Sender == nil || deps.Secret == "" || deps.Log == nil {
		return nil, errors.New("order lookup: a dependency is missing")
	}
	return &Lookup{deps: deps, requests: make(chan string, waitingRequests)}, nil
}

// Request asks for a code for an order. It returns at once and says nothing: what comes of
// it is seen only where the code arrives.
func (l *Lookup) Request(orderNo string) {
	select {
	case l.requests <- orderNo:
	default:
		l.deps.Log.Warn("too many order lookups at once; one was dropped")
	}
}

// Run makes and sends codes until ctx ends.
func (l *Lookup) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case orderNo := <-l.requests:
			if err := l.serve(ctx, orderNo); err != nil && ctx.Err() == nil {
				l.deps.Log.WithError(err).WithField("order_no", orderNo).Error("order lookup failed")
			}
		}
	}
}

func (l *Lookup) serve(ctx context.Context, orderNo string) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	code, err := newCode()
	if err != nil {
		return err
	}
	at := order.At(time.Now())
	c := Code{OrderNo: orderNo, Hash: l.hash(orderNo, code), ExpiresAt: at.Add(CodeLife)}
	if err := l.deps.Store.PutCode(ctx, c, at); err != nil {
		return fmt.Errorf("store code: %w", err)
	}
	o, err := l.deps.Orders.Order(ctx, orderNo)
	switch {
	case errors.Is(err, engine.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("load order: %w", err)
	}
	if err := l.deps.Sender.SendCode(ctx, o, code); err != nil && !errors.Is(err, ErrNoContact) {
		return fmt.Errorf("send code: %w", err)
	}
	return nil
}

// Redeem ends the code of a number if it is this one. It fails with ErrCode.
func (l *Lookup) Redeem(ctx context.Context, orderNo, code string) error {
	want, err := l.deps.Store.TryCode(ctx, orderNo, order.At(time.Now()), CodeTries)
	switch {
	case errors.Is(err, engine.ErrNotFound):
		return ErrCode
	case err != nil:
		return fmt.Errorf("count try: %w", err)
	}
	given := l.hash(orderNo, code)
	if !hmac.Equal(want, given) {
		return ErrCode
	}
	err = l.deps.Store.DropCode(ctx, orderNo, given)
	switch {
	case errors.Is(err, engine.ErrNotFound):
		return ErrCode // somebody was faster
	case err != nil:
		return fmt.Errorf("end code: %w", err)
	}
	return nil
}

func (l *Lookup) hash(orderNo, code string) []byte {
	mac := hmac.New(sha256.New, []byte(l.deps.Secret))
	mac.Write([]byte("anxin lookup code\n" + orderNo + "\n" + code))
	return mac.Sum(nil)
}

// newCode draws a code of which all are equally likely.
func newCode() (string, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(100_000_000))
	if err != nil {
		return "", fmt.Errorf("draw code: %w", err)
	}
	return fmt.Sprintf("%0*d", CodeDigits, n), nil
}
