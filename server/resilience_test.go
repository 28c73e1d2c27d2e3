package main

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"anxin/engine/order"
)

// The payer's page in a real browser, while the world around it fails.

// visit is one page in a browser, with the order that it shows.
type visit struct {
	context.Context
	t *testing.T
	p *process
}

// pushedOrder registers an order whose state the test tells.
func pushedOrder(p *process) object {
	return object{
		"order_no": "A1", "channel": "bank", "mode": "pushed", "amount": object{"minor": 8800, "currency": "CNY"},
		"subject": "Green tea", "payer": object{"id": "u", "locale": "en"}, "links": object{"support": p.base + "/healthz"},
	}
}

// open shows the page of a new order that is being confirmed. before runs in every
// document ahead of the page's own script.
func open(t *testing.T, p *process, before string) visit {
	t.Helper()
	v := visit{browser(t), t, p}
	status, registered := p.call(http.MethodPost, "/v1/orders", pushedOrder(p))
	if status != http.StatusCreated {
		t.Fatalf("register: %d %v", status, registered)
	}
	v.push("confirming", nil)
	v.do(chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := page.AddScriptToEvaluateOnNewDocument(before + watchMarks).Do(ctx)
		return err
	}), chromedp.Navigate(registered["page_url"].(string)), chromedp.WaitVisible("#anxin", chromedp.ByQuery))
	return v
}

// watchMarks notes each change of the page's marks, and what goes wrong in a script.
const watchMarks = `
;window.marks = []; window.faults = [];
addEventListener('error', (e) => faults.push(String(e.message)));
addEventListener('unhandledrejection', (e) => faults.push(String(e.reason)));
addEventListener('DOMContentLoaded', () => {
	const note = () => { const d = document.querySelector('#anxin').dataset; marks.push([d.live, d.status, d.seq].join()); };
	new MutationObserver(note).observe(document.querySelector('#anxin'), { attributes: true });
});`

func (v visit) do(actions ...chromedp.Action) {
	v.t.Helper()
	if err := chromedp.Run(v, actions...); err != nil {
		v.t.Fatalf("%v\n%s\n%s", err, v.told(), v.p.logs())
	}
}

// until holds until an expression is true in the page, or in one that takes its place.
func (v visit) until(expression string) {
	v.t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for ; v.Err() == nil; <-again.C {
		yes := false
		if err := chromedp.Run(v, chromedp.Evaluate(expression, &yes)); err == nil && yes {
			return
		}
	}
	v.t.Fatalf("never true: %s\n%s", expression, v.p.logs())
}

// told is what the page went through, for a failed test.
func (v visit) told() string {
	var marks string
	ctx, cancel := context.WithTimeout(context.WithoutCancel(v), time.Second) // the browser may be gone
	defer cancel()
	_ = chromedp.Run(ctx, chromedp.Evaluate(`JSON.stringify([window.marks, window.faults])`, &marks))
	return marks
}

func (v visit) push(kind string, more object) {
	v.t.Helper()
	body := object{"type": kind}
	maps.Copy(body, more)
	if status, answer := v.p.call(http.MethodPost, "/v1/orders/A1/updates", body, "Idempotency-Key", kind); status != http.StatusOK {
		v.t.Fatalf("push %s: %d %v", kind, status, answer)
	}
}

const (
	isLive      = `document.querySelector('#anxin').dataset.live === '%'`
	isSucceeded = `document.querySelector('#anxin').dataset.status === 'succeeded'`
	isOffline   = `!document.querySelector('#offline').hidden`
)

func live(by string) string { return strings.ReplaceAll(isLive, "%", by) }

// wantWhole checks that the page saw it all in one life and without a fault.
func (v visit) wantWhole() {
	v.t.Helper()
	var faults []string
	v.do(chromedp.Evaluate(`window.faults`, &faults))
	if len(faults) > 0 {
		v.t.Errorf("scripts failed: %q", faults)
	}
}

func TestPageIsLiveByWhatTheNetworkLetsThrough(t *testing.T) {
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
			v := open(t, newGate(t, c.holds...).serve(t, t.TempDir()), "")
			v.until(live(c.by))
			v.do(chromedp.Evaluate(`window.mine = true`, nil))
			v.push("succeeded", nil)
			v.until(isSucceeded + ` && window.mine`)
			v.wantWhole()
		})
	}
}

func TestPageWithoutScriptIsTrueAndBringsTheResult(t *testing.T) {
	t.Parallel()
	p := startServer(t, t.TempDir())
	v := visit{browser(t), t, p}
	url := p.register("A1")["page_url"].(string)
	p.pay("A1", object{"callback": object{"lost": true}, "query": object{"processing": 99}})
	v.do(emulation.SetScriptExecutionDisabled(true), chromedp.Navigate(url))
	v.untilHTML(`data-status="awaiting_payment"`)
	v.do(tap("#claim"))
	v.untilHTML(`data-status="confirming"`)
	p.bring("A1")
	v.untilHTML(`data-status="succeeded"`) // by a refresh of its own
	if html := v.html(); strings.Contains(html, "data-live") || strings.Contains(html, `http-equiv="refresh"`) {
		t.Errorf("a script ran, or the result is refreshed for ever:\n%s", html)
	}
}

// html reads the document as a browser without scripts has it.
func (v visit) html() (html string) {
	_ = chromedp.Run(v, chromedp.ActionFunc(func(ctx context.Context) error {
		root, err := dom.GetDocument().Do(ctx)
		if err == nil {
			html, err = dom.GetOuterHTML().WithNodeID(root.NodeID).Do(ctx)
		}
		return err // between two documents there is none
	}))
	return html
}

// tap is a finger: it needs no script.
func tap(selector string) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		root, err := dom.GetDocument().Do(ctx)
		if err != nil {
			return err
		}
		node, err := dom.QuerySelector(root.NodeID, selector).Do(ctx)
		if err != nil {
			return err
		}
		if err := dom.ScrollIntoViewIfNeeded().WithNodeID(node).Do(ctx); err != nil {
			return err
		}
		box, err := dom.GetBoxModel().WithNodeID(node).Do(ctx)
		if err != nil {
			return err
		}
		return chromedp.MouseClickXY((box.Content[0]+box.Content[4])/2, (box.Content[1]+box.Content[5])/2).Do(ctx)
	})
}

// untilHTML holds until the document, or one that takes its place, has a text.
func (v visit) untilHTML(part string) {
	v.t.Helper()
	await(v.t, part, func() bool { return strings.Contains(v.html(), part) })
}

func TestCountdownIsRightOnAPhoneWhoseClockIsWrong(t *testing.T) {
	t.Parallel()
	for name, hours := range map[string]string{"an hour ahead": "1", "an hour behind": "-1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wrong := `window.Date = class extends Date {
				constructor(...given) { given.length ? super(...given) : super(Date.now()); }
				static now() { return super.now() + ` + hours + ` * 3600000; }
			};`
			v := open(t, startServer(t, t.TempDir()), wrong)
			v.until(live("socket"))
			v.push("retrying", object{"attempt": 1, "next_attempt_at": order.At(time.Now().Add(90 * time.Second))})
			v.until(`/^1:[0-3][0-9]$/.test(document.querySelector('#countdown').innerText)`)
			v.do(chromedp.Evaluate(`window.first = document.querySelector('#countdown').innerText`, nil))
			v.until(`document.querySelector('#countdown').innerText < window.first`)
			v.wantWhole()
		})
	}
}

// hiding lets a test hide the page: tabs of a headless browser are always visible.
const hiding = `
window.away = false;
Object.defineProperty(document, 'hidden', { get: () => window.away });
Object.defineProperty(document, 'visibilityState', { get: () => window.away ? 'hidden' : 'visible' });
window.hide = (away) => { window.away = away; document.dispatchEvent(new Event('visibilitychange')); };`

func TestPageThatWasInTheBackgroundShowsTheTruth(t *testing.T) {
	t.Parallel()
	v := open(t, startServer(t, t.TempDir()), hiding)
	v.until(live("socket"))
	v.do(chromedp.Evaluate(`window.mine = true; hide(true)`, nil))
	v.until(live("down"))
	await(t, "nothing is kept open", func() bool { return strings.Contains(v.p.text("/metrics"), "\nanxin_live_connections 0\n") })
	v.do(page.SetWebLifecycleState(page.SetWebLifecycleStateStateFrozen))
	v.push("succeeded", nil)
	v.do(page.SetWebLifecycleState(page.SetWebLifecycleStateStateActive), chromedp.Evaluate(`hide(false)`, nil))
	v.until(isSucceeded + ` && window.mine`)
	v.wantWhole()
}

func TestPageFromTheBackForwardCacheShowsTheTruth(t *testing.T) {
	t.Parallel()
	v := open(t, startServer(t, t.TempDir()), `addEventListener('pageshow', (e) => { window.persisted = e.persisted; });`)
	v.until(live("socket"))
	v.do(chromedp.Navigate(v.p.base + "/sandbox"))
	v.push("succeeded", nil)
	v.do(chromedp.ActionFunc(func(ctx context.Context) error {
		at, entries, err := page.GetNavigationHistory().Do(ctx)
		if err != nil {
			return err
		}
		return page.NavigateToHistoryEntry(entries[at-1].ID).Do(ctx)
	}))
	v.until(`window.persisted === true && ` + isSucceeded)
	v.wantWhole()
}

func TestPageInAirplaneModeSaysSoAndRecovers(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	v := open(t, g.serve(t, t.TempDir()), "")
	v.until(live("socket"))
	g.sever(true)
	v.do(airplane(true))
	v.until(isOffline + ` && ` + live("down"))
	v.push("succeeded", nil)
	g.sever(false)
	v.do(airplane(false))
	v.until(`document.querySelector('#offline').hidden && ` + isSucceeded)
	v.wantWhole()
}

func airplane(on bool) chromedp.Action {
	throughput := -1.0
	if on {
		throughput = 0
	}
	return chromedp.ActionFunc(func(ctx context.Context) error {
		if err := network.Enable().Do(ctx); err != nil {
			return err
		}
		return network.OverrideNetworkState(on, 0, throughput, throughput).Do(ctx)
	})
}

func TestPageWithoutStorageIsLive(t *testing.T) {
	t.Parallel()
	v := open(t, startServer(t, t.TempDir()), `
		['localStorage', 'sessionStorage', 'indexedDB', 'caches'].forEach((name) => Object.defineProperty(window, name, {
			get() { throw new DOMException('denied', 'SecurityError'); } }));
		Object.defineProperty(document, 'cookie', { get() { throw new DOMException('denied', 'SecurityError'); } });`)
	v.until(live("socket"))
	v.push("succeeded", nil)
	v.until(isSucceeded)
	v.wantWhole()
}

// TestServerRestartUnderAnOpenPage holds that the first thing a page hears after a
// restart is the truth: it is there by the time the page calls itself connected.
func TestServerRestartUnderAnOpenPage(t *testing.T) {
	t.Parallel()
	g, dir := newGate(t), t.TempDir()
	v := open(t, g.serve(t, dir), "")
	v.until(live("socket"))
	v.p.kill()
	v.until(live("down"))
	g.sever(true)
	v.p = g.serve(t, dir)
	v.push("succeeded", nil)
	v.do(chromedp.Evaluate(`window.mine = true; marks.length = 0`, nil))
	g.sever(false)
	v.until(isSucceeded + ` && window.mine`)
	var marks []string
	v.do(chromedp.Evaluate(`window.marks`, &marks))
	for _, mark := range marks {
		if connected := !strings.HasPrefix(mark, "down,"); connected && !strings.Contains(mark, ",succeeded,") {
			t.Errorf("connected and not true: %q", marks)
		}
	}
	v.wantWhole()
}

// TestPageReportsWhatIsDoneOnIt follows the behaviour signals into the store, unless the
// payer asks not to be tracked.
func TestPageReportsWhatIsDoneOnIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before string
		wanted bool
	}{
		"as usual":               {"", true},
		"Do Not Track":           {`Object.defineProperty(navigator, 'doNotTrack', { get: () => '1' });`, false},
		"Global Privacy Control": {`Object.defineProperty(navigator, 'globalPrivacyControl', { get: () => true });`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, p := startNode(t, map[string]string{})
			v := open(t, p, c.before+hiding)
			v.until(live("socket"))
			await(t, "the state is proven seen", func() bool {
				_, seen, err := a.engine.SeenAt(t.Context(), "A1", 2)
				return err == nil && seen
			})
			v.do(chromedp.Evaluate(`hide(true); hide(false); document.querySelector('#support').click()`, nil))
			v.untilHTML("ok") // the support link leads away
			var want []string
			if c.wanted {
				want = []string{"left", "returned", "support_opened", "left"}
			}
			await(t, "what was done is stored", func() bool {
				acts, err := a.store.Acts(t.Context(), "A1")
				if err != nil {
					return false
				}
				var names []string
				for _, act := range acts {
					if act.Name != "visible" { // which depends on how long all this took
						names = append(names, act.Name)
					}
				}
				return strings.Join(names, " ") == strings.Join(want, " ")
			})
		})
	}
}
