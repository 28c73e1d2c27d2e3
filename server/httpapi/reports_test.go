package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"anxin/hub"
)

// observer records what clients report.
type observer struct {
	mu    sync.Mutex // guards heard
	heard []string
}

var _ hub.Observer = (*observer)(nil)

func (o *observer) Seen(topic string, seq int64)  { o.add(fmt.Sprint("seen ", topic, " ", seq)) }
func (o *observer) Acted(topic string, a hub.Act) { o.add(fmt.Sprint("acted ", topic, " ", a)) }

func (o *observer) add(s string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.heard = append(o.heard, s)
}

func (o *observer) take() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := strings.Join(o.heard, ", ")
	o.heard = nil
	return all
}

const reportPath = "/v1/orders/A1/acts"

func reporting(token string, frames ...object) object {
	return object{"token": token, "frames": frames}
}

func TestAReportIsHeardLikeTheFramesOfTheSocket(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.register(registration("A1"))
	seen, act := object{"type": "seen", "seq": 1}, object{"type": "act", "topic": "order:A1", "name": "visible", "seq": 1, "value": 12}
	const heard = "seen order:A1 1, acted order:A1 {visible 1 12}"
	for name, h := range map[string]header{
		"json": nil, "as a beacon sends it": {"Content-Type": "text/plain;charset=UTF-8"}, "from another page": {"Origin": "https://shop.example"},
	} {
		w.want(http.StatusNoContent, "POST", reportPath, reporting(r.ViewToken, seen, act), h)
		if got := w.heard.take(); got != heard {
			t.Errorf("%s: heard %q", name, got)
		}
	}
	for _, h := range []header{{"DNT": "1"}, {"Sec-GPC": "1"}} {
		w.want(http.StatusNoContent, "POST", reportPath, reporting(r.ViewToken, seen, act), h)
		if got := w.heard.take(); got != "seen order:A1 1" {
			t.Errorf("%v: heard %q", h, got)
		}
	}
	if strings.Contains(w.log.String(), r.ViewToken) {
		t.Error("the token was logged")
	}
}

func TestWhatNoClientCanReportIsRefused(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.register(registration("A1"))
	other := w.register(registration("B1"))
	act := object{"type": "act", "name": "visible", "seq": 1, "value": 1}
	for name, c := range map[string]struct {
		status int
		body   any
		field  string
	}{
		"no token":           {401, reporting("", act), ""},
		"a forged token":     {401, reporting("x", act), ""},
		"another's token":    {403, reporting(other.ViewToken, act), ""},
		"an api key":         {401, reporting(shopKey, act), ""},
		"an unknown type":    {422, reporting(r.ViewToken, act, with(act, "type", "subscribe")), "frames[1].type"},
		"an unknown act":     {422, reporting(r.ViewToken, with(act, "name", "danced")), "frames[0].name"},
		"another topic":      {422, reporting(r.ViewToken, with(act, "topic", "order:B1")), "frames[0].topic"},
		"a future state":     {422, reporting(r.ViewToken, with(act, "seq", 99)), "frames[0].seq"},
		"nothing seen":       {422, reporting(r.ViewToken, object{"type": "seen"}), "frames[0].seq"},
		"a negative value":   {422, reporting(r.ViewToken, with(act, "value", -1)), "frames[0].value"},
		"too many":           {422, reporting(r.ViewToken, make([]object, 51)...), "frames"},
		"an unknown field":   {400, with(reporting(r.ViewToken), "phone", "1"), "phone"},
		"no JSON":            {400, "{", ""},
		"a body of no limit": {413, reporting(strings.Repeat("x", 9<<10)), ""},
	} {
		a := w.want(c.status, "POST", reportPath, c.body)
		if p := a.problem(t); p.Field != c.field {
			t.Errorf("%s: field %q, want %q", name, p.Field, c.field)
		}
	}
	if got := w.heard.take(); got != "" {
		t.Errorf("heard %q", got)
	}
}
