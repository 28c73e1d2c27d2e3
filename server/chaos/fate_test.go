package chaos

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	wire "anxin/engine/channel/sandbox"
	"anxin/engine/order"
)

// kind is what becomes of a payment.
type kind string

const (
	succeeds     kind = "succeeds"
	fails        kind = "fails"
	closes       kind = "closes"
	closedPaid   kind = "closed, then paid"
	failedPaid   kind = "failed, then paid"
	refunded     kind = "refunded"
	partRefunded kind = "partly refunded"
	refundFails  kind = "refund fails"
	abandoned    kind = "abandoned" // nobody pays, or just when the server closes it
	wrongAmount  kind = "wrong amount"
)

// deck is what fates are drawn from, in parts.
var deck = []struct {
	kind  kind
	parts int
}{
	{succeeds, 50},
	{fails, 9},
	{closes, 5},
	{closedPaid, 6},
	{failedPaid, 4},
	{refunded, 8},
	{partRefunded, 4},
	{refundFails, 4},
	{abandoned, 6},
	{wrongAmount, 4},
}

func deal(rng *rand.Rand) kind {
	const parts = 100
	at := rng.IntN(parts)
	for _, card := range deck {
		if at -= card.parts; at < 0 {
			return card.kind
		}
	}
	return succeeds
}

var price = order.Money{Minor: 8800, Currency: "CNY"}

// fate is the truth about one order and the plan of what goes wrong with it.
type fate struct {
	no      string
	index   int
	kind    kind
	pushed  bool // its backend tells the story itself
	claimed bool
	early   bool // callbacks may come before it is registered
	race    bool // abandoned: the payer pays while the server closes
	steps   []step
	rng     *rand.Rand // of the goroutine that lives it
	payer   *person
	stays   bool          // keeps the page open
	looks   time.Duration // how long, who does not
	attends bool          // has the page tell that its states are on the screen
	view    view          // as it was read last, once the storm is over

	mu      sync.Mutex // guards what follows
	reached int        // steps that have happened
	updates int        // pushed ones that were acknowledged
	noise   int        // wrong answers that the gateway may still give
	acked   []string   // ids of acknowledged callbacks
	causes  map[order.CaseKind]bool
	must    map[order.CaseKind]bool // cases that have to be there
	claim   bool                    // acknowledged
	token   string
}

// step is one change of the truth at the channel, and how the callback about it fares.
type step struct {
	after   time.Duration
	payment wire.Payment
	lost    bool // no callback tells it
	copies  int
}

func newFate(seed uint64, i int) *fate {
	rng := rand.New(rand.NewPCG(seed, uint64(i)+1000))
	f := &fate{
		no: fmt.Sprintf("C%x-%d", seed&0xffff, i), index: i, kind: deal(rng), rng: rng, noise: rng.IntN(4),
		claimed: rng.IntN(100) < 80, early: rng.IntN(100) < 8, race: rng.IntN(2) == 0, pushed: rng.IntN(100) < 8,
		causes: make(map[order.CaseKind]bool), must: make(map[order.CaseKind]bool),
	}
	if f.pushed && (f.kind == abandoned || f.kind == wrongAmount || f.kind == refundFails) {
		f.kind = succeeds
	}
	if f.kind == abandoned {
		f.claimed, f.early = false, false
	}
	if f.pushed { // nobody can be asked about it: a person is, once the wait is long
		f.causes[order.CaseQueryExhausted] = true
	}
	f.tell()
	f.stays, f.attends, f.looks = rng.IntN(100) < 35, rng.IntN(100) < 50, time.Duration(rng.IntN(3500))*time.Millisecond
	return f
}

// tell writes the story of the channel.
func (f *fate) tell() {
	paid := f.state(wire.StateSucceeded)
	switch f.kind {
	case succeeds:
		f.add(paid)
	case fails:
		f.add(f.state(wire.StateFailed))
	case closes:
		f.add(f.state(wire.StateClosed))
	case closedPaid:
		f.add(f.state(wire.StateClosed), paid)
	case failedPaid:
		f.add(f.state(wire.StateFailed), paid)
	case refunded:
		f.add(paid, f.refund(wire.RefundAccepted, price.Minor), f.refund(wire.RefundCredited, price.Minor))
	case partRefunded:
		f.add(paid, f.refund(wire.RefundAccepted, price.Minor/4), f.refund(wire.RefundCredited, price.Minor/4))
	case refundFails:
		f.add(paid, f.refund(wire.RefundAccepted, price.Minor), f.refund(wire.RefundFailed, price.Minor))
		f.causes[order.CaseRefundFailed], f.must[order.CaseRefundFailed] = true, true
	case wrongAmount:
		paid.Amount = &order.Money{Minor: 1, Currency: "CNY"}
		f.add(paid)
		f.causes[order.CaseAmountMismatch], f.must[order.CaseAmountMismatch] = true, true
	case abandoned:
	}
	if f.kind == closedPaid || f.kind == failedPaid {
		f.causes[order.CaseLateSuccess], f.causes[order.CaseConflict] = true, true
	}
}

func (f *fate) state(s wire.State) wire.Payment {
	amount := price
	p := wire.Payment{OutTradeNo: f.no, Merchant: merchant, State: s, Amount: &amount}
	switch s {
	case wire.StateSucceeded:
		p.TransactionID = "tx-" + f.no
	case wire.StateFailed:
		p.Reason = "declined"
	case wire.StatePending, wire.StateProcessing, wire.StateClosed:
	}
	return p
}

func (f *fate) refund(s wire.RefundState, minor int64) wire.Payment {
	p := f.state(wire.StateSucceeded)
	p.Refunds = []wire.Refund{{RefundID: "r1", State: s, Amount: order.Money{Minor: minor, Currency: price.Currency}}}
	return p
}

// add appends steps. What no query would ask about any more, because the order is
// settled in the server's eyes by then, must be told by a callback: that is the channel's
// own duty, and where it fails only the settlement file helps.
func (f *fate) add(payments ...wire.Payment) {
	for i, p := range payments {
		s := step{after: time.Duration(f.rng.IntN(2500)) * time.Millisecond, payment: p, copies: 1 + f.rng.IntN(3)/2}
		asked := i == 0 || (len(p.Refunds) > 0 && p.Refunds[0].State != wire.RefundAccepted)
		s.lost = asked && f.rng.IntN(100) < 35
		f.steps = append(f.steps, s)
	}
}

// happen makes the next step true and returns it.
func (f *fate) happen() (int, step) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := &f.steps[f.reached]
	at := order.At(time.Now())
	s.payment.At = at
	for i := range s.payment.Refunds {
		r := &s.payment.Refunds[i]
		if r.AcceptedAt = at; r.State == wire.RefundCredited {
			r.CreditedAt = at
		}
	}
	f.reached++
	return f.reached - 1, *s
}

// truth is what the channel holds true now.
func (f *fate) truth() wire.Payment {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.reached == 0 {
		return f.state(wire.StatePending)
	}
	return f.steps[f.reached-1].payment
}

// close is the server's wish that the channel takes no more payment. It reports false
// when the payment won the race.
func (f *fate) close() (wire.Payment, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.steps) == 0 {
		p := f.state(wire.StateClosed)
		if f.race {
			p = f.state(wire.StateSucceeded)
		}
		p.At = order.At(time.Now())
		f.steps, f.reached = append(f.steps, step{payment: p}), 1
	}
	p := f.steps[len(f.steps)-1].payment
	return p, p.State == wire.StateClosed
}

func (f *fate) cause(k order.CaseKind) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.causes[k] = true
}

// noisy takes one wrong answer out of the order's budget.
func (f *fate) noisy() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.noise--
	return f.noise >= 0
}

// end is what the evidence supports once everything has been told.
func (f *fate) end() order.Payment {
	switch f.kind {
	case succeeds, closedPaid, failedPaid, partRefunded, refundFails:
		return order.Succeeded
	case fails:
		return order.Failed
	case closes:
		return order.Closed
	case refunded:
		return order.Refunded
	case wrongAmount:
		return order.Pending
	case abandoned:
		if f.race {
			return order.Succeeded
		}
		return order.Closed
	}
	return order.Pending
}
