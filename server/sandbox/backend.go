package sandbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"anxin/engine/order"
	"anxin/engine/webhook"

	"github.com/gofiber/fiber/v2"
)

// webhookReceipt is what the shop's backend keeps of a webhook.
type webhookReceipt struct {
	WebhookID  string     `json:"webhook_id"`
	Type       string     `json:"type"`
	Seq        int64      `json:"seq"`
	ReceivedAt order.Time `json:"received_at"`
}

// webhookBody is as much of a webhook as the backend wants to know. It reads past
// fields that it does not know, so that its sender may add some.
type webhookBody struct {
	Type string `json:"type"`
	Data struct {
		OrderNo string `json:"order_no"`
		Seq     int64  `json:"seq"`
	} `json:"data"`
}

// maxWebhookID bounds an id that is kept; senders use some 30 characters.
const maxWebhookID = 256

// maxReceipts bounds how many webhooks of one order are shown.
const maxReceipts = 100

// takeWebhook is the shop's backend: it checks the signature, fails as often as the
// plan says, and takes each webhook in once.
func (s *Sandbox) takeWebhook(c *fiber.Ctx) error {
	raw, err := body(c, maxWebhook)
	if err != nil {
		return err
	}
	id := strings.Clone(c.Get(webhook.HeaderID))
	timestamp, signatures := strings.Clone(c.Get(webhook.HeaderTimestamp)), strings.Clone(c.Get(webhook.HeaderSignature))
	if len(id) > maxWebhookID || webhook.Verify([]webhook.Secret{s.webhook}, id, timestamp, signatures, raw, s.clock()) != nil {
		return errSignature
	}
	var hook webhookBody
	if err := json.Unmarshal(raw, &hook); err != nil {
		return errJSON.about("", "not a webhook")
	}
	fails := false
	_, err = s.store.update(c.UserContext(), hook.Data.OrderNo, func(p *payment) ([]job, error) {
		fails = p.backendFails()
		return nil, nil
	})
	if err != nil && !errors.Is(err, errNotFound) { // not found: registered by a script that has not paid yet
		return err
	}
	if fails {
		return errBackend
	}
	receipt := webhookReceipt{WebhookID: id, Type: hook.Type, Seq: hook.Data.Seq, ReceivedAt: s.now()}
	if err := s.store.takeIn(c.UserContext(), hook.Data.OrderNo, receipt); err != nil {
		return err
	}
	return c.JSON(map[string]bool{"received": true})
}

// takeIn stores a webhook once, by its id.
func (s *store) takeIn(ctx context.Context, orderNo string, receipt webhookReceipt) error {
	doc, err := json.Marshal(receipt)
	if err != nil {
		return fmt.Errorf("write webhook: %w", err)
	}
	return s.inTx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO webhooks (webhook_id, order_no, doc) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
			receipt.WebhookID, orderNo, string(doc))
		if err != nil {
			return fmt.Errorf("insert webhook: %w", err)
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM webhooks WHERE id <= (SELECT max(id) FROM webhooks) - $1`, maxWebhooks); err != nil {
			return fmt.Errorf("drop old webhooks: %w", err)
		}
		return nil
	})
}

// webhooks returns what the backend took in about an order, in the order of arrival.
func (s *store) webhooks(ctx context.Context, orderNo string) ([]webhookReceipt, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT doc FROM webhooks WHERE order_no = $1 ORDER BY id LIMIT $2`, orderNo, maxReceipts)
	if err != nil {
		return nil, fmt.Errorf("read webhooks: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err below tells what went wrong
	var receipts []webhookReceipt
	for rows.Next() {
		var doc string
		var receipt webhookReceipt
		if err := rows.Scan(&doc); err != nil {
			return nil, fmt.Errorf("read webhook: %w", err)
		}
		if err := json.Unmarshal([]byte(doc), &receipt); err != nil {
			return nil, fmt.Errorf("read webhook: %w", err)
		}
		receipts = append(receipts, receipt)
	}
	return receipts, rows.Err()
}
