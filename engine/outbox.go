package engine

import (
	"context"
	"time"

	"anxin/engine/order"
)

// OutboxReader reads webhooks and the log of their deliveries.
type OutboxReader interface {
	// NextWebhook returns the oldest (lowest seq) pending webhook of an order with a
	// seq > after, or ErrNotFound.
	NextWebhook(ctx context.Context, orderNo string, after int64) (Webhook, error)
	// Webhooks returns at most limit webhooks of an order with their tries, lowest seq
	// first, beginning after the one with the id after ("" = the first). An id that is
	// not one of the order's is ErrBadCursor.
	Webhooks(ctx context.Context, orderNo, after string, limit int) ([]WebhookRecord, error)
	// Endpoints returns what is noted of endpoints, by name of their backend. One that
	// is well may be missing.
	Endpoints(ctx context.Context) (map[string]Endpoint, error)
	// Endpoint returns what is noted of one; zero when nothing is.
	Endpoint(ctx context.Context, backend string) (Endpoint, error)
	// ParkedTasks returns at most limit tasks of a kind and target that are due at
	// Parked.
	ParkedTasks(ctx context.Context, kind TaskKind, target string, limit int) ([]Task, error)
}

// OutboxPruner forgets what is over.
type OutboxPruner interface {
	// PruneWebhooks deletes at most limit webhooks that were accepted before a time, with
	// the log of their deliveries, and returns how many.
	PruneWebhooks(ctx context.Context, before order.Time, limit int) (int, error)
}

// Parked is the due time of a task that waits for a person: the end of the year 9999,
// the last that JSON times can tell.
const Parked order.Time = 253_402_300_799_000

// MaxTries bounds the log of one webhook: stores keep the newest.
const MaxTries = 10

// Delivery is one try to deliver a webhook.
type Delivery struct {
	WebhookID string
	At        order.Time // when it began
	Took      time.Duration
	Code      string // "http_204", "timeout"
	Reply     Reply
}

// WebhookRecord is a webhook with what became of it.
type WebhookRecord struct {
	Webhook
	AcceptedAt order.Time // 0 = still owed
	Tries      []Delivery // the newest MaxTries, oldest first
}

// Endpoint is what is noted of where a backend's webhooks go.
type Endpoint struct {
	Backend    string
	GoneAt     order.Time // first 410 since an answer that was none
	DisabledAt order.Time // nothing is sent until a person enables it
}

// keepWebhooks is how long an accepted webhook and its log are kept: as long as a
// backend may take to ask what it was told.
const keepWebhooks = 30 * 24 * time.Hour

const (
	pruneEvery = time.Hour
	pruneChunk = 500 // other commits get their turn in between
)

// keepOutbox forgets old webhooks, and wakes what an enabling that was cut off left
// parked, until ctx ends.
func (e *Engine) keepOutbox(ctx context.Context) {
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for {
		if err := e.tidyOutbox(ctx); err != nil && ctx.Err() == nil {
			e.deps.Log.WithError(err).Error("tidy outbox")
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (e *Engine) tidyOutbox(ctx context.Context) error {
	for n := pruneChunk; n == pruneChunk; {
		var err error
		if n, err = e.deps.Store.PruneWebhooks(ctx, now().Add(-keepWebhooks), pruneChunk); err != nil {
			return err
		}
	}
	noted, err := e.deps.Store.Endpoints(ctx)
	if err != nil {
		return err
	}
	for backend := range e.deps.Backends {
		if noted[backend].DisabledAt != 0 {
			continue
		}
		if err := e.wake(ctx, backend); err != nil {
			return err
		}
	}
	return nil
}

// Webhooks lists what an order's backend was and is to be told, lowest seq first, with
// the cursor of the next page ("" = the end).
func (e *Engine) Webhooks(ctx context.Context, orderNo, cursor string, limit int) ([]WebhookRecord, string, error) {
	list, err := e.deps.Store.Webhooks(ctx, orderNo, cursor, limit+1)
	if err != nil || len(list) <= limit {
		return list, "", err
	}
	return list[:limit], list[limit-1].ID, nil
}
