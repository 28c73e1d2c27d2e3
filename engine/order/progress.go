package order

// Progress is everything that a payer may know of an order: its JSON is the `data` of
// every live frame and the answer to a view token.
type Progress struct {
	OrderNo       string        `json:"order_no"`
	Seq           int64         `json:"seq"`
	Status        Status        `json:"status"`
	Step          Step          `json:"step"`
	Amount        Money         `json:"amount"`
	Subject       string        `json:"subject"`
	Locale        string        `json:"locale"`
	Stage         Stage         `json:"stage"`
	ClaimedAt     Time          `json:"claimed_at"`
	Attempt       int           `json:"attempt"` // attempts begun; next_attempt_at announces number attempt+1
	Attempting    bool          `json:"attempting"`
	NextAttemptAt Time          `json:"next_attempt_at"`
	Expected      *Expected     `json:"expected"`
	Review        *Review       `json:"review"` // a person is looking at it
	DoNotPayAgain bool          `json:"do_not_pay_again"`
	Result        *Result       `json:"result"`
	Compensation  *Compensation `json:"compensation"`
	// PaidTwice tells that another order was paid for the same purchase, and that people
	// are looking at it.
	PaidTwice bool        `json:"paid_twice"`
	Links     PublicLinks `json:"links"`
	UpdatedAt Time        `json:"updated_at"`
}

// Review tells that people are checking the order, and by when they answer.
type Review struct {
	AnswerBy Time `json:"answer_by"`
}

// Result is how it ended, for the payer.
type Result struct {
	At     Time          `json:"at"`
	Reason *string       `json:"reason"`
	Refund *ResultRefund `json:"refund"`
}

// ResultRefund is what goes back: the sum of all refunds, and the times of the newest.
type ResultRefund struct {
	Amount     Money `json:"amount"`
	AcceptedAt Time  `json:"accepted_at"`
	CreditedAt Time  `json:"credited_at"` // null until the whole sum was credited
}

// Compensation is what was granted for the wait.
type Compensation struct {
	Kind string `json:"kind"`
	Text string `json:"text"`
}

// PublicLinks are null where they lead nowhere or must not be followed now.
type PublicLinks struct {
	Detail  *string `json:"detail"`
	Repay   *string `json:"repay"`
	Support *string `json:"support"`
}

// Status is the payer's view of the order.
func (o Order) Status() Status {
	switch o.Payment {
	case Pending:
		if o.ClaimedAt == 0 {
			return StatusAwaiting
		}
		return StatusConfirming
	case Succeeded:
		if o.Fulfilment == FulfilmentPending || o.Withheld != "" {
			return StatusConfirming
		}
		return StatusSucceeded
	case Failed:
		return StatusFailed
	case Closed:
		return StatusClosed
	case Refunding:
		return StatusRefunding
	case Refunded:
		return StatusRefunded
	}
	return StatusConfirming
}

// step is where the money is.
func (o Order) step() Step {
	switch o.Status() {
	case StatusAwaiting:
		return StepNone
	case StatusConfirming:
		if o.Payment == Succeeded {
			return StepReceived
		}
		return StepSubmitted
	case StatusSucceeded:
		return StepConfirmed
	case StatusFailed, StatusClosed:
		return StepSubmitted
	case StatusRefunding, StatusRefunded:
		return StepReceived
	}
	return StepNone
}

// doNotPayAgain is true whenever a second payment could charge the payer twice. An
// unclaimed order may be paid only after the channel has said that it was not; a
// refund on its way may still fail; an open case may still turn out paid.
func (o Order) doNotPayAgain() bool {
	if o.hasOpenCase(CaseConflict, CaseAmountMismatch, CaseMerchantMismatch, CaseRefundFailed) {
		return true
	}
	switch o.Payment {
	case Pending:
		return o.ClaimedAt != 0 || o.Facts.Query != QueryUnpaid || o.Facts.CallbackAt != 0
	case Succeeded, Refunding:
		return true
	case Failed, Closed, Refunded:
		return false
	}
	return true
}

// HasMoney reports whether the payer's money is with the merchant: paid, and not given
// back in full.
func (o Order) HasMoney() bool { return o.Payment == Succeeded || o.Payment == Refunding }

// Progress returns what the payer may know.
func (o Order) Progress() Progress {
	p := Progress{
		OrderNo: o.OrderNo, Seq: o.Seq, Status: o.Status(), Step: o.step(), Amount: o.Amount, Subject: o.Subject,
		Locale: o.Payer.Locale, Stage: o.Stage, ClaimedAt: o.ClaimedAt, Attempt: o.Attempt, Attempting: o.Attempting,
		NextAttemptAt: o.NextAttemptAt, DoNotPayAgain: o.doNotPayAgain(), Result: o.result(), UpdatedAt: o.UpdatedAt,
		PaidTwice: o.hasOpenCase(CaseDuplicatePayment),
		Links:     PublicLinks{Detail: optional(o.Links.Detail), Support: optional(o.Links.Support)},
	}
	if p.Status == StatusConfirming && o.Expected.LateBy != 0 {
		expected := o.Expected
		p.Expected = &expected
	}
	if !p.DoNotPayAgain {
		p.Links.Repay = optional(o.Links.Repay)
	}
	for _, k := range o.Cases {
		if o.reviews(k) && (p.Review == nil || k.AnswerBy < p.Review.AnswerBy) {
			p.Review = &Review{AnswerBy: k.AnswerBy}
		}
	}
	return p
}

// reviews reports whether the payer is told that somebody sees to a case. A late success
// and a duplicate payment concern the merchant alone: the payer's result stands. A success
// that is withheld is no result yet, whether or not the case was answered.
func (o Order) reviews(k Case) bool {
	if k.Kind == CaseLateSuccess {
		return o.Withheld != "" && o.Payment == Succeeded
	}
	return k.ClosedAt == 0 && k.Kind != CaseDuplicatePayment
}

func (o Order) result() *Result {
	if !o.Status().Final() {
		return nil
	}
	return &Result{At: o.ResolvedAt, Reason: optional(o.Reason), Refund: o.RefundTotal()}
}

// RefundTotal returns what goes back to the payer in all, or nil.
func (o Order) RefundTotal() *ResultRefund {
	accepted, credited := o.refundSums()
	if accepted == 0 {
		return nil
	}
	total := &ResultRefund{Amount: Money{Minor: accepted, Currency: o.Amount.Currency}}
	for _, r := range o.Refunds {
		if r.FailedAt == 0 {
			total.AcceptedAt = max(total.AcceptedAt, r.AcceptedAt)
			total.CreditedAt = max(total.CreditedAt, r.CreditedAt)
		}
	}
	if credited < accepted {
		total.CreditedAt = 0
	}
	return total
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
