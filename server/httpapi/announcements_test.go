package httpapi_test

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
	"time"
)

func announcement(channel, en string) object {
	return object{
		"channel": channel, "texts": []object{{"lang": "en", "text": en}, {"lang": "zh-CN", "text": "确认比平时慢"}},
		"until": time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
	}
}

func TestAnnouncementsReachPagesAndWatchersAndAreTakenDown(t *testing.T) {
	t.Parallel()
	_, schemas := loadAsyncAPI(t)
	w := setup(t)
	c := checker{world: w, router: routerOf(t, w)}
	operator := bearer(operatorKey)
	r := w.register(registration("A1"))
	path := strings.TrimPrefix(r.PageURL, w.base)
	l := w.live(schemas)
	l.send(object{"type": "subscribe", "topic": "announcements"})
	l.next("current") // nothing was announced yet; from here on changes come as updates

	const own, foreign = "Confirmations are slow <b>right now</b>", "Only for another channel"
	c.exchange(http.StatusCreated, "POST", "/v1/ops/announcements", announcement("elsewhere", foreign), operator)
	published := decode[struct {
		ID int64 `json:"id"`
	}](t, c.exchange(http.StatusCreated, "POST", "/v1/ops/announcements", announcement("sandbox", own), operator))
	for said := ""; !strings.Contains(said, own[:20]); {
		said = mustJSON(t, l.next("update")["data"])
		if strings.Contains(said, "sandbox") || strings.Contains(said, "wang") {
			t.Errorf("everybody learns channel or operator: %s", said)
		}
	}
	html := string(w.want(http.StatusOK, "GET", path, nil).body)
	if !strings.Contains(html, `<p id="announcement" class="bar">Confirmations are slow &lt;b&gt;right now&lt;/b&gt;</p>`) || strings.Contains(html, ">"+foreign) {
		t.Error("the page does not say what is announced for it, as text")
	}
	list := c.exchange(http.StatusOK, "GET", "/v1/ops/announcements", nil, operator)
	if n := strings.Count(string(list.body), `"actor":"wang"`); n != 2 {
		t.Errorf("%d are listed: %s", n, list.body)
	}
	end := "/v1/ops/announcements/" + mustJSON(t, published.ID)
	c.exchange(http.StatusNoContent, "DELETE", end, nil, operator)
	if data := mustJSON(t, l.next("update")["data"]); strings.Contains(data, own[:20]) || !strings.Contains(data, foreign) {
		t.Errorf("after one was taken down watchers have %s", data)
	}
	if html := string(w.want(http.StatusOK, "GET", path, nil).body); !strings.Contains(html, `<p id="announcement" class="bar" hidden></p>`) {
		t.Error("the page still shows it")
	}
	c.exchange(http.StatusNotFound, "DELETE", end, nil, operator)
	c.exchange(http.StatusNotFound, "DELETE", "/v1/ops/announcements/x", nil, operator)
	if audit := string(w.want(http.StatusOK, "GET", "/v1/ops/audit", nil, operator).body); strings.Count(audit, "announcements.publish") != 2 || strings.Count(audit, "announcements.end") != 1 {
		t.Errorf("audit %s", audit)
	}
}

// TestAnnouncementsComeWithoutSockets holds that who watches an order by events or by long
// polls is told of what is announced, and resumes the order where it was.
func TestAnnouncementsComeWithoutSockets(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.register(registration("A1"))
	operator, view, framed := bearer(operatorKey), bearer(r.ViewToken), header{"Accept": "application/vnd.anxin.frame+json"}
	stream := overStream(w, t, asked{"A1", r.ViewToken, "1"}, view, "&announcements=0")
	for _, topic := range []string{"order:A1", "announcements"} {
		if f := stream.frame(); f.Topic != topic || f.Type != "current" {
			t.Fatalf("the stream begins with %+v", f)
		}
	}
	polled := make(chan frame, 1)
	ask := func(query string) answer { return w.send("GET", "/v1/orders/A1?after=1"+query, nil, view, framed) }
	go func() { polled <- decode[frame](t, ask("&announcements=0&wait=25s")) }()
	w.until("the poll waits", func() bool { return w.hub.Stats().Waits == 1 })
	w.want(http.StatusCreated, "POST", "/v1/ops/announcements", announcement("", "Slow today"), operator)
	for name, f := range map[string]frame{"stream": stream.frame(), "poll": <-polled} {
		if f.Topic != "announcements" || f.Seq != 1 || f.Event != "announcement.changed" || !strings.Contains(string(f.Data), "Slow today") {
			t.Errorf("the %s brings %+v", name, f)
		}
	}
	// Its seq is that of the order: what is known of one topic says nothing of the other.
	if f := decode[frame](t, ask("&announcements=0&wait=25s")); f.Topic != "announcements" || f.Type != "snapshot" {
		t.Errorf("who has none is given %+v", f)
	}
	if f := decode[frame](t, ask("&announcements=1&wait=1ms")); f.Topic != "order:A1" || f.Type != "current" {
		t.Errorf("who has it is given %+v", f)
	}
	for path, who := range map[string]header{
		"/v1/orders/A1?announcements=0": view, "/v1/orders/A1?announcements=x": view, "/v1/orders/A1/stream?announcements=-1": view,
	} {
		if p := w.want(http.StatusBadRequest, "GET", path, nil, who).problem(t); p.Field != "announcements" {
			t.Errorf("%s: %+v", path, p)
		}
	}
	w.want(http.StatusBadRequest, "GET", "/v1/orders/A1?announcements=0", nil, bearer(shopKey), framed)
}

// TestAnnouncementsDoNotMoveWhereAStreamResumes reads the events as they are: a browser
// sends the last id that it was given, and that is one of the order's.
func TestAnnouncementsDoNotMoveWhereAStreamResumes(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.register(registration("A1"))
	w.want(http.StatusCreated, "POST", "/v1/ops/announcements", announcement("", "Slow today"), bearer(operatorKey))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.base+"/v1/orders/A1/stream?announcements=0", nil)
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+r.ViewToken)
	resp, err := (&http.Client{Transport: w.client.Transport}).Do(req)
	must(t, err)
	defer resp.Body.Close()
	ids, events := 0, 0
	for lines := bufio.NewScanner(resp.Body); events < 2 && lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "id: ") {
			ids++
		}
		if strings.HasPrefix(lines.Text(), "data: ") {
			events++
		}
	}
	if events != 2 || ids != 1 {
		t.Errorf("%d events have %d ids", events, ids)
	}
}

func TestAnnouncementsThatNobodyCouldReadAreRefused(t *testing.T) {
	t.Parallel()
	w := setup(t)
	operator := bearer(operatorKey)
	good := announcement("", "x")
	for name, bad := range map[string]object{
		"one language":  with(good, "texts", []object{{"lang": "en", "text": "x"}}),
		"a third one":   with(good, "texts", []object{{"lang": "en", "text": "x"}, {"lang": "zh-CN", "text": "x"}, {"lang": "fr", "text": "x"}}),
		"empty":         with(good, "texts", []object{{"lang": "en", "text": " "}, {"lang": "zh-CN", "text": "x"}}),
		"too long":      with(good, "texts", []object{{"lang": "en", "text": strings.Repeat("x", 281)}, {"lang": "zh-CN", "text": "x"}}),
		"two lines":     with(good, "texts", []object{{"lang": "en", "text": "a\nb"}, {"lang": "zh-CN", "text": "x"}}),
		"over already":  with(good, "until", time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)),
		"without end":   with(good, "until", nil),
		"a month":       with(good, "until", time.Now().Add(31*24*time.Hour).UTC().Format(time.RFC3339)),
		"wrong channel": with(good, "channel", "a b"),
	} {
		if p := w.want(http.StatusUnprocessableEntity, "POST", "/v1/ops/announcements", bad, operator).problem(t); p.Code != "invalid_field" {
			t.Errorf("%s: %s", name, p.Code)
		}
	}
	w.want(http.StatusForbidden, "POST", "/v1/ops/announcements", good, bearer(shopKey))
	for range 20 {
		w.want(http.StatusCreated, "POST", "/v1/ops/announcements", good, operator)
	}
	if p := w.want(http.StatusConflict, "POST", "/v1/ops/announcements", good, operator).problem(t); p.Code != "too_many_announcements" {
		t.Errorf("the 21st: %s", p.Code)
	}
}
