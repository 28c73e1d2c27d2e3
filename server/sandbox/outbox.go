package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	told "anxin/engine/notify"
	"anxin/engine/order"

	"github.com/gofiber/fiber/v2"

	wire "anxin/engine/channel/sandbox"
	messages "anxin/engine/notify/sandbox"
)

// maxOutbox bounds the messages that are kept, the oldest go first.
const maxOutbox = 1000

// outboxShown is how many messages the page shows.
const outboxShown = 50

// sent is a message in the outbox.
type sent struct {
	messages.Message
	At order.Time `json:"at"`
}

// endings are numbers that fail, by their last digits, so that anybody can try it.
var endings = map[string]string{
	"0001": "bad_address", "0002": "throttled", "0003": "template_refused", "0004": "quota_exceeded", "0005": "too_many_today",
}

// takeMessage is the simulated provider of SMS, e-mail and push: it takes what is signed,
// prints it and keeps it in the outbox.
func (s *Sandbox) takeMessage(c *fiber.Ctx) error {
	raw, err := body(c, maxJSON)
	if err != nil {
		return err
	}
	header := http.Header{}
	for _, name := range []string{wire.HeaderTimestamp, wire.HeaderNonce, wire.HeaderSignature} {
		header.Set(name, strings.Clone(c.Get(name)))
	}
	refuse := func(status int, code string) error { return c.Status(status).JSON(messages.Answer{Code: code}) }
	if wire.Check(header, s.cfg.Secret, s.clock(), wire.RequestMessage(http.MethodPost, messages.MessagesPath, raw)) != nil {
		return refuse(http.StatusUnauthorized, "bad_signature")
	}
	m := sent{At: s.now()}
	if json.Unmarshal(raw, &m.Message) != nil || m.To == "" || m.Text == "" {
		return refuse(http.StatusUnprocessableEntity, "template_refused")
	}
	for ending, code := range endings {
		if strings.HasSuffix(m.To, ending) {
			return refuse(http.StatusUnprocessableEntity, code)
		}
	}
	id, err := s.store.addMessage(c.UserContext(), m)
	if err != nil {
		return err
	}
	s.log.WithField("to", m.masked()).WithField("text", m.Text).Info("sandbox: a message was sent")
	return c.Status(http.StatusCreated).JSON(messages.Answer{MessageID: fmt.Sprintf("sandbox-%d", id)})
}

// masked names the recipient without telling who it is.
func (m sent) masked() string {
	switch m.Channel {
	case told.Email:
		return told.MaskEmail(m.To)
	case told.Push:
		platform, _, _ := strings.Cut(m.To, ":")
		return told.Address{Device: told.Device{Platform: platform, Token: m.To}}.Mask()
	case told.WebPush:
		return told.Address{WebPush: told.Subscription{Endpoint: m.To}}.Mask()
	default:
		return told.MaskPhone(m.To)
	}
}

// showOutbox shows what payers were sent, each message as its reader has it.
func (s *Sandbox) showOutbox(c *fiber.Ctx) error {
	list, err := s.store.messages(c.UserContext(), outboxShown)
	if err != nil {
		return err
	}
	shown := make([]outboxLine, 0, len(list))
	for _, m := range list {
		shown = append(shown, outboxLine{m, m.masked(), told.SizeOf(m.Text), strings.HasPrefix(m.OrderNo, orderPrefix)})
	}
	return s.render(c, http.StatusOK, "outbox", shown)
}

type outboxLine struct {
	sent

	Masked string
	Size   told.Size // as an SMS
	Ours   bool      // the order is one of this shop's
}

// Kind is the channel as a text.
func (l outboxLine) Kind() string { return string(l.Channel) }

// listMessages answers GET /sandbox/v1/messages, newest first, for scripts.
func (s *Sandbox) listMessages(c *fiber.Ctx) error {
	list, err := s.store.messages(c.UserContext(), maxOutbox)
	if err != nil {
		return err
	}
	return c.JSON(struct {
		Items []sent `json:"items"`
	}{list})
}

func (s *store) addMessage(ctx context.Context, m sent) (int64, error) {
	doc, err := json.Marshal(m)
	if err != nil {
		return 0, fmt.Errorf("write message: %w", err)
	}
	result, err := s.db.ExecContext(ctx, `INSERT INTO outbox (doc) VALUES ($1)`, string(doc))
	if err != nil {
		return 0, fmt.Errorf("insert message: %w", err)
	}
	id, err := result.LastInsertId()
	if err != nil {
		return 0, fmt.Errorf("insert message: %w", err)
	}
	if _, err := s.db.ExecContext(ctx, `DELETE FROM outbox WHERE id <= $1`, id-maxOutbox); err != nil {
		return 0, fmt.Errorf("trim outbox: %w", err)
	}
	return id, nil
}

func (s *store) messages(ctx context.Context, limit int) ([]sent, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT doc FROM outbox ORDER BY id DESC LIMIT $1`, limit)
	if err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err below tells what went wrong
	list := []sent{}
	for rows.Next() {
		var doc string
		var m sent
		if err := rows.Scan(&doc); err != nil {
			return nil, fmt.Errorf("read outbox: %w", err)
		}
		if err := json.Unmarshal([]byte(doc), &m); err != nil {
			return nil, fmt.Errorf("read outbox: %w", err)
		}
		list = append(list, m)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	return list, nil
}
