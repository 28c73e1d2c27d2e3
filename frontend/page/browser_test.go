package page

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"anxin/frontend"
)

// patience is for a browser on a machine that is busy with everything else.
const patience = 8 * time.Minute

// album serves every page that there is, as a server would: /{language}/{name}.
type album struct {
	*httptest.Server

	pages  map[string]func(w io.Writer) error // by path
	posted http.HandlerFunc                   // answers what pages send; nil = 404
	csp    string
}

// pages serves all states and the pages beside them, in the page's languages and in the
// pseudo-languages. What a page shows does not depend on the script's connection, which
// this server never has: one that it refused would be told of, sooner or later.
func pages(t *testing.T) *album {
	t.Helper()
	a := &album{pages: map[string]func(io.Writer) error{}}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	own, err := New(Options{PublicURL: a.URL, Lookup: true, Brand: Brand{Name: "Tea <b>House</b> \u202egnisreveR 🍵", Logo: pixel}})
	if err != nil {
		t.Fatal(err)
	}
	a.csp, _ = own.Policy("", false)
	in := pseudoRenderers(t)
	for tag, r := range in {
		r.dresses, r.options = own.dresses, own.options
		a.add(t, tag, r)
	}
	for _, tag := range languages() {
		a.add(t, tag, own)
	}
	return a
}

func (a *album) add(t *testing.T, lang string, r *Renderer) {
	t.Helper()
	for name, v := range states(t) {
		v.Lang, v.Inbox = lang, &InboxLink{Token: "tok-en_2", Unread: len(name)}
		a.pages["/"+lang+"/"+name] = func(w io.Writer) error { return r.Render(w, v) }
	}
	for name, v := range inboxes(t) {
		v.Lang = lang
		a.pages["/"+lang+"/inbox_"+name] = func(w io.Writer) error { return r.RenderInbox(w, v) }
	}
	for _, name := range []string{"confirming_slow", "succeeded", "failed_free"} {
		v := states(t)[name]
		v.Lang, v.Embedded = lang, true
		a.pages["/"+lang+"/embedded_"+name] = func(w io.Writer) error { return r.Render(w, v) }
	}
	a.pages["/"+lang+"/expired"] = func(w io.Writer) error { return r.RenderExpired(w, lang) }
	for name, o := range optIns(t) {
		o.Lang = lang
		a.pages["/"+lang+"/"+name] = func(w io.Writer) error { return r.RenderOptIn(w, o) }
	}
	for name, l := range map[string]Lookup{
		"lookup": {}, "lookup_sent": {OrderNo: strings.Repeat("A1", 32), Sent: true}, "lookup_wrong": {OrderNo: "A1", Sent: true, Problem: LookupWrong},
	} {
		l.Lang = lang
		a.pages["/"+lang+"/"+name] = func(w io.Writer) error { return r.RenderLookup(w, l) }
	}
}

// in lists the pages of some languages.
func (a *album) in(langs ...string) []string {
	var found []string
	for _, p := range slices.Sorted(maps.Keys(a.pages)) {
		if slices.Contains(langs, strings.Split(p, "/")[1]) {
			found = append(found, p)
		}
	}
	return found
}

func (a *album) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", a.csp)
	w.Header().Set("Referrer-Policy", "no-referrer")
	if body, contentType, ok := frontend.Asset(path.Base(r.URL.Path)); ok {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(body)
		return
	}
	if r.Method == http.MethodPost && a.posted != nil {
		a.posted(w, r)
		return
	}
	if strings.HasPrefix(r.URL.Path, "/v1/") {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	render, ok := a.pages[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := render(w); err != nil {
		panic(err)
	}
}

// chromium starts a headless browser; each call of the returned function opens a tab.
func chromium(t *testing.T) func() context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-background-networking", true), chromedp.UserDataDir(t.TempDir()))
	alloc, stop := chromedp.NewExecAllocator(t.Context(), options...)
	first, cancel := chromedp.NewContext(alloc)
	first, timeout := context.WithTimeout(first, patience)
	t.Cleanup(func() {
		timeout()
		_ = chromedp.Cancel(first) // waits for Chromium to let go of its folder
		cancel()
		stop()
	})
	if err := chromedp.Run(first); err != nil {
		t.Fatal(err)
	}
	return func() context.Context {
		tab, closeTab := chromedp.NewContext(first)
		t.Cleanup(closeTab)
		return tab
	}
}

// complaints collects what the browser itself objects to: scripts that throw, and what the
// page's policy forbids.
type complaints struct {
	mu   sync.Mutex // guards list
	list []string
}

func (c *complaints) listen(ctx context.Context) {
	chromedp.ListenTarget(ctx, func(event any) {
		var text string
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			text = "exception: " + e.ExceptionDetails.Error()
		case *cdplog.EventEntryAdded:
			if e.Entry.Source == cdplog.SourceSecurity || strings.Contains(e.Entry.Text, "Content Security Policy") || strings.Contains(e.Entry.Text, "Content-Security-Policy") {
				text = "policy: " + e.Entry.Text
			}
		case *runtime.EventConsoleAPICalled:
			text = "console: " + string(e.Type)
		}
		if text != "" {
			c.mu.Lock()
			c.list = append(c.list, text)
			c.mu.Unlock()
		}
	})
}

func (c *complaints) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.list
	c.list = nil
	return taken
}

// view is how a page is looked at.
type view struct {
	width  int64
	scheme string
}

func (v view) String() string { return fmt.Sprintf("%d px %s", v.width, v.scheme) }

func (v view) set() chromedp.Action {
	return chromedp.Tasks{
		chromedp.EmulateViewport(v.width, 844, chromedp.EmulateMobile),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: v.scheme}}),
	}
}

// faults finds what a payer would stumble over: text beside the screen or cut off, controls
// too small for a thumb, and anything that a hostile order made happen.
const faults = `(() => {
	const found = [], wide = document.documentElement.clientWidth;
	if (document.scrollingElement.scrollWidth > wide) found.push('scrolls sideways to ' + document.scrollingElement.scrollWidth);
	for (const e of document.querySelectorAll('body *')) {
		const box = e.getBoundingClientRect();
		if (!box.width || e.closest('.vh, svg, [hidden]')) continue;
		const name = e.tagName.toLowerCase() + (e.id && '#' + e.id);
		if (box.left < -0.5 || box.right > wide + 0.5) found.push(name + ' stands beside the screen');
		if (!e.children.length && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline') found.push(name + ' is cut off');
		if (e.matches('button, a, summary, .field, textarea') && (box.height < 47.5 || box.width < 47.5)) found.push(name + ' is ' + Math.round(box.width) + ' x ' + Math.round(box.height));
	}
	if (document.querySelectorAll('script').length > 3 || document.querySelector('#anxin b, #anxin img, header b')) found.push('markup of the order became elements');
	if (window.localStorage.length + document.cookie.length) found.push('something is kept on the device');
	return found;
})()`

// axe runs all of its rules that WCAG and best practice have.
const axe = `axe.run(document, {resultTypes: ['violations'], preload: false}).then((r) =>
	r.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.target + ' ' + n.failureSummary.replace(/\s+/g, ' ')).join('; ')))`

// still stops the page's clock, so that no page goes on to the next thing while it is
// looked at.
const still = `(() => { const at = Date.now(); Date.now = () => at; })()`

// inspect opens pages one after the other in a tab, looks at each in every way, and reports
// what is wrong. library is a script that the checks need.
func inspect(ctx context.Context, t *testing.T, a *album, views []view, paths []string, library string, checks ...string) {
	t.Helper()
	var objected complaints
	objected.listen(ctx)
	stop := chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := page.AddScriptToEvaluateOnNewDocument(still).Do(ctx)
		return err
	})
	if err := chromedp.Run(ctx, stop, views[0].set()); err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		if err := chromedp.Run(ctx, chromedp.Navigate(a.URL+p), chromedp.Evaluate(library, nil)); err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		for _, v := range views {
			look, found := chromedp.Tasks{v.set()}, make([][]string, len(checks))
			for i, check := range checks {
				look = append(look, evaluate(check, &found[i]))
			}
			if err := chromedp.Run(ctx, look); err != nil {
				t.Fatalf("%s, %v: %v", p, v, err)
			}
			for _, fault := range append(slices.Concat(found...), objected.take()...) {
				t.Errorf("%s, %v: %s", p, v, fault)
			}
		}
	}
}

// evaluate waits for what a script promises.
func evaluate(script string, value any) chromedp.Action {
	return chromedp.Evaluate(script, value, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) })
}

// axeCore is the source of axe, made to return nothing.
func axeCore(t *testing.T) string {
	t.Helper()
	library, err := os.ReadFile("../node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatal("run .ci/install: ", err)
	}
	return string(library) + ";undefined"
}

// TestEveryPageFitsAndIsAccessible looks at every page in both languages, in light and dark
// mode and at the widths of small and usual phones.
func TestEveryPageFitsAndIsAccessible(t *testing.T) {
	t.Parallel()
	a, open, library := pages(t), chromium(t), axeCore(t)
	views, langs := []view{{320, "light"}, {390, "light"}, {320, "dark"}, {390, "dark"}}, languages()
	if testing.Short() { // the inner loop looks at the narrowest, in the language of most payers
		views, langs = []view{views[0], views[2]}, langs[1:]
	}
	for _, lang := range langs {
		ctx := open()
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			paths := a.in(lang)
			inspect(ctx, t, a, views, paths, library, faults, axe)
			t.Logf("%d pages, each in %v", len(paths), views)
		})
	}
}

// TestOtherLanguagesFit looks at every page in a language that is written from right to
// left and in one whose words are longer.
func TestOtherLanguagesFit(t *testing.T) {
	t.Parallel()
	a, open := pages(t), chromium(t)
	inspect(open(), t, a, []view{{320, "light"}, {1280, "light"}}, a.in("he", "de"), "", faults)
}

// TestTheChecksFindFaults shows that the two tests above could fail.
func TestTheChecksFindFaults(t *testing.T) {
	t.Parallel()
	a, open := pages(t), chromium(t)
	a.pages["/broken"] = func(w io.Writer) error {
		_, err := io.WriteString(w, `<!doctype html><html lang="en"><title>x</title><meta name="viewport" content="width=device-width">
<main id="anxin"><h1>x</h1><button>x</button><input><p>Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen</p><b>y</b></main><script>alert(1)</script></html>`)
		return err
	}
	ctx := open()
	var objected complaints
	objected.listen(ctx)
	var found, violations []string
	if err := chromedp.Run(ctx, view{320, "light"}.set(), chromedp.Navigate(a.URL+"/broken"),
		chromedp.Evaluate(axeCore(t), nil), evaluate(faults, &found), evaluate(axe, &violations)); err != nil {
		t.Fatal(err)
	}
	all := strings.Join(slices.Concat(found, violations, objected.take()), "\n")
	for _, want := range []string{"scrolls sideways", "p is cut off", "button is ", "became elements", "label: input", "policy: "} {
		if !strings.Contains(all, want) {
			t.Errorf("not found: %s in\n%s", want, all)
		}
	}
}
