// Command pagereport measures the payer page as a phone meets it: a real server behind TLS
// and HTTP/2, a link of 150 ms and 1.6 Mbit/s, a processor four times slower, Chromium with
// an empty cache; and has Lighthouse judge it and the message centre. It fails when a budget is exceeded.
//
//	go run ./.ci/pagereport -lighthouse DIR
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

func main() {
	lighthouse := flag.String("lighthouse", "", "folder with node_modules/lighthouse; empty = without it")
	runs := flag.Int("runs", 5, "loads of the page, of which medians are taken")
	flag.Parse()
	ok, err := report(*lighthouse, *runs)
	if err != nil {
		fmt.Fprintln(os.Stderr, "pagereport:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

func report(lighthouse string, runs int) (bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	s, err := open(ctx)
	if s != nil && s.stop != nil {
		defer s.stop()
	}
	if err != nil {
		return false, err
	}
	var loads []load
	for i := range runs {
		path, _, err := s.pages(fmt.Sprintf("R%d", i))
		if err != nil {
			return false, err
		}
		l, err := visit(ctx, s.slowURL+path)
		if err != nil {
			return false, fmt.Errorf("load %d: %w", i, err)
		}
		fmt.Printf("load %d: %+v\n", i, l)
		loads = append(loads, l)
	}
	ok := true
	line := func(name string, value, budget float64, unit string) {
		verdict := "ok"
		if value > budget {
			verdict, ok = "OVER", false
		}
		fmt.Printf("%-28s %8.3g %-8s budget %6g   %s\n", name, value, unit, budget, verdict)
	}
	median := func(of func(load) float64) float64 {
		values := make([]float64, 0, len(loads))
		for _, l := range loads {
			values = append(values, of(l))
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	line("first paint", median(func(l load) float64 { return l.Paint }), 1200, "ms")
	line("live status", median(func(l load) float64 { return l.Live }), 2200, "ms")
	line("layout shift", median(func(l load) float64 { return l.Shift }), 0.01, "")
	line("blocking time", median(func(l load) float64 { return l.Blocked }), 50, "ms")
	line("requests before live", median(func(l load) float64 { return float64(l.Requests) }), 3, "")
	line("bytes before live", median(func(l load) float64 { return float64(l.Bytes) }), 20*1024, "")
	if lighthouse == "" {
		return ok, nil
	}
	path, inbox, err := s.pages("L1")
	if err != nil {
		return false, err
	}
	for name, path := range map[string]string{"payment": path, "inbox": inbox} {
		well, err := judged(ctx, lighthouse, name, s.fastURL+path)
		if err != nil {
			return false, err
		}
		ok = ok && well
	}
	return ok, nil
}

// judged prints what Lighthouse says of a page, each score beside its budget.
func judged(ctx context.Context, lighthouse, name, url string) (bool, error) {
	scores, err := judge(ctx, lighthouse, url)
	if err != nil {
		return false, fmt.Errorf("%s: %w", name, err)
	}
	ok := true
	for _, want := range []struct {
		category string
		score    float64
	}{{"performance", 98}, {"accessibility", 100}, {"best-practices", 100}} {
		verdict := "ok"
		if scores[want.category] < want.score {
			verdict, ok = "BELOW", false
		}
		fmt.Printf("%-34s %2.3g %-8s budget %6g   %s\n", "lighthouse "+name+" "+want.category, scores[want.category], "", want.score, verdict)
	}
	return ok, nil
}

// load is what one visit came to, times in milliseconds since the navigation.
type load struct {
	Paint    float64 `json:"paint"`
	Live     float64 `json:"live"`
	Shift    float64 `json:"shift"`
	Blocked  float64 `json:"blocked"`
	Requests int     `json:"requests"`
	Bytes    int64   `json:"bytes"`
}

// watch runs before the page's own script.
const watch = `(() => {
	const seen = window.__seen = {paint: 0, live: 0, shift: 0, blocked: 0};
	const on = (type, add) => new PerformanceObserver((list) => list.getEntries().forEach(add)).observe({type, buffered: true});
	on('paint', (e) => { if (e.name === 'first-contentful-paint') seen.paint = e.startTime; });
	on('layout-shift', (e) => { seen.shift += e.hadRecentInput ? 0 : e.value; });
	on('longtask', (e) => { seen.blocked += e.duration - 50; });
	new MutationObserver(() => {
		const main = document.getElementById('anxin');
		if (!seen.live && main && main.dataset.live === 'socket') seen.live = performance.now();
	}).observe(document, {subtree: true, childList: true, attributes: true});
})()`

func visit(ctx context.Context, url string) (l load, err error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.IgnoreCertErrors)
	alloc, stop := chromedp.NewExecAllocator(ctx, options...)
	defer stop()
	tab, cancel := chromedp.NewContext(alloc)
	defer cancel()
	live := false
	chromedp.ListenTarget(tab, func(event any) {
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			if !live && e.Request.URL[:5] != "data:" {
				l.Requests++
			}
		case *network.EventWebSocketCreated:
			l.Requests++
		case *network.EventWebSocketFrameReceived:
			live = true
		case *network.EventLoadingFinished:
			if !live {
				l.Bytes += int64(e.EncodedDataLength)
			}
		}
	})
	prepare := chromedp.Tasks{
		network.Enable(), chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile), emulation.SetCPUThrottlingRate(4),
		chromedp.ActionFunc(func(ctx context.Context) error {
			_, err := page.AddScriptToEvaluateOnNewDocument(watch).Do(ctx)
			return err
		}),
	}
	measured := load{}
	err = chromedp.Run(tab, prepare, chromedp.Navigate(url), chromedp.WaitVisible(`#anxin[data-live="socket"]`, chromedp.ByQuery),
		chromedp.Sleep(time.Second), chromedp.Evaluate(`window.__seen`, &measured))
	measured.Requests, measured.Bytes = l.Requests, l.Bytes
	return measured, err
}
