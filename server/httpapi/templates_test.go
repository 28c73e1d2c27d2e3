package httpapi_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"anxin/engine"
	"anxin/engine/channel"
	"anxin/engine/notify"
	"anxin/engine/order"
	"anxin/server/httpapi"
)

// phone is a provider of SMS that keeps what it is given.
type phone struct {
	mu    sync.Mutex // guards taken
	taken []notify.Message
}

func (p *phone) Traits() notify.Traits { return notify.Traits{Channel: notify.SMS} }

func (p *phone) Send(_ context.Context, m notify.Message) (notify.Receipt, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken = append(p.taken, m)
	return notify.Receipt{ProviderID: m.ID}, nil
}

func (p *phone) messages() []notify.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]notify.Message{}, p.taken...)
}

// noLinks makes links that lead nowhere.
type noLinks struct{}

func (noLinks) Page(o order.Order) string { return "https://pay.example/" + o.OrderNo }

func (noLinks) Unsubscribe(string, notify.Channel) string { return "https://pay.example/unsubscribe" }

func (p *phone) ParseReceipts(context.Context, channel.Request) ([]notify.StatusUpdate, error) {
	return nil, channel.ErrSignature
}

func (p *phone) AnswerReceipts(error) channel.Answer {
	return channel.Answer{Status: http.StatusForbidden}
}

// telling starts a node that sends SMS.
func telling(t *testing.T) (*world, *phone) {
	t.Helper()
	sms := &phone{}
	var store engine.Store
	w := setupOver(t, func(s engine.Store) engine.Store { store = s; return s }, func(_ *httpapi.Config, d *httpapi.Deps) {
		catalogue, err := notify.NewCatalogue(nil)
		must(t, err)
		d.Engine, err = engine.New(engine.Config{}, engine.Deps{
			Store: store, Sender: noSender{}, Listener: &truth{}, Log: logrus.New(), Messages: &engine.MessageDeps{
				Plan: notify.DefaultPlan(time.UTC, order.DefaultStageLimits), Catalogue: catalogue, Key: notify.Key("k"), Links: noLinks{},
				Providers: []engine.MessageProvider{{Name: "one", Provider: sms}},
			},
		})
		must(t, err)
	})
	return w, sms
}

func wording(body string) object {
	return object{"template": object{"name": "delayed", "language": "en", "title": "News", "body": body}, "reason": "clearer"}
}

func of(version int) object { return object{"name": "delayed", "language": "en", "version": version} }

func TestOperatorsWriteApproveAndTakeBackTemplates(t *testing.T) {
	t.Parallel()
	w, _ := telling(t)
	_, router := openAPI(t, w.base)
	c, key := checker{w, router}, bearer(operatorKey)
	const path = "/v1/ops/templates"
	for _, route := range []string{"GET " + path, "GET " + path + "/variables", "GET " + path + "/versions", "POST " + path, "POST " + path + "/decide", "POST " + path + "/use", "POST " + path + "/preview", "POST " + path + "/test"} {
		method, address, _ := strings.Cut(route, " ")
		w.want(http.StatusUnauthorized, method, address, nil)
		w.want(http.StatusForbidden, method, address, nil, bearer(shopKey))
	}
	type version struct {
		Version int    `json:"version"`
		State   string `json:"state"`
		Title   string `json:"title"`
		Origin  string `json:"origin"`
		Name    string `json:"name"`
		Lang    string `json:"language"`
		Off     bool   `json:"off"`
	}
	type list struct {
		Items []version `json:"items"`
	}
	inForce := func() version {
		for _, v := range decode[list](t, c.exchange(http.StatusOK, "GET", path, nil, key)).Items {
			if v.Name == "delayed" && v.Lang == "en" {
				return v
			}
		}
		return version{}
	}
	v := decode[version](t, c.exchange(http.StatusCreated, "POST", path, wording("hello {{.OrderNo}}"), key))
	if v.Version != 2 || v.State != "pending" || inForce().Origin != "built_in" {
		t.Errorf("written %+v, in force %+v", v, inForce())
	}
	c.exchange(http.StatusOK, "POST", path+"/decide", object{"of": of(2), "approval": "approved", "reason": "read twice"}, key)
	if got := inForce(); got.Version != 2 || got.Title != "News" || got.Origin != "written" {
		t.Errorf("in force %+v", got)
	}
	if p := c.exchange(http.StatusConflict, "POST", path+"/decide", object{"of": of(2), "approval": "rejected", "reason": "no"}, key).problem(t); p.Code != "template_in_force" {
		t.Errorf("problem %s", p.Code)
	}
	c.exchange(http.StatusCreated, "POST", path, wording("again {{.OrderNo}}"), key)
	if p := c.exchange(http.StatusConflict, "POST", path+"/use", object{"of": of(3), "reason": "x"}, key).problem(t); p.Code != "template_not_approved" {
		t.Errorf("problem %s", p.Code)
	}
	if p := c.exchange(http.StatusNotFound, "POST", path+"/use", object{"of": of(9), "reason": "x"}, key).problem(t); p.Code != "template_not_found" {
		t.Errorf("problem %s", p.Code)
	}
	c.exchange(http.StatusOK, "POST", path+"/use", object{"of": of(0), "reason": "it confuses"}, key)
	if got := inForce(); got.Origin != "built_in" {
		t.Errorf("in force %+v", got)
	}
	versions := decode[list](t, c.exchange(http.StatusOK, "GET", path+"/versions?name=delayed&language=en&channel=&limit=10", nil, key)).Items
	if len(versions) != 3 || !versions[0].Off || versions[1].State != "pending" || versions[2].State != "approved" {
		t.Errorf("versions %+v", versions)
	}
	c.exchange(http.StatusBadRequest, "GET", path+"/versions?state=x", nil, key)
	c.exchange(http.StatusOK, "GET", path+"/variables", nil, key)
	for code, body := range map[string]any{
		"template_invalid": wording("hello {{.Weather}} {{.OrderNo}}"), "invalid_field": with(wording("{{.OrderNo}}"), "reason", " "),
	} {
		if p := c.exchange(http.StatusUnprocessableEntity, "POST", path, body, key).problem(t); p.Code != code {
			t.Errorf("problem %s, want %s", p.Code, code)
		}
	}
	c.exchange(http.StatusUnprocessableEntity, "POST", path, object{"reason": "x"}, key)
	c.exchange(http.StatusBadRequest, "POST", path+"/decide", object{"what": 1}, key)
	audit := string(w.want(http.StatusOK, "GET", "/v1/ops/audit", nil, key).body)
	for _, want := range []string{`"action":"templates.write"`, `"action":"templates.approved"`, `"action":"templates.use"`, `"target":"delayed/en v2"`, `"actor":"wang"`} {
		if !strings.Contains(audit, want) {
			t.Errorf("the audit lacks %s", want)
		}
	}
}

func TestTemplatesArePreviewedAndTried(t *testing.T) {
	t.Parallel()
	w, sms := telling(t)
	_, router := openAPI(t, w.base)
	c, key := checker{w, router}, bearer(operatorKey)
	const path = "/v1/ops/templates"
	type line struct {
		Sample, Language, Channel, Body, Encoding string
		Segments                                  int
		Providers                                 []struct {
			Name  string
			Sends bool
		}
	}
	type lines struct{ Items []line }
	all := decode[lines](t, c.exchange(http.StatusOK, "POST", path+"/preview", object{"channel": "sms"}, key)).Items
	found := false
	for _, l := range all {
		if l.Sample == "prolonged/callback_missing" && l.Language == "zh-CN" {
			found = l.Encoding == "UCS-2" && l.Segments == 1 && strings.Contains(l.Body, "已找到") && len(l.Providers) == 1 && l.Providers[0].Sends
		}
	}
	if !found {
		t.Errorf("the preview of an order whose cause was found is missing or wrong, of %d", len(all))
	}
	draft := wording("hello {{.OrderNo}}")["template"]
	if got := decode[lines](t, c.exchange(http.StatusOK, "POST", path+"/preview", object{"draft": draft, "channel": "sms", "sample": "delayed/healthy"}, key)).Items; len(got) != 1 || got[0].Body != "hello SAMPLE.0001" || got[0].Encoding != "GSM-7" {
		t.Errorf("preview of a draft %+v", got)
	}
	c.exchange(http.StatusUnprocessableEntity, "POST", path+"/preview", object{"draft": draft, "of": of(2)}, key)
	c.exchange(http.StatusNotFound, "POST", path+"/preview", object{"of": of(7)}, key)

	const number = "+8613900139000"
	a := c.exchange(http.StatusOK, "POST", path+"/test", object{"of": of(0), "via": "sms", "to": number}, key)
	if body := string(a.body); strings.Contains(body, number) || !strings.Contains(body, `"to":"+86139****9000"`) || !strings.Contains(body, `"notice":"test"`) {
		t.Errorf("answer %s", body)
	}
	if got := sms.messages(); len(got) != 1 || got[0].To.Phone != number || !strings.HasPrefix(got[0].Text.Body, "[Test] ") {
		t.Errorf("sent %+v", got)
	}
	for _, place := range []string{string(w.want(http.StatusOK, "GET", "/v1/ops/audit", nil, key).body), string(w.want(http.StatusOK, "GET", "/v1/ops/messages?notice=test", nil, key).body), w.log.String()} {
		if strings.Contains(place, "139001390") {
			t.Errorf("the number of a test shows: %s", place)
		}
	}
	if p := c.exchange(http.StatusUnprocessableEntity, "POST", path+"/test", object{"of": of(0), "via": "sms", "to": "me"}, key).problem(t); p.Field != "to" {
		t.Errorf("problem %+v", p)
	}
	c.exchange(http.StatusNotFound, "POST", path+"/test", object{"of": of(0), "via": "email", "to": "a@b.example"}, key)
	until := order.At(time.Now().Add(time.Hour)).String()
	w.want(http.StatusOK, "POST", "/v1/ops/pauses", object{"kind": "notify", "target": "one", "until": until, "reason": "x"}, key)
	if p := c.exchange(http.StatusConflict, "POST", path+"/test", object{"of": of(0), "via": "sms", "to": number}, key).problem(t); p.Code != "provider_paused" {
		t.Errorf("problem %s", p.Code)
	}
	w.want(http.StatusNoContent, "DELETE", "/v1/ops/pauses/notify/one", nil, key)
	limited := false
	for range 60 { // acts are limited first or tests are: neither lets more than twenty out
		a := w.send("POST", path+"/test", object{"of": of(0), "via": "sms", "to": number}, key)
		if a.status == http.StatusTooManyRequests {
			c.check(a, false, "POST", path+"/test", object{"of": of(0), "via": "sms", "to": number}, []header{key})
			limited = limited || a.problem(t).Code == "too_many_tests" || a.problem(t).Code == "rate_limited"
		}
	}
	if n := len(sms.messages()); !limited || n > 2*engine.TestsAnHour {
		t.Errorf("%d tests were sent", n)
	}
}
