package page

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// watchShifts collects what moved in a page, whoever made it move.
const watchShifts = `(() => {
	window.shifts = [];
	const note = (list) => list.forEach((e) => shifts.push(e.value.toFixed(4) + ' ' + e.sources.map((s) => s.node && (s.node.id || s.node.className || s.node.nodeName)).join()));
	const observer = new PerformanceObserver((list) => note(list.getEntries()));
	observer.observe({type: 'layout-shift', buffered: true});
	// The frame of what was just done, and the one that would report it.
	window.settled = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => { note(observer.takeRecords()); done(shifts); })));
	window.shown = (id) => new Promise((done) => {
		const look = () => document.getElementById(id)?.hidden === false ? done(true) : setTimeout(look, 10);
		look();
	});
})()`

// TestNothingMovesUnderAPayersThumb measures the layout while the page answers a check,
// whatever the answer is, and when it says that it will lead back to the order.
func TestNothingMovesUnderAPayersThumb(t *testing.T) {
	t.Parallel()
	a, open := pages(t), chromium(t)
	answers := map[string]struct {
		status int
		wait   string
		says   []string
	}{
		"taken":    {http.StatusAccepted, "6", []string{"Checking now", "You can check again at", "已开始确认", "后可以再次确认"}},
		"too soon": {http.StatusTooManyRequests, "5", []string{"We checked just now", "You can check again at", "刚刚确认过", "后可以再次确认"}},
		"failed":   {http.StatusInternalServerError, "", []string{"That didn't go through", "这次没有提交成功"}},
	}
	var answer string
	a.posted = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", answers[answer].wait)
		w.WriteHeader(answers[answer].status)
	}
	ctx := open()
	run := func(what string, actions ...chromedp.Action) {
		t.Helper()
		if err := chromedp.Run(ctx, actions...); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	run("prepare", page.BringToFront(), chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := page.AddScriptToEvaluateOnNewDocument(still + ";" + watchShifts).Do(ctx)
		return err
	}))
	moved := func(what, path string, width int64, during ...chromedp.Action) (shifts []string) {
		t.Helper()
		tall := chromedp.EmulateViewport(width, 1600, chromedp.EmulateMobile) // what is out of sight counts too
		run(what, append(chromedp.Tasks{tall, chromedp.Navigate(a.URL + path), chromedp.WaitReady("#anxin[data-live]", chromedp.ByQuery), evaluate(`settled()`, nil)}, during...)...)
		run(what, evaluate(`settled()`, &shifts))
		return shifts
	}
	for _, lang := range languages() {
		for _, width := range []int64{320, 390} {
			for _, state := range []string{"awaiting", "confirming_hourly", "confirming_slow"} {
				for answer = range answers {
					what, said := fmt.Sprintf("%s %s, %d px, a check that is %s", lang, state, width, answer), ""
					shifts := moved(what, "/"+lang+"/"+state, width, chromedp.Evaluate(`document.getElementById('check-now').click()`, nil),
						evaluate(`shown('notice')`, nil), chromedp.Text(".answer", &said, chromedp.ByQuery))
					if len(shifts) > 0 {
						t.Errorf("%s moves %q", what, shifts)
					}
					for _, part := range answers[answer].says {
						if (part[0] < 0x80) == (lang == "en") && !strings.Contains(strings.ReplaceAll(said, "’", "'"), part) {
							t.Errorf("%s says %q, not %q", what, said, part)
						}
					}
				}
			}
			what := fmt.Sprintf("%s, %d px, the way back", lang, width)
			if shifts := moved(what, "/"+lang+"/succeeded", width, evaluate(`shown('return')`, nil)); len(shifts) > 0 {
				t.Errorf("%s moves %q", what, shifts)
			}
		}
	}
	push := `(() => { const e = document.createElement('p'); e.style.height = '90px'; document.querySelector('#headline').before(e); })()`
	if shifts := moved("a jump", "/en/awaiting", 390, chromedp.Evaluate(push, nil)); len(shifts) == 0 {
		t.Error("what moves is not noticed")
	}
}
