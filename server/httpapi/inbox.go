package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"anxin/engine"
	"anxin/engine/notify"
	"anxin/engine/order"
	"anxin/server/auth"
)

// inboxPage is how many items an inbox is shown with unless a request says otherwise.
const inboxPage = 20

// InboxView is an inbox as its payer sees it: the answer of GET /v1/inbox, and the data of
// the live frames of its topic, which show the newest items.
type InboxView struct {
	Topic      string     `json:"topic"`
	Seq        int64      `json:"seq"`
	Unread     int        `json:"unread"`
	Items      []itemView `json:"items"`
	NextCursor *string    `json:"next_cursor"`
}

type itemView struct {
	ID       string        `json:"id"`
	N        int64         `json:"n"`
	OrderNo  string        `json:"order_no"`
	Notice   notify.Notice `json:"notice"`
	Language string        `json:"language"`
	Title    string        `json:"title"`
	Body     string        `json:"body"`
	At       order.Time    `json:"at"`
	ReadAt   order.Time    `json:"read_at"`
	PageURL  string        `json:"page_url"`
}

// Inbox makes the view. Each item leads to its order's page by a fresh link.
func Inbox(in engine.Inbox, page func(orderNo string) (string, error)) (InboxView, error) {
	v := InboxView{Topic: auth.InboxTopic(in.ID), Seq: in.Seq + 1, Unread: in.Unread, Items: make([]itemView, 0, len(in.Items))}
	for _, it := range in.Items {
		link, err := page(it.OrderNo)
		if err != nil {
			return InboxView{}, err
		}
		v.Items = append(v.Items, itemView{it.ID, it.N, it.OrderNo, it.Notice, it.Language, it.Title, it.Body, it.At, it.ReadAt, link})
	}
	if in.More {
		next := strconv.FormatInt(in.Items[len(in.Items)-1].N, 10)
		v.NextCursor = &next
	}
	return v, nil
}

// inboxOf admits the bearer of an inbox token to the inbox that it is for.
func (a *api) inboxOf(c *fiber.Ctx) (string, error) {
	id, err := a.deps.Tokens.Subject(auth.KindInbox, bearer(c), time.Now())
	switch {
	case errors.Is(err, auth.ErrTokenExpired):
		return "", errTokenExpired
	case err != nil:
		return "", a.limits.failed(c, errUnauthorized)
	}
	return id, nil
}

type inboxQuery struct {
	limit int
	below int64
}

var inboxFilters = map[string]func(q *inboxQuery, value string) bool{
	"limit": func(q *inboxQuery, v string) bool { return readLimit(&q.limit, v) },
	"cursor": func(q *inboxQuery, v string) (ok bool) {
		n, err := strconv.ParseInt(v, 10, 64)
		q.below = n
		return err == nil && n > 0
	},
}

// inbox answers GET /v1/inbox, newest first.
func (a *api) inbox(c *fiber.Ctx) error {
	id, err := a.inboxOf(c)
	if err != nil {
		return err
	}
	q := inboxQuery{limit: inboxPage}
	if err := readQuery(c, &q, inboxFilters); err != nil {
		return err
	}
	ctx, cancel := work()
	defer cancel()
	in, err := a.deps.Engine.Inbox(ctx, id, q.below, q.limit)
	if err != nil {
		return err
	}
	return a.sendInbox(c, in)
}

// readInbox answers POST /v1/inbox/read with the inbox as it is then.
func (a *api) readInbox(c *fiber.Ctx) error {
	id, err := a.inboxOf(c)
	if err != nil {
		return err
	}
	var body struct {
		IDs  []string `json:"ids"`
		UpTo int64    `json:"up_to"`
	}
	if err := decodeJSON(c, &body); err != nil {
		return err
	}
	if len(body.IDs) > engine.MaxReadIDs || body.UpTo < 0 || (len(body.IDs) == 0 && body.UpTo == 0) {
		return &order.FieldError{Field: "ids", Reason: fmt.Sprintf("name 1 to %d items by id, or all up to a number by up_to", engine.MaxReadIDs)}
	}
	ctx, cancel := work()
	defer cancel()
	in, err := a.deps.Engine.ReadInbox(ctx, engine.InboxRead{InboxID: id, IDs: body.IDs, UpTo: body.UpTo}, inboxPage)
	if err != nil {
		return err
	}
	return a.sendInbox(c, in)
}

func (a *api) sendInbox(c *fiber.Ctx, in engine.Inbox) error {
	v, err := Inbox(in, a.freshPage)
	if err != nil {
		return err
	}
	return sendJSON(c, http.StatusOK, v)
}

// freshPage returns a link to an order's page with a token of its own.
func (a *api) freshPage(orderNo string) (string, error) {
	token, err := a.viewToken(orderNo)
	if err != nil {
		return "", err
	}
	return a.pageURL(orderNo, token), nil
}
