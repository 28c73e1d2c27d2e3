package httpapi

import (
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"anxin/engine"
	"anxin/engine/channel"
	"anxin/engine/order"
)

// callbackView is a callback as operators see it in a list.
type callbackView struct {
	ID         string               `json:"id"`
	Channel    string               `json:"channel"`
	OrderNo    string               `json:"order_no"`
	State      engine.CallbackState `json:"state"`
	Reason     string               `json:"reason,omitempty"`
	DedupeKey  string               `json:"dedupe_key,omitempty"`
	ReceivedAt order.Time           `json:"received_at"`
}

// callbackDetail adds what came, and what was read out of it.
type callbackDetail struct {
	callbackView
	Evidence *order.Evidence `json:"evidence,omitempty"`
	Request  requestView     `json:"request"`
}

// requestView is a raw request that can be read by people. What is no text is base64.
type requestView struct {
	Headers   map[string][]string `json:"headers"`
	Query     string              `json:"query"`
	Body      string              `json:"body"`
	Encoding  string              `json:"encoding"` // of body and query: "text" or "base64"
	Size      int                 `json:"size"`     // of the whole body
	Truncated bool                `json:"truncated"`
}

// maxShown bounds the body in an answer: enough for every honest callback.
const maxShown = 64 << 10

// opsCallbacks answers GET /v1/ops/callbacks, newest first.
func (a *api) opsCallbacks(c *fiber.Ctx) error {
	if _, err := a.operator(c); err != nil {
		return err
	}
	f := engine.CallbackFilter{Limit: defaultPage}
	if err := readQuery(c, &f, callbackFilters); err != nil {
		return err
	}
	ctx, cancel := work()
	defer cancel()
	list, next, err := a.deps.Engine.Callbacks(ctx, f)
	if err != nil {
		return err
	}
	return sendList(c, list, next, viewOfCallback)
}

var callbackFilters = map[string]func(f *engine.CallbackFilter, value string) bool{
	"state": func(f *engine.CallbackFilter, v string) bool {
		f.State = engine.CallbackState(v)
		return slices.Contains(callbackStates, f.State)
	},
	"channel":  func(f *engine.CallbackFilter, v string) bool { f.Channel = v; return channelName.MatchString(v) },
	"order_no": func(f *engine.CallbackFilter, v string) bool { f.OrderNo = v; return order.ValidOrderNo(v) },
	"since":    func(f *engine.CallbackFilter, v string) bool { return readTime(&f.Since, v) },
	"until":    func(f *engine.CallbackFilter, v string) bool { return readTime(&f.Until, v) },
	"cursor":   func(f *engine.CallbackFilter, v string) bool { f.Cursor = v; return true },
	"limit":    func(f *engine.CallbackFilter, v string) bool { return readLimit(&f.Limit, v) },
}

var callbackStates = []engine.CallbackState{
	engine.CallbackProcessed, engine.CallbackPending, engine.CallbackQuarantined, engine.CallbackRejected,
}

func viewOfCallback(r engine.CallbackRecord) callbackView {
	return callbackView{
		ID: r.ID, Channel: r.Channel, OrderNo: r.OrderNo, State: r.State, Reason: r.Reason,
		DedupeKey: r.DedupeKey, ReceivedAt: r.ReceivedAt,
	}
}

// opsCallback answers GET /v1/ops/callbacks/{id}.
func (a *api) opsCallback(c *fiber.Ctx) error {
	if _, err := a.operator(c); err != nil {
		return err
	}
	ctx, cancel := work()
	defer cancel()
	rec, err := a.deps.Engine.Callback(ctx, strings.Clone(c.Params("id")))
	if errors.Is(err, engine.ErrNotFound) {
		return problem(http.StatusNotFound, "callback_not_found", "there is no such callback; it may have expired or been replayed")
	}
	if err != nil {
		return err
	}
	detail := callbackDetail{callbackView: viewOfCallback(rec), Request: viewOfRequest(rec.Raw)}
	if rec.State != engine.CallbackRejected {
		detail.Evidence = &rec.Notification.Evidence
	}
	return sendJSON(c, fiber.StatusOK, detail)
}

func viewOfRequest(r channel.Request) requestView {
	v := requestView{Headers: make(map[string][]string, len(r.Header)), Size: len(r.Body), Encoding: "text"}
	for name, values := range r.Header {
		for _, value := range values {
			if secretHeader(name) {
				value = mask
			}
			shown := strings.ToValidUTF8(name, "?")
			v.Headers[shown] = append(v.Headers[shown], strings.ToValidUTF8(value, "?"))
		}
	}
	body := r.Body
	if v.Truncated = len(body) > maxShown; v.Truncated {
		body = body[:maxShown]
		for i := 0; i < utf8.UTFMax && !utf8.Valid(body); i++ { // a character that was cut through
			body = body[:len(body)-1]
		}
	}
	if utf8.Valid(body) && utf8.ValidString(r.Query) {
		v.Body, v.Query = string(body), r.Query
		return v
	}
	v.Encoding = "base64"
	v.Body, v.Query = base64.StdEncoding.EncodeToString(body), base64.StdEncoding.EncodeToString([]byte(r.Query))
	return v
}

// secretHeader reports whether a header may hold what lets somebody act as the channel
// or as a caller: signatures, credentials, cookies.
func secretHeader(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"sign", "sig", "auth", "cookie", "secret", "token", "key", "hmac"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
