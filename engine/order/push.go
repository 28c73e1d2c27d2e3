package order

// UpdateType is what a backend pushes.
type UpdateType string

// The updates of pushed mode.
const (
	PushConfirming UpdateType = "confirming"
	PushRetrying   UpdateType = "retrying"
	PushSucceeded  UpdateType = "succeeded"
	PushFailed     UpdateType = "failed"
	PushClosed     UpdateType = "closed"
	PushRefunding  UpdateType = "refunding"
	PushRefunded   UpdateType = "refunded"
)

// Update is one change of state that the backend of a pushed order tells.
type Update struct {
	Type          UpdateType
	Attempt       int // attempts begun, with this one; 0 = one more when it runs now, as many when it is planned
	NextAttemptAt Time
	Reason        string
	Refund        *RefundEvidence
	OccurredAt    Time
}

// MaxAttempt bounds the attempt number that a backend may show its payers.
const MaxAttempt = 100_000

// Validate returns a *FieldError for what cannot be taken in.
func (u Update) Validate() error {
	switch u.Type {
	case PushConfirming, PushRetrying, PushSucceeded, PushFailed, PushClosed, PushRefunding, PushRefunded:
	default:
		return &FieldError{"type", "must be confirming, retrying, succeeded, failed, closed, refunding or refunded"}
	}
	if u.Attempt < 0 || u.Attempt > MaxAttempt {
		return &FieldError{"attempt", "must be 0 to 100000"}
	}
	if !validReason(u.Reason) {
		return &FieldError{"reason", "must be a code of at most 64 characters a-z, 0-9 and _"}
	}
	if u.Refund != nil && u.Refund.Amount != nil {
		if err := u.Refund.Amount.Validate(); err != nil {
			return &FieldError{"refund.amount", err.Error()}
		}
	}
	return nil
}

func validReason(s string) bool {
	if len(s) > 64 {
		return false
	}
	for i := range len(s) {
		if b := s[i]; b != '_' && (b < 'a' || b > 'z') && (b < '0' || b > '9') {
			return false
		}
	}
	return true
}

// Push takes in what the backend of a pushed order tells. Requests overtake one another:
// an attempt older than the newest one pushed, by its time or by its number, changes
// nothing, and neither does a "failed" or "closed" that the payment had left behind when
// the success occurred that is known already. A success is never too old: it moves the
// order as the table says, because money that was taken must not go unseen.
func (o Order) Push(u Update, wait Wait, now Time) Change {
	at := u.OccurredAt
	if at == 0 || at > now { // a backend whose clock is ahead must not shut itself out
		at = now
	}
	switch u.Type {
	case PushConfirming:
		return o.Claim(now, wait)
	case PushRetrying:
		return o.pushAttempt(u, at, wait, now)
	case PushFailed, PushClosed:
		if at < o.PaidAt {
			return o.begin()
		}
	case PushSucceeded, PushRefunding, PushRefunded:
	}
	c := o.Apply(Evidence{
		Source: FromBackend, Claims: Claimed(u.Type), Reason: u.Reason, Refund: u.Refund, OccurredAt: u.OccurredAt,
	}, now)
	if c.Order.paid() && !o.paid() {
		c.Order.PaidAt = at
	}
	return c
}

func (o Order) paid() bool {
	return o.Payment == Succeeded || o.Payment == Refunding || o.Payment == Refunded
}

func (o Order) pushAttempt(u Update, at Time, wait Wait, now Time) Change {
	if o.Payment != Pending || at < o.PushedAt || (u.Attempt != 0 && u.Attempt < o.Attempt) {
		return o.begin()
	}
	c := o.Claim(now, wait)
	c.Order.PushedAt = at
	switch {
	case u.Attempt != 0:
		c.Order.Attempt = u.Attempt
	case u.NextAttemptAt == 0:
		c.Order.Attempt++
	}
	if u.NextAttemptAt != 0 {
		c.schedule(u.NextAttemptAt, now, Detail{Source: FromBackend})
		return c
	}
	c.Order.Attempting, c.Order.NextAttemptAt = true, 0
	c.emit(EventStarted, now, Detail{Source: FromBackend})
	return c
}
