package httpapi_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"anxin/engine"
	"anxin/hub"
	"anxin/server/auth"
	"anxin/server/httpapi"
)

// messageCentre is a payer with messages, and the page on which they are.
type messageCentre struct {
	*world
	box, path string
	token     string
}

func (w *world) messageCentre(r registered, n int) messageCentre {
	w.t.Helper()
	m := messageCentre{w, engine.InboxID("shop", r.Order["payer"].(map[string]any)["id"].(string)), strings.TrimPrefix(r.InboxURL, w.base), r.InboxToken}
	for i := range n {
		w.put(m.box, fmt.Sprintf("m%d", i+1), "A1")
	}
	return m
}

var typed = header{"Content-Type": "application/x-www-form-urlencoded"}

// form sends one of the page's forms.
func (m messageCentre) form(fields string) answer {
	m.t.Helper()
	return m.want(http.StatusSeeOther, "POST", "/inbox/read?order=A1&lang=en", "k="+url.QueryEscape(m.token)+"&"+fields, typed)
}

func (m messageCentre) unread() int {
	m.t.Helper()
	return decode[httpapi.InboxView](m.t, m.want(http.StatusOK, "GET", "/v1/inbox", nil, bearer(m.token))).Unread
}

func TestTheMessageCentreWorksWithoutScript(t *testing.T) {
	t.Parallel()
	w := setup(t)
	m := w.messageCentre(w.register(registration("A1")), 3)
	a := w.want(http.StatusOK, "GET", m.path, nil)
	for name, want := range map[string]string{"Cache-Control": "private, no-cache", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	for _, want := range []string{`<title>(3) Messages`, `>3 unread</p>`, `action="/inbox/read?order=A1"`, `action="/pay/A1"`, `http-equiv="refresh"`} {
		if !strings.Contains(string(a.body), want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	one := m.form("n=2")
	if back := one.header.Get("Location"); back != "/inbox?k="+m.token+"&order=A1&lang=en" || m.unread() != 2 {
		t.Errorf("one read: %d unread, leads to %q", m.unread(), back)
	}
	if html := string(w.want(http.StatusOK, "GET", one.header.Get("Location"), nil).body); !strings.Contains(html, ">2 unread</p>") || strings.Count(html, `message fresh"`) != 3 { // one of them is the blank one
		t.Errorf("after one was read the page says\n%s", html)
	}
	opened := m.form("n=3&open=1").header.Get("Location")
	if html := string(w.want(http.StatusOK, "GET", opened, nil).body); !strings.HasPrefix(opened, "/pay/A1?k=") || !strings.Contains(html, `data-status="awaiting_payment"`) || m.unread() != 1 {
		t.Errorf("opening one leads to %q, %d unread", opened, m.unread())
	}
	m.form("up_to=3")
	if html := string(w.want(http.StatusOK, "GET", m.path, nil).body); m.unread() != 0 || !strings.Contains(html, "<title>Messages") || !strings.Contains(html, `<p id="unread" class="pill" hidden>`) {
		t.Errorf("%d unread after all were read", m.unread())
	}
	for _, nothing := range []string{"", "n=99", "n=-1", "up_to=x", "n=99&open=1"} {
		if back := m.form(nothing).header.Get("Location"); !strings.HasPrefix(back, "/inbox?k=") {
			t.Errorf("%q leads to %q", nothing, back)
		}
	}
}

func TestOlderMessagesAreOnPagesOfTheirOwn(t *testing.T) {
	t.Parallel()
	w := setup(t)
	m := w.messageCentre(w.register(registration("A1")), 25)
	shown := func(html string) []string {
		_, list, _ := strings.Cut(html, `<ol id="messages">`)
		list, _, _ = strings.Cut(list, "</ol>")
		return regexp.MustCompile(`id="m-m\d+"`).FindAllString(list, -1)
	}
	first := string(w.want(http.StatusOK, "GET", m.path, nil).body)
	if got := shown(first); len(got) != 20 || got[0] != `id="m-m25"` {
		t.Errorf("first %v", got)
	}
	older := regexp.MustCompile(`name="before" value="(\d+)"`).FindStringSubmatch(first)
	if older == nil || !strings.Contains(first, `<form id="older-form" method="get" action="/inbox">`) {
		t.Fatal("nothing leads to the older ones")
	}
	second := string(w.want(http.StatusOK, "GET", m.path+"&before="+older[1], nil).body)
	if got := shown(second); len(got) != 5 || got[0] != `id="m-m5"` {
		t.Errorf("then %v", got)
	}
	if !strings.Contains(second, `<form id="older-form" method="get" action="/inbox" hidden>`) || !strings.Contains(second, `>Newest messages<`) || !strings.Contains(second, `"newest":false`) {
		t.Error("the last page does not lead back, or leads on")
	}
	if back := w.want(http.StatusSeeOther, "POST", "/inbox/read?before=6", "k="+m.token+"&n=5", typed).header.Get("Location"); back != "/inbox?k="+m.token+"&before=6" {
		t.Errorf("reading an older one leads to %q", back)
	}
	if w.want(http.StatusOK, "GET", m.path+"&before=x", nil); m.unread() != 24 {
		t.Errorf("%d unread", m.unread())
	}
}

func TestEveryBadLinkToMessagesLooksTheSame(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.register(registration("A1"))
	expired, err := w.tokens.Issue(auth.KindInbox, engine.InboxID("shop", "payer of A1"), -time.Second)
	must(t, err)
	first := w.want(http.StatusNotFound, "GET", "/inbox", nil)
	if !strings.Contains(string(first.body), "This link has expired") {
		t.Errorf("a bad link says %s", first.body)
	}
	for _, bad := range []string{"x", expired, r.ViewToken, strings.Repeat("A", 5000)} {
		if other := w.want(http.StatusNotFound, "GET", "/inbox?k="+bad, nil); string(other.body) != string(first.body) {
			t.Errorf("%.20s looks different", bad)
		}
		w.want(http.StatusNotFound, "POST", "/inbox/read", "k="+bad+"&up_to=9", typed)
	}
}

// An order of somebody else's lends the page neither its language nor a way to it.
func TestAForeignOrderIsNoWayBack(t *testing.T) {
	t.Parallel()
	w := setup(t)
	m := w.messageCentre(w.register(registration("A1")), 0)
	foreign := registration("B1")
	foreign["payer"] = object{"id": "another", "locale": "zh-CN"}
	w.register(foreign)
	for _, orderNo := range []string{"B1", "Z1", "a%20b", "%22%3E"} {
		html := string(w.want(http.StatusOK, "GET", "/inbox?k="+m.token+"&order="+orderNo, nil).body)
		if strings.Contains(html, `action="/pay/`) || strings.Contains(html, `lang="zh-CN"`) || !strings.Contains(html, "No messages yet") {
			t.Errorf("%s: %s", orderNo, html)
		}
	}
}

func TestAnOrdersPageLeadsToMessagesAndNoFurtherThanItself(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r := w.register(registration("A1"))
	m := w.messageCentre(r, 2)
	short, err := w.tokens.Issue(auth.KindView, "A1", 20*time.Minute)
	must(t, err)
	html := string(w.want(http.StatusOK, "GET", "/pay/A1?k="+short, nil).body)
	link := regexp.MustCompile(`<form method="get" action="/inbox"><input type="hidden" name="k" value="([^"]+)"><input type="hidden" name="order" value="A1"><button id="inbox" class="mini">Messages <span class="count" aria-hidden="true">2</span>`).FindStringSubmatch(html)
	if link == nil {
		t.Fatalf("no way to the messages:\n%s", html)
	}
	id, until, err := w.tokens.Open(auth.KindInbox, link[1], time.Now())
	if err != nil || id != m.box || time.Until(until) > 20*time.Minute {
		t.Errorf("the way is open to %s until %v, %v", id, until, err)
	}
	items := decode[httpapi.InboxView](t, w.want(http.StatusOK, "GET", "/v1/inbox", nil, bearer(link[1]))).Items
	page, err := url.Parse(items[0].PageURL)
	must(t, err)
	if _, until, err = w.tokens.Open(auth.KindView, page.Query().Get("k"), time.Now()); err != nil || time.Until(until) > 20*time.Minute {
		t.Errorf("the way back is open until %v, %v", until, err)
	}
	for name, html := range map[string]string{
		"in a frame": string(w.want(http.StatusOK, "GET", "/pay/A1?embed=1&k="+short, nil).body),
		"switched off": func() string {
			off := setup(t, func(c *httpapi.Config, _ *httpapi.Deps) { c.InboxLink = false })
			return string(off.want(http.StatusOK, "GET", strings.TrimPrefix(off.register(registration("A1")).PageURL, off.base), nil).body)
		}(),
	} {
		if strings.Contains(html, `action="/inbox"`) {
			t.Errorf("%s there is a way to the messages", name)
		}
	}
}

// TestMessagesAreWatchedWithoutSockets holds that the frames of an inbox come as events and
// one by one, as those of an order do.
func TestMessagesAreWatchedWithoutSockets(t *testing.T) {
	t.Parallel()
	w := setup(t)
	_, router := openAPI(t, w.base)
	c := checker{w, router}
	m := w.messageCentre(w.register(registration("A1")), 1)
	key, framed := bearer(m.token), header{"Accept": "application/vnd.anxin.frame+json"}
	polled := func(query string) frame {
		return decode[frame](t, c.exchange(http.StatusOK, "GET", "/v1/inbox"+query, nil, key, framed))
	}
	if f := polled("?after=1&wait=25s"); f.Type != "snapshot" || f.Seq != 2 || f.Topic != "inbox:"+m.box || f.Data == nil {
		t.Errorf("behind: %+v", f)
	}
	if f := polled("?after=2&wait=1ms"); f.Type != "current" || f.Seq != 2 {
		t.Errorf("nothing new: %+v", f)
	}
	c.exchange(http.StatusNoContent, "GET", "/v1/inbox?after=2&wait=1ms", nil, key)
	for _, bad := range []string{"?after=-1", "?after=x", "?wait=1h", "?after=1&cursor=5"} {
		c.exchange(http.StatusBadRequest, "GET", "/v1/inbox"+bad, nil, key)
	}
	c.exchange(http.StatusOK, "GET", "/v1/inbox/stream", nil, key)
	c.exchange(http.StatusUnauthorized, "GET", "/v1/inbox/stream", nil)
	c.exchange(http.StatusBadRequest, "GET", "/v1/inbox/stream?after=x", nil, key)

	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.base+"/v1/inbox/stream?after=2&k="+m.token, nil)
	must(t, err)
	resp, err := (&http.Client{Transport: w.client.Transport}).Do(req)
	must(t, err)
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	event := func() (f frame) {
		t.Helper()
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				must(t, json.Unmarshal([]byte(data), &f))
				return f
			}
		}
		t.Fatalf("the stream ended: %v", lines.Err())
		return f
	}
	if f := event(); f.Type != "current" || f.Seq != 2 {
		t.Errorf("it begins with %+v", f)
	}
	waiting := make(chan answer, 1)
	go func() { waiting <- w.send("GET", "/v1/inbox?after=2&wait=25s", nil, key) }()
	w.until("the poll waits", func() bool { return w.hub.Stats().Waits == 1 })
	w.put(m.box, "m2", "A1")
	state, err := (&truth{store: w.store}).inbox(t.Context(), m.box)
	must(t, err)
	w.hub.Publish(hub.Message{Topic: state.Topic, Seq: state.Seq, Event: state.Event, Data: state.Data})
	if f := event(); f.Type != "update" || f.Event != "inbox.changed" || f.Seq != 3 {
		t.Errorf("the stream brings %+v", f)
	}
	if v := decode[httpapi.InboxView](t, <-waiting); v.Unread != 2 || v.Items[0].ID != "m2" {
		t.Errorf("the poll brings %+v", v)
	}
}
