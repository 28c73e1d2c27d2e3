package httpapi

import (
	"net/url"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"anxin/engine"
	"anxin/engine/notify"
	"anxin/engine/order"
)

// messageView is a message as operators see it. Where it went is masked, and what it said
// is told by template and version.
type messageView struct {
	ID         string          `json:"id"`
	OrderNo    string          `json:"order_no"`
	Notice     notify.Notice   `json:"notice"`
	Channel    notify.Channel  `json:"channel"`
	To         string          `json:"to"`
	Provider   string          `json:"provider"`
	ProviderID string          `json:"provider_id"`
	Language   string          `json:"language"`
	Template   string          `json:"template"`
	Version    int             `json:"template_version"`
	Status     notify.Status   `json:"status"`
	Code       string          `json:"code"`
	Segments   int             `json:"segments"`
	Cost       *costView       `json:"cost"`
	TookMS     int64           `json:"took_ms"`
	CreatedAt  order.Time      `json:"created_at"`
	UpdatedAt  order.Time      `json:"updated_at"`
	History    []notify.Moment `json:"history"`
}

type costView struct {
	Micros   int64  `json:"micros"`
	Currency string `json:"currency"`
}

func viewOfMessage(r notify.Record) messageView {
	v := messageView{
		ID: r.ID, OrderNo: r.OrderNo, Notice: r.Notice, Channel: r.Channel, To: r.To, Provider: r.Provider, ProviderID: r.ProviderID,
		Language: r.Language, Template: r.Template, Version: r.Version, Status: r.Status, Code: r.Code, Segments: r.Segments,
		TookMS: r.Took.Milliseconds(), CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, History: append([]notify.Moment{}, r.History...),
	}
	if r.Cost != (notify.Cost{}) {
		v.Cost = &costView{r.Cost.Micros, r.Cost.Currency}
	}
	return v
}

var messageFilters = map[string]func(f *engine.MessageFilter, v string) bool{
	"order_no": func(f *engine.MessageFilter, v string) bool { f.OrderNo = v; return order.ValidOrderNo(v) },
	"channel": func(f *engine.MessageFilter, v string) bool {
		f.Channel = notify.Channel(v)
		return slices.Contains(notify.Channels, f.Channel)
	},
	"notice":   func(f *engine.MessageFilter, v string) bool { f.Notice = notify.Notice(v); return v != "" },
	"provider": func(f *engine.MessageFilter, v string) bool { f.Provider = v; return channelName.MatchString(v) },
	"status":   func(f *engine.MessageFilter, v string) bool { f.Status = notify.Status(v); return v != "" },
	"since":    func(f *engine.MessageFilter, v string) bool { return readTime(&f.Since, v) },
	"until":    func(f *engine.MessageFilter, v string) bool { return readTime(&f.Until, v) },
	"cursor":   func(f *engine.MessageFilter, v string) bool { f.Cursor = v; return true },
	"limit":    func(f *engine.MessageFilter, v string) bool { return readLimit(&f.Limit, v) },
}

// opsMessages answers GET /v1/ops/messages, newest first.
func (a *api) opsMessages(c *fiber.Ctx) error {
	if _, err := a.operator(c); err != nil {
		return err
	}
	f := engine.MessageFilter{Limit: defaultPage}
	if err := readQuery(c, &f, messageFilters); err != nil {
		return err
	}
	ctx, cancel := work()
	defer cancel()
	list, next, err := a.deps.Engine.Messages(ctx, f)
	if err != nil {
		return err
	}
	return sendList(c, list, next, viewOfMessage)
}

// previewView is one line of what the plan would do.
type previewView struct {
	Notice   notify.Notice  `json:"notice"`
	Refund   string         `json:"refund_id,omitempty"`
	Current  bool           `json:"current"`
	Channel  notify.Channel `json:"channel"`
	Action   notify.Action  `json:"action"`
	Reason   notify.Reason  `json:"reason"`
	At       order.Time     `json:"at"`
	To       string         `json:"to"`
	Title    string         `json:"title"`
	Body     string         `json:"body"`
	Encoding string         `json:"encoding,omitempty"`
	Segments int            `json:"segments,omitempty"`
}

// previewMessages answers GET /v1/ops/orders/{order_no}/notify-preview.
func (a *api) previewMessages(c *fiber.Ctx) error {
	if _, err := a.operator(c); err != nil {
		return err
	}
	orderNo, err := orderParam(c)
	if err != nil {
		return err
	}
	ctx, cancel := work()
	defer cancel()
	list, err := a.deps.Engine.PreviewMessages(ctx, orderNo)
	if err != nil {
		return err
	}
	return sendList(c, list, "", func(p engine.Preview) previewView {
		return previewView{
			p.Notice, p.Refund, p.Current, p.Channel, p.Action, p.Reason, p.At, p.To, p.Title, p.Body, p.Size.Encoding, p.Size.Segments,
		}
	})
}

// providerView is what this node knows of one provider.
type providerView struct {
	Name        string              `json:"name"`
	Channel     notify.Channel      `json:"channel"`
	Breaker     engine.BreakerState `json:"breaker"`
	Failures    int                 `json:"failures"`
	NextProbeAt order.Time          `json:"next_probe_at"`
	PausedUntil order.Time          `json:"paused_until"`
	Calls       int64               `json:"calls"`
	Delivered   int64               `json:"delivered"`
	Failed      int64               `json:"failed"`
}

// opsProviders answers GET /v1/ops/providers.
func (a *api) opsProviders(c *fiber.Ctx) error {
	if err := a.wholeList(c); err != nil {
		return err
	}
	return sendList(c, a.deps.Engine.Providers(), "", func(s engine.ProviderState) providerView {
		return providerView{
			s.Name, s.Channel, s.Breaker, s.PaceState.Failures, s.NextProbe, s.Paused, s.Calls, s.Delivered, s.Failed,
		}
	})
}

// receipts answers POST and GET /v1/receipts/{provider}: what providers report of
// messages. The answer is the one that the provider wants.
func (a *api) receipts(c *fiber.Ctx) error {
	name, err := url.PathUnescape(strings.Clone(c.Params("provider")))
	if err != nil {
		return engine.ErrNoProvider
	}
	ctx, cancel := work()
	defer cancel()
	answer, err := a.deps.Engine.ReceiveReceipts(ctx, name, callback(c))
	if err != nil {
		return err
	}
	if answer.ContentType != "" {
		c.Set(fiber.HeaderContentType, answer.ContentType)
	}
	return c.Status(answer.Status).Send(answer.Body)
}
