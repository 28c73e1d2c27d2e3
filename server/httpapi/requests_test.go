package httpapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/channel/sandbox"
	"anxin/engine/order"
	"anxin/server/httpapi"
)

// answer is a response with its body read.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) problem(t *testing.T) httpapi.Problem {
	t.Helper()
	var p httpapi.Problem
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Fatalf("content type %q of %d %s", got, a.status, a.body)
	}
	must(t, json.Unmarshal(a.body, &p))
	if p.Status != a.status {
		t.Errorf("problem says %d, the response %d", p.Status, a.status)
	}
	return p
}

type header map[string]string

func bearer(credential string) header { return header{"Authorization": "Bearer " + credential} }

// send makes a request. A body that is no string is sent as JSON.
func (w *world) send(method, path string, body any, headers ...header) answer {
	w.t.Helper()
	var content io.Reader = http.NoBody
	contentType := ""
	switch b := body.(type) {
	case nil:
	case string:
		content, contentType = strings.NewReader(b), "application/json"
	default:
		raw, err := json.Marshal(b)
		must(w.t, err)
		content, contentType = bytes.NewReader(raw), "application/json"
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.base+path, content)
	must(w.t, err)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for _, h := range headers {
		for name, value := range h {
			req.Header.Set(name, value)
		}
	}
	resp, err := w.client.Do(req)
	must(w.t, err)
	defer resp.Body.Close()
	if resp.Header.Get("Content-Type") == "text/event-stream" { // it does not end
		return answer{resp.StatusCode, resp.Header, nil}
	}
	raw, err := io.ReadAll(resp.Body)
	must(w.t, err)
	return answer{resp.StatusCode, resp.Header, raw}
}

// want makes a request and fails unless the status is as expected.
func (w *world) want(status int, method, path string, body any, headers ...header) answer {
	w.t.Helper()
	a := w.send(method, path, body, headers...)
	if a.status != status {
		w.t.Fatalf("%s %s: %d %s, want %d", method, path, a.status, a.body, status)
	}
	return a
}

type object = map[string]any

// registration is a managed order that can be accepted.
func registration(orderNo string) object {
	return object{
		"order_no": orderNo, "channel": "sandbox", "mode": "managed",
		"amount":  object{"minor": 8800, "currency": "CNY"},
		"subject": "Two tickets", "payer": object{"id": "payer of " + orderNo, "locale": "en"},
	}
}

// with returns a copy of o with one field replaced, or removed by nil.
func with(o object, field string, value any) object {
	c := maps.Clone(o)
	if c[field] = value; value == nil {
		delete(c, field)
	}
	return c
}

type registered struct {
	Order      map[string]any `json:"order"`
	Progress   order.Progress `json:"progress"`
	PageURL    string         `json:"page_url"`
	ViewToken  string         `json:"view_token"`
	InboxToken string         `json:"inbox_token"`
	InboxURL   string         `json:"inbox_url"`
}

func (w *world) register(reg object) registered {
	w.t.Helper()
	return decode[registered](w.t, w.want(http.StatusCreated, "POST", "/v1/orders", reg, bearer(shopKey)))
}

func decode[T any](t *testing.T, a answer) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("decode %s: %v", a.body, err)
	}
	return v
}

// callback posts what the simulated channel would send.
func (w *world) callback(orderNo string, state sandbox.State, minor int64) answer {
	w.t.Helper()
	body, err := json.Marshal(sandbox.Notice{ID: "n-" + orderNo + "-" + string(state), Payment: sandbox.Payment{
		OutTradeNo: orderNo, Merchant: merchant, State: state, At: order.At(time.Now()), TransactionID: "t-" + orderNo,
		Amount: &order.Money{Minor: minor, Currency: "CNY"},
	}})
	must(w.t, err)
	h := http.Header{}
	sandbox.Seal(h, channelSecret, time.Now(), sandbox.NewNonce(), body)
	return w.send("POST", "/v1/callbacks/sandbox", string(body), header{
		sandbox.HeaderTimestamp: h.Get(sandbox.HeaderTimestamp), sandbox.HeaderNonce: h.Get(sandbox.HeaderNonce),
		sandbox.HeaderSignature: h.Get(sandbox.HeaderSignature),
	})
}

// state is everything that a request could have changed of the orders.
func (w *world) state() string {
	w.t.Helper()
	orders, _, err := w.store.Orders(w.t.Context(), engine.Filter{Limit: 100})
	must(w.t, err)
	var b strings.Builder
	for _, o := range orders {
		events, err := w.store.Events(w.t.Context(), o.OrderNo, 0, 100)
		must(w.t, err)
		fmt.Fprintf(&b, "%+v %+v\n", o, events)
	}
	return b.String()
}
