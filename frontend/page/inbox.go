package page

import (
	"fmt"
	"html/template"
	"io"
	"net/url"
	"strconv"
	"time"

	"anxin/engine/order"
	"anxin/frontend"
)

// InboxLink leads from an order's page to the messages of its payer.
type InboxLink struct {
	Token  string
	Unread int
}

// Count is how many are unread, as text.
func (l InboxLink) Count() string { return strconv.Itoa(l.Unread) }

// Inbox is what a payer's message centre is rendered from.
type Inbox struct {
	Lang      string // BCP 47 tag or Accept-Language value
	AskedLang string // what the address asks for; forms keep it
	Merchant  string // the backend whose brand the page wears
	Token     string // the inbox token, which forms and the script send back
	Topic     string
	Now       time.Time
	Seq       int64
	Unread    int
	Items     []InboxItem // newest first
	// Below is the number that the items are below; 0 for the newest ones.
	Below int64
	More  bool // there are older ones
	// OrderNo is the order from which the payer came, and ViewToken opens its page; "" =
	// there is none.
	OrderNo, ViewToken string
}

// InboxItem is one message, as the API shows it.
type InboxItem struct {
	ID       string     `json:"id"`
	N        int64      `json:"n"`
	OrderNo  string     `json:"order_no"`
	Notice   string     `json:"notice"`
	Language string     `json:"language"`
	Title    string     `json:"title"`
	Body     string     `json:"body"`
	At       order.Time `json:"at"`
	ReadAt   order.Time `json:"read_at"`
}

// inboxBoot is what the script starts from.
type inboxBoot struct {
	Topic  string            `json:"topic"`
	Token  string            `json:"token"`
	Brand  string            `json:"brand"`
	Now    order.Time        `json:"now"`
	Seq    int64             `json:"seq"`
	Unread int               `json:"unread"`
	Items  []InboxItem       `json:"items"`
	Newest bool              `json:"newest"` // new messages belong on this page
	More   bool              `json:"more"`
	Texts  map[string]string `json:"texts"`
}

// inboxDocument is what the template of the message centre reads.
type inboxDocument struct {
	document

	Boot     inboxBoot
	Messages []messageDocument
	Blank    messageDocument // for the script to fill
	Unread   int
	UpTo     int64 // the newest message shown
	Below    int64
	Oldest   int64
	More     bool
	Back     string // token of the order's page
}

// messageDocument is what the template of one message reads.
type messageDocument struct {
	InboxItem

	Time, Tone string
	Doc        *inboxDocument
}

// inboxRefreshSeconds is how often an inbox without script looks for messages: they are
// minutes apart, and a page that is being read should stay.
const inboxRefreshSeconds = 30

// RenderInbox writes the message centre of one payer.
func (r *Renderer) RenderInbox(w io.Writer, v Inbox) error {
	if err := execute(w, r.inbox, r.inboxDocument(v)); err != nil {
		return fmt.Errorf("render inbox: %w", err)
	}
	return nil
}

func (r *Renderer) inboxDocument(v Inbox) *inboxDocument {
	c, worn := r.catalogs.match(v.Lang), r.dress(v.Merchant)
	now, zone := v.Now, r.zone(c)
	title := c.text("inbox.headline", nil)
	if v.Unread > 0 {
		title = "(" + strconv.Itoa(v.Unread) + ") " + title
	}
	doc := &inboxDocument{
		document: document{
			catalog: c, CSS: worn.inboxCSS, Script: frontend.URL("inbox.js"), Legacy: frontend.URL("legacy.js"), Title: title,
			Brand: worn.called(c), Logo: worn.logo, Favicon: favicon("calm"), Refresh: inboxRefreshSeconds,
			OrderNo: v.OrderNo, Token: v.Token, AskedLang: v.AskedLang, Zone: zoneName(now, zone),
		},
		Unread: v.Unread, Below: v.Below, More: v.More, Back: v.ViewToken,
	}
	doc.Boot = inboxBoot{
		Topic: v.Topic, Token: v.Token, Brand: doc.Brand, Now: order.At(now), Seq: v.Seq, Unread: v.Unread,
		Items: v.Items, Newest: v.Below == 0, More: v.More, Texts: c.inbox,
	}
	if v.Items == nil {
		doc.Boot.Items = []InboxItem{}
	}
	doc.Blank = messageDocument{Doc: doc, Tone: noticeTone("")}
	for _, it := range v.Items {
		doc.Messages = append(doc.Messages, messageDocument{it, c.formatTime(it.At, now, zone), noticeTone(it.Notice), doc})
	}
	if len(v.Items) > 0 {
		doc.UpTo, doc.Oldest = v.Items[0].N, v.Items[len(v.Items)-1].N
	}
	return doc
}

// noticeTone is the tone in which the page shows what a message tells; the script has the
// same table.
func noticeTone(notice string) string {
	switch notice {
	case "succeeded", "refunded", "part_refunded":
		return "good"
	case "failed":
		return "bad"
	case "closed":
		return "calm"
	case "refunding", "part_refunding":
		return "back"
	}
	return "waiting"
}

// ReadAction is where the forms of the message centre are sent.
func (d *inboxDocument) ReadAction() template.URL {
	query := url.Values{}
	for name, value := range map[string]string{"lang": d.AskedLang, "order": d.OrderNo} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if d.Below > 0 {
		query.Set("before", strconv.FormatInt(d.Below, 10))
	}
	if len(query) == 0 {
		return "/inbox/read"
	}
	return template.URL("/inbox/read?" + query.Encode()) // #nosec G203 -- escaped
}

// UnreadText says how many messages are unread, "" when none is.
func (d *inboxDocument) UnreadText() string {
	if d.Unread == 0 {
		return ""
	}
	return d.text("inbox.unread", vars{"n": strconv.Itoa(d.Unread)})
}
