package httpapi

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"anxin/engine"
	"anxin/engine/notify"
	"anxin/engine/order"
	"anxin/hub"
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

// reader is who holds an inbox token.
type reader struct {
	id    string // of the inbox
	token string
	until time.Time // its end
}

// inboxOf admits the bearer of an inbox token to the inbox that it is for.
func (a *api) inboxOf(c *fiber.Ctx, token string) (reader, error) {
	id, until, err := a.deps.Tokens.Open(auth.KindInbox, token, time.Now())
	switch {
	case errors.Is(err, auth.ErrTokenExpired):
		return reader{}, errTokenExpired
	case err != nil:
		return reader{}, a.limits.failed(c, errUnauthorized)
	}
	return reader{id, strings.Clone(token), until}, nil
}

type inboxQuery struct {
	limit int
	below int64
	after int64
	wait  time.Duration
}

var inboxFilters = map[string]func(q *inboxQuery, value string) bool{
	"limit": func(q *inboxQuery, v string) bool { return readLimit(&q.limit, v) },
	"cursor": func(q *inboxQuery, v string) (ok bool) {
		n, err := strconv.ParseInt(v, 10, 64)
		q.below = n
		return err == nil && n > 0
	},
	"after": func(q *inboxQuery, v string) (ok bool) {
		n, err := strconv.ParseInt(v, 10, 64)
		q.after = n
		return err == nil && n >= 0
	},
	"wait": func(q *inboxQuery, v string) (ok bool) {
		d, err := time.ParseDuration(v)
		q.wait = d
		return err == nil && d >= 0 && d <= maxWait
	},
}

// inbox answers GET /v1/inbox, newest first. With `after` it holds the request `wait`
// long while that is the state.
func (a *api) inbox(c *fiber.Ctx) error {
	who, err := a.inboxOf(c, bearer(c))
	if err != nil {
		return err
	}
	q := inboxQuery{limit: inboxPage, after: -1}
	if err := readQuery(c, &q, inboxFilters); err != nil {
		return err
	}
	if q.below > 0 && q.after >= 0 {
		return badParameter("cursor", "what is waited for are the newest items")
	}
	ctx, cancel := work()
	defer cancel()
	in, err := a.deps.Engine.Inbox(ctx, who.id, q.below, q.limit)
	if err != nil {
		return err
	}
	view, err := Inbox(in, a.pagesFor(who))
	if err != nil {
		return err
	}
	p := poll{visit: who.visit(c, q.after), wait: q.wait}
	m := hub.Message{Topic: p.visit.Topic, Seq: view.Seq}
	if m.Seq == q.after && q.wait > 0 {
		if m, err = a.await(p, m); err != nil {
			return err
		}
	}
	return a.sendState(c, p, m, view)
}

// visit is what the hub is told of a reader.
func (r reader) visit(c *fiber.Ctx, after int64) hub.Visit {
	return hub.Visit{
		Topic: auth.InboxTopic(r.id), Audience: auth.AudiencePayer, Until: r.until, Token: r.token, Remote: strings.Clone(c.IP()), After: after,
	}
}

// inboxStream answers GET /v1/inbox/stream; see stream.
func (a *api) inboxStream(c *fiber.Ctx) error {
	who, err := a.inboxOf(c, cmp.Or(bearer(c), c.Query("k")))
	if err != nil {
		return err
	}
	after, err := knownSeq(c)
	if err != nil {
		return err
	}
	a.serveStream(c, who.visit(c, after))
	return nil
}

// readInbox answers POST /v1/inbox/read with the inbox as it is then.
func (a *api) readInbox(c *fiber.Ctx) error {
	who, err := a.inboxOf(c, bearer(c))
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
	in, err := a.deps.Engine.ReadInbox(ctx, engine.InboxRead{InboxID: who.id, IDs: body.IDs, UpTo: body.UpTo}, inboxPage)
	if err != nil {
		return err
	}
	view, err := Inbox(in, a.pagesFor(who))
	if err != nil {
		return err
	}
	return sendJSON(c, http.StatusOK, view)
}

// pagesFor makes links to orders' pages with tokens of their own.
func (a *api) pagesFor(who reader) func(orderNo string) (string, error) {
	return func(orderNo string) (string, error) {
		token, err := a.viewFor(who, orderNo)
		if err != nil {
			return "", err
		}
		return a.pageURL(orderNo, token), nil
	}
}

// viewFor is a view token that ends with the reader's own, so that no link renews itself
// by way of the messages.
func (a *api) viewFor(who reader, orderNo string) (string, error) {
	return a.deps.Tokens.Issue(auth.KindView, orderNo, min(a.cfg.ViewLife, time.Until(who.until)))
}
