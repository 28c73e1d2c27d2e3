package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// openInbox shows the message centre of a payer with one order, of which nothing was told.
// What it returns reads the messages as another device of the payer's does.
func openInbox(t *testing.T, p *process, actions ...chromedp.Action) (v visit, read func()) {
	t.Helper()
	v = visit{browser(t), t, p}
	status, registered := p.call(http.MethodPost, "/v1/orders", pushedOrder(p))
	if status != http.StatusCreated {
		t.Fatalf("register: %d %v", status, registered)
	}
	v.do(append(actions, chromedp.Navigate(registered["inbox_url"].(string)), chromedp.WaitReady("#anxin", chromedp.ByQuery))...)
	return v, func() {
		t.Helper()
		status, answer := p.call(http.MethodPost, "/v1/inbox/read", object{"up_to": 1 << 40}, "Authorization", "Bearer "+registered["inbox_token"].(string))
		if status != http.StatusOK {
			t.Fatalf("read elsewhere: %d %v", status, answer)
		}
	}
}

const (
	hasUnread  = `document.title.startsWith('(%) ') && document.querySelector('#unread').innerText === '% unread'`
	nothingNew = `!document.title.startsWith('(') && document.querySelector('#unread').hidden && !document.querySelector('#messages .fresh')`
)

func unread(n string) string { return strings.ReplaceAll(hasUnread, "%", n) }

// TestMessagesArriveOnTheOpenPage holds the message centre live by whatever the network lets
// through: a message arrives, the count rises; it is read elsewhere, the count falls; the
// next one is read by a tap.
func TestMessagesArriveOnTheOpenPage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		by    string
		holds []string
	}{
		{"socket", nil},
		{"stream", []string{sockets}},
		{"poll", []string{sockets, streams}},
	} {
		t.Run(c.by, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			v, read := openInbox(t, newGate(t, c.holds...).serve(t, dir, withConfig(t, dir, "stages: {delayed: 1s, prolonged: 1h}\n")),
				chromedp.ActionFunc(func(ctx context.Context) error {
					_, err := page.AddScriptToEvaluateOnNewDocument(watchMarks).Do(ctx)
					return err
				}))
			v.until(live(c.by) + ` && !document.querySelector('#empty').hidden`)
			v.do(chromedp.Evaluate(`window.mine = true`, nil))
			v.push("confirming", nil)
			v.until(unread("1") + ` && document.querySelector('#say').innerText.includes('New message')`)
			read()
			v.until(nothingNew)
			v.push("succeeded", nil)
			v.until(unread("1") + ` && document.querySelectorAll('#messages > li').length === 2`)
			v.do(chromedp.Click("#messages .fresh .body", chromedp.ByQuery))
			v.until(nothingNew + ` && window.mine`)
			v.wantWhole()
		})
	}
}

// TestMessageLeadsToItsOrder goes the way of a payer: from the order's page to the messages,
// from the newest one to its order, and back; all without telling anybody a token.
func TestMessageLeadsToItsOrder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := startServer(t, dir, withConfig(t, dir, "stages: {delayed: 1s, prolonged: 1h}\n"))
	v := open(t, p, "")
	_, registered := p.call(http.MethodPost, "/v1/orders", pushedOrder(p)) // once more, for its tokens
	token := registered["inbox_token"].(string)
	if unread := p.unreadAfter(token, 1); unread != 1 {
		t.Fatalf("%d unread", unread)
	}
	v.do(chromedp.Reload(), chromedp.WaitVisible("#inbox .count", chromedp.ByQuery), chromedp.Click("#inbox", chromedp.ByQuery),
		chromedp.WaitVisible("#messages .fresh", chromedp.ByQuery))
	v.until(live("socket"))
	v.do(chromedp.Click("#messages .fresh [name=open]", chromedp.ByQuery), chromedp.WaitVisible(`#anxin[data-status="confirming"]`, chromedp.ByQuery))
	var referrer string
	v.do(chromedp.Evaluate(`document.referrer`, &referrer))
	if referrer != "" {
		t.Errorf("the order's page is told where the payer came from: %s", referrer)
	}
	if unread := p.unreadAfter(token, 0); unread != 0 {
		t.Errorf("the message that was opened is unread")
	}
	if logs := p.logs(); strings.Contains(logs, token) || strings.Contains(logs, "k=") {
		t.Error("a token is in the log")
	}
}

// TestMessageCentreWithoutScript reads a message by its form.
func TestMessageCentreWithoutScript(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := startServer(t, dir, withConfig(t, dir, "stages: {delayed: 1s, prolonged: 1h}\n"))
	v, _ := openInbox(t, p, emulation.SetScriptExecutionDisabled(true))
	v.push("confirming", nil)
	v.untilHTML(`<title>(1) Messages`) // by a refresh of its own
	v.do(tap("#messages .fresh .read"))
	v.untilHTML(`<title>Messages`)
	if html := v.html(); strings.Contains(html, "data-live") || !strings.Contains(html, "is being confirmed") {
		t.Errorf("a script ran, or the message is gone:\n%s", html)
	}
	v.do(tap("#messages [name=open]"))
	v.untilHTML(`data-status="confirming"`)
}

// unreadAfter waits until the inbox of a token is no longer at a seq.
func (p *process) unreadAfter(token string, seq int) (unread int) {
	p.t.Helper()
	status, answer := p.call(http.MethodGet, fmt.Sprintf("/v1/inbox?wait=20s&after=%d", seq), nil, "Authorization", "Bearer "+token)
	if status != http.StatusOK {
		p.t.Fatalf("inbox: %d %v", status, answer)
	}
	return int(answer["unread"].(float64))
}

// TestAnnouncementsReachPagesWithoutSockets publishes and withdraws one while the page lives
// on events, or on long polls.
func TestAnnouncementsReachPagesWithoutSockets(t *testing.T) {
	t.Parallel()
	for by, holds := range map[string][]string{"stream": {sockets}, "poll": {sockets, streams}} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			v := open(t, newGate(t, holds...).serve(t, t.TempDir()), "")
			v.until(live(by) + ` && document.querySelector('#announcement').hidden`)
			v.do(chromedp.Evaluate(`window.mine = true`, nil))
			status, published := v.p.call(http.MethodPost, "/v1/ops/announcements", object{
				"texts": []object{{"lang": "en", "text": "Slower today"}, {"lang": "zh-CN", "text": "今天比平时慢"}},
				"until": time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
			})
			if status != http.StatusCreated {
				t.Fatalf("announce: %d %v", status, published)
			}
			v.until(`document.querySelector('#announcement').innerText === 'Slower today'`)
			if status, answer := v.p.call(http.MethodDelete, fmt.Sprintf("/v1/ops/announcements/%v", published["id"]), nil); status != http.StatusNoContent {
				t.Fatalf("withdraw: %d %v", status, answer)
			}
			v.until(`document.querySelector('#announcement').hidden`)
			v.push("succeeded", nil)
			v.until(isSucceeded + ` && window.mine`)
			v.wantWhole()
		})
	}
}
