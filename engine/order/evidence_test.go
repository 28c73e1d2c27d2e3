package order_test

import (
	"slices"
	"testing"
	"time"

	"anxin/engine/order"
)

func TestEvidenceMustBeAboutThisPayment(t *testing.T) {
	t.Parallel()
	other := func(m order.Money) func(*order.Evidence) {
		return func(ev *order.Evidence) { ev.Amount = &m }
	}
	noAmount := func(ev *order.Evidence) { ev.Amount = nil }
	account := func(name string) func(*order.Evidence) {
		return func(ev *order.Evidence) { ev.Merchant = name }
	}
	refundOf := func(m order.Money) func(*order.Evidence) {
		return func(ev *order.Evidence) { ev.Refund = &order.RefundEvidence{ID: "R1", Amount: &m} }
	}
	const amountCase, merchantCase = order.CaseAmountMismatch, order.CaseMerchantMismatch
	for name, tc := range map[string]struct {
		claims order.Claimed
		edit   func(*order.Evidence)
		want   map[order.Source]order.CaseKind // no entry: the order moves
	}{
		"one fen less":         {order.ClaimsSucceeded, other(order.Money{Minor: 8799, Currency: "CNY"}), everySource(amountCase)},
		"one fen more":         {order.ClaimsSucceeded, other(order.Money{Minor: 8801, Currency: "CNY"}), everySource(amountCase)},
		"another currency":     {order.ClaimsSucceeded, other(order.Money{Minor: 8800, Currency: "USD"}), everySource(amountCase)},
		"failed, other amount": {order.ClaimsFailed, other(order.Money{Minor: 1, Currency: "CNY"}), everySource(amountCase)},
		"closed, other amount": {order.ClaimsClosed, other(order.Money{Minor: 1, Currency: "CNY"}), everySource(amountCase)},
		"success without amount": {order.ClaimsSucceeded, noAmount, map[order.Source]order.CaseKind{
			order.FromCallback: amountCase, order.FromQuery: amountCase, order.FromSettlement: amountCase,
		}},
		"refund of a pending order without its total": {order.ClaimsRefunded, noAmount, map[order.Source]order.CaseKind{
			order.FromCallback: amountCase, order.FromQuery: amountCase, order.FromSettlement: amountCase,
		}},
		"failed refund of a pending order without its total": {order.ClaimsRefundFailed, noAmount, map[order.Source]order.CaseKind{
			order.FromCallback: amountCase, order.FromQuery: amountCase, order.FromSettlement: amountCase,
		}},
		"failure without amount": {order.ClaimsFailed, noAmount, nil},
		"closed without amount":  {order.ClaimsClosed, noAmount, nil},
		"another account": {order.ClaimsSucceeded, account("mch-2"), map[order.Source]order.CaseKind{
			order.FromCallback: merchantCase, order.FromQuery: merchantCase, order.FromSettlement: merchantCase,
		}},
		"no account": {order.ClaimsSucceeded, account(""), map[order.Source]order.CaseKind{
			order.FromCallback: merchantCase, order.FromQuery: merchantCase,
		}},
		"failed at another account": {order.ClaimsFailed, account("mch-2"), map[order.Source]order.CaseKind{
			order.FromCallback: merchantCase, order.FromQuery: merchantCase, order.FromSettlement: merchantCase,
		}},
		"refund in another currency": {order.ClaimsRefunding, refundOf(order.Money{Minor: 8800, Currency: "HKD"}), everySource(amountCase)},
		"refund of nothing":          {order.ClaimsRefunding, refundOf(order.Money{Minor: 0, Currency: "CNY"}), everySource(amountCase)},
		"refund of less than nothing": {
			order.ClaimsRefundFailed, refundOf(order.Money{Minor: -8800, Currency: "CNY"}), everySource(amountCase),
		},
	} {
		for source := range everySource("") {
			t.Run(name+" by "+string(source), func(t *testing.T) {
				t.Parallel()
				o, ev := claimed(t), evidence(source, tc.claims)
				if source == order.FromBackend {
					o = claimed(t, pushed) // a pushed order names no account
				}
				tc.edit(&ev)
				got := o.Apply(ev, after(time.Minute))
				checkChange(t, o, got)
				kind, refused := tc.want[source]
				if !refused {
					mismatch := slices.Contains(openKinds(got.Order), amountCase) || slices.Contains(openKinds(got.Order), merchantCase)
					if got.Order.Payment == order.Pending || mismatch {
						t.Fatalf("%s with cases %v, want a move", got.Order.Payment, openKinds(got.Order))
					}
					return
				}
				if got.Order.Payment != order.Pending || !slices.Equal(openKinds(got.Order), []order.CaseKind{kind}) {
					t.Fatalf("%s with cases %v, want pending with %s", got.Order.Payment, openKinds(got.Order), kind)
				}
				if !got.Order.Progress().DoNotPayAgain {
					t.Error("the payer is told to pay again while a person is looking")
				}
				if rejected := got.Order.Facts.CallbackRejectedAt != 0; rejected != (source == order.FromCallback) {
					t.Errorf("callback rejected: %v", rejected)
				}
			})
		}
	}
}

func everySource(kind order.CaseKind) map[order.Source]order.CaseKind {
	return map[order.Source]order.CaseKind{
		order.FromCallback: kind, order.FromQuery: kind, order.FromSettlement: kind, order.FromBackend: kind,
	}
}

func TestNoAccountIsCheckedWhereTheOrderNamesNone(t *testing.T) {
	t.Parallel()
	o := claimed(t, func(r *order.Registration) { r.Merchant = "" })
	ev := evidence(order.FromCallback, order.ClaimsSucceeded)
	ev.Merchant = "whoever"
	if got := apply(t, o, ev, order.EventCallback, order.EventStatus); got.Payment != order.Succeeded {
		t.Errorf("payment %s", got.Payment)
	}
}

func TestARepeatedSuccessThatTellsOfAnotherPaymentOpensACase(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		edit func(*order.Evidence)
		want order.CaseKind
	}{
		"another amount":      {func(ev *order.Evidence) { ev.Amount = &order.Money{Minor: 1, Currency: "CNY"} }, order.CaseAmountMismatch},
		"another account":     {func(ev *order.Evidence) { ev.Merchant = "mch-2" }, order.CaseMerchantMismatch},
		"another transaction": {func(ev *order.Evidence) { ev.ChannelTxn = "txn-2" }, order.CaseConflict},
		"no amount":           {func(ev *order.Evidence) { ev.Amount = nil }, ""},
		"no transaction":      {func(ev *order.Evidence) { ev.ChannelTxn = "" }, ""},
	} {
		for _, p := range []order.Payment{order.Succeeded, order.Refunding, order.Refunded} {
			t.Run(name+" when "+string(p), func(t *testing.T) {
				t.Parallel()
				o := inState(t, claimed(t), order.FromQuery, p)
				ev := evidence(order.FromQuery, order.ClaimsSucceeded)
				tc.edit(&ev)
				if tc.want == "" {
					apply(t, o, ev)
					return
				}
				o = apply(t, o, ev, order.EventCaseOpened)
				if o.Payment != p || openKinds(o)[0] != tc.want || !o.Progress().DoNotPayAgain {
					t.Errorf("%s with %v", o.Payment, openKinds(o))
				}
				apply(t, o, ev)
			})
		}
	}
}

func TestAMismatchKnownAlreadyIsNotToldAgain(t *testing.T) {
	t.Parallel()
	ev := evidence(order.FromCallback, order.ClaimsSucceeded)
	ev.Amount = &order.Money{Minor: 1, Currency: "CNY"}
	o := apply(t, claimed(t), ev, order.EventCallback, order.EventCaseOpened)
	first := o.Facts.CallbackRejectedAt
	o = do(t, o, func(o order.Order) order.Change { return o.Apply(ev, after(time.Hour)) })
	if o.Facts.CallbackRejectedAt != first {
		t.Error("a fact changed without an event")
	}
}

func TestTheRightEvidenceAfterAWrongOneStillMovesTheOrder(t *testing.T) {
	t.Parallel()
	wrong := evidence(order.FromCallback, order.ClaimsSucceeded)
	wrong.Amount = &order.Money{Minor: 1, Currency: "CNY"}
	o := apply(t, claimed(t, noDeliver), wrong, order.EventCallback, order.EventCaseOpened)
	o = apply(t, o, evidence(order.FromQuery, order.ClaimsSucceeded), order.EventStatus)
	if p := o.Progress(); p.Status != order.StatusSucceeded || p.Review == nil {
		t.Errorf("status %s, review %v: want the success, still reviewed", p.Status, p.Review)
	}
}

func TestLateSuccessIsATruthThatTheBackendMustTakeInAnew(t *testing.T) {
	t.Parallel()
	for _, p := range []order.Payment{order.Failed, order.Closed} {
		t.Run("after "+string(p), func(t *testing.T) {
			t.Parallel()
			ended := evidence(order.FromQuery, order.Claimed(p))
			ended.Reason, ended.ChannelTxn = "declined", "txn-0"
			o := apply(t, claimed(t), ended, order.EventStatus)
			o = do(t, o, func(o order.Order) order.Change { return o.Delivered(o.SettledSeq, after(2*time.Minute)) }, order.EventDelivered)
			if o.Fulfilment != order.FulfilmentDone || o.Progress().DoNotPayAgain {
				t.Fatalf("fulfilment %s, do not pay again %v", o.Fulfilment, o.Progress().DoNotPayAgain)
			}
			oldSeq := o.SettledSeq
			o = do(t, o, func(o order.Order) order.Change {
				return o.Apply(evidence(order.FromCallback, order.ClaimsSucceeded), after(time.Hour))
			}, order.EventCallback, order.EventStatus, order.EventCaseOpened)
			p := o.Progress()
			if o.Fulfilment != order.FulfilmentPending || o.SettledSeq != oldSeq+3 || o.ChannelTxn != "txn-1" || o.Reason != "" {
				t.Errorf("late success left %+v", o)
			}
			if p.Status != order.StatusConfirming || p.Step != order.StepReceived || p.Stage != order.Fresh || p.Review != nil || !p.DoNotPayAgain {
				t.Errorf("the payer sees %+v", p)
			}
			o = do(t, o, func(o order.Order) order.Change { return o.Delivered(oldSeq, after(time.Hour)) }, order.EventDelivered)
			if o.Status() != order.StatusConfirming {
				t.Errorf("%s after the backend took in the older result", o.Status())
			}
			o = do(t, o, func(o order.Order) order.Change { return o.Delivered(o.SettledSeq, after(2*time.Hour)) }, order.EventStatus)
			if got := o.Progress(); got.Status != order.StatusSucceeded || got.Result.At != after(2*time.Hour) || got.Result.Reason != nil {
				t.Errorf("result %+v", got.Result)
			}
		})
	}
}

func TestALateSuccessHasItsOwnMomentOfResult(t *testing.T) {
	t.Parallel()
	o := apply(t, claimed(t, noDeliver), evidence(order.FromQuery, order.ClaimsClosed), order.EventStatus)
	o = do(t, o, func(o order.Order) order.Change {
		return o.Apply(evidence(order.FromQuery, order.ClaimsSucceeded), after(time.Hour))
	}, order.EventStatus, order.EventCaseOpened)
	if got := o.Progress().Result; got.At != after(time.Hour) {
		t.Errorf("result at %v, want the moment of the late success", got.At)
	}
}
