package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// otherBrowser is a browser that is not today's Chromium, with one page open at a time.
type otherBrowser interface {
	// show loads a page and returns once it has loaded.
	show(url string) error
	// run evaluates an expression, the value of which is a string.
	run(expression string) (string, error)
	// console is what the browser itself complained of, as far as it lets that be read.
	console() []string
}

// engines are what payers' phones run besides today's Chromium: Safari and every other
// browser on an iPhone, Firefox, and the oldest WebViews that must work.
var engines = map[string]func(*testing.T) otherBrowser{
	"Firefox":     firefox,
	"WebKit":      webkit,
	"Chromium 64": func(t *testing.T) otherBrowser { return oldChromium(t, "64") },
	"Chromium 75": func(t *testing.T) otherBrowser { return oldChromium(t, "75") },
}

// TestPageIsTrueAndLiveInOtherEngines walks the page's main story in each of them, under
// its real policy: confirming, live by a WebSocket, the next check counted down, checked
// at once, paid; then the message centre and the way back to an order whose link is lost;
// and with WebSockets blocked paid by the event stream.
func TestPageIsTrueAndLiveInOtherEngines(t *testing.T) {
	t.Parallel()
	for name, start := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGate(t)
			g.record = true
			dir := t.TempDir()
			s := &story{T: t, site: g.URL, p: g.serve(t, dir, withConfig(t, dir, "stages: {delayed: 1s, prolonged: 1h}\n")), e: start(t)}
			s.bySocket("A1")
			s.inbox("A3")
			s.lookup("A4")
			g.hold(sockets)
			s.byStream("A2")
			s.noticesFaults()
		})
	}
}

// story is a page in an engine, with the server behind it.
type story struct {
	*testing.T

	p    *process
	site string // where browsers find it
	e    otherBrowser
}

// open shows the page of a new order whose payer says that it is paid.
func (s *story) open(orderNo string) {
	s.Helper()
	url := s.p.register(orderNo)["page_url"].(string)
	if status, answer := s.p.call("POST", "/v1/orders/"+orderNo+"/claim", nil); status >= 300 {
		s.Fatalf("claim: %d %v", status, answer)
	}
	s.show(url)
	s.run(`window.mine = true`)
}

func (s *story) bySocket(orderNo string) {
	s.Helper()
	s.open(orderNo)
	s.until(live("socket"))
	s.wantText("#headline", "Confirming your payment")
	s.wantText("#again", "pay again")
	s.wantText("#safe", "Your money is safe")
	s.until(`/^\d:\d\d$/.test(document.querySelector('#countdown').innerText)`)
	s.until(`/^Check #\d+ /.test(document.querySelector('#attempt').innerText)`)
	s.wantNone(badLayout)
	s.run(noteNotices)
	s.run(`document.querySelector('#check-now').click()`)
	s.until(`notices.some((text) => /^Checking now/.test(text))`)
	s.paid(orderNo)
	if complaints := s.e.console(); len(complaints) > 0 {
		s.Errorf("the console says %q", complaints)
	}
}

// byStream is without WebSockets, on which every console has something to say.
func (s *story) byStream(orderNo string) {
	s.Helper()
	s.open(orderNo)
	s.until(live("stream"))
	s.paid(orderNo)
}

// paid lets the payment be found, and holds that the open page shows it.
func (s *story) paid(orderNo string) {
	s.Helper()
	s.p.pay(orderNo, object{"outcome": "succeeded"})
	s.until(isSucceeded + ` && window.mine`)
	s.wantText("#headline", "Payment confirmed")
	s.wantText("#again", "")
	s.wantNone(badLayout)
	s.wantNone(`faults`)
}

// noticesFaults shows that the checks above could fail.
func (s *story) noticesFaults() {
	s.Helper()
	s.run(`(() => {
		setTimeout(() => { throw new Error('thrown'); });
		const script = document.createElement('script');
		script.textContent = 'window.mine = false';
		document.body.appendChild(script);
		document.querySelector('#headline').style.width = '2000px';
	})()`)
	s.until(`[/thrown|Script error/, /script-src/].every((kind) => faults.some((fault) => kind.test(fault)))`)
	s.until(badLayout + `.some((fault) => /sideways/.test(fault))`)
	if _, mute := s.e.(*webdriver); !mute {
		await(s.T, "the console tells of it", func() bool { return len(s.e.console()) > 0 })
	}
}

// recorder notes what a page's scripts and its policy complain of. It runs ahead of them.
const recorder = `window.faults = [];
addEventListener('error', (e) => faults.push(String(e.message)));
addEventListener('unhandledrejection', (e) => faults.push(String(e.reason)));
document.addEventListener('securitypolicyviolation', (e) => faults.push(e.violatedDirective + ' forbids ' + e.blockedURI));
console.error = console.warn = (...said) => faults.push(said.join(' '));`

// noteNotices collects what the page answers to the payer, before a frame takes its place.
const noteNotices = `(() => {
	const notice = document.querySelector('#notice');
	window.notices = [];
	new MutationObserver(() => notices.push(notice.textContent)).observe(notice, {childList: true});
})()`

// badLayout finds what a payer could neither read nor touch.
const badLayout = `(() => {
	const found = [], wide = document.documentElement.clientWidth;
	if (document.scrollingElement.scrollWidth > wide) found.push('scrolls sideways to ' + document.scrollingElement.scrollWidth);
	for (const e of document.querySelectorAll('button, a, summary, textarea')) {
		e.scrollIntoView({block: 'center'});
		const box = e.getBoundingClientRect(), name = e.tagName + '#' + e.id;
		if (!box.width || e.closest('details:not([open])') && e.tagName !== 'SUMMARY') continue;
		if (box.height < 47.5 || box.width < 47.5) found.push(name + ' is ' + Math.round(box.width) + ' x ' + Math.round(box.height));
		const at = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
		if (!e.contains(at)) found.push(name + ' lies under ' + (at && at.outerHTML.slice(0, 80)));
	}
	for (const e of document.querySelectorAll('h1, h2, p, dt, dd, li, time')) {
		const box = e.getBoundingClientRect();
		if (box.width && !e.closest('.vh') && (box.left < -0.5 || box.right > wide + 0.5)) found.push(e.tagName + '#' + e.id + ' stands beside the screen');
	}
	scrollTo(0, 0);
	return found;
})()`

// run evaluates an expression for its effect or its value.
func (s *story) run(expression string) string {
	s.Helper()
	value, err := s.e.run(`String(` + expression + `)`)
	if err != nil {
		s.Fatalf("%s: %v\n%s", expression, err, s.p.logs())
	}
	return value
}

// until holds until an expression is true in the page.
func (s *story) until(expression string) {
	s.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience); s.run(expression) != "true"; <-again.C {
		if time.Now().After(deadline) {
			s.Fatalf("never true: %s\nfaults %s\nconsole %q\n%s\n%s", expression, s.run(`JSON.stringify(faults)`), s.e.console(),
				s.run(`document.body.innerText`), s.p.logs())
		}
	}
}

// wantText holds what a visible element says, or that there is none.
func (s *story) wantText(selector, part string) {
	s.Helper()
	text := s.run(fmt.Sprintf(`(() => { const e = document.querySelector(%q); return e.hidden ? '' : e.innerText; })()`, selector))
	if !strings.Contains(strings.ReplaceAll(text, "’", "'"), part) || (part == "") != (text == "") {
		s.Errorf("%s says %q, not %q", selector, text, part)
	}
}

// wantNone holds that a list is empty.
func (s *story) wantNone(list string) {
	s.Helper()
	var found []string
	if err := json.Unmarshal([]byte(s.run(`JSON.stringify(`+list+`)`)), &found); err != nil {
		s.Fatal(err)
	}
	if len(found) > 0 {
		s.Errorf("the page has faults: %q", found)
	}
}
