package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// browser starts a headless Chromium of the size of a phone.
func browser(t *testing.T) context.Context {
	t.Helper()
	folder, err := os.MkdirTemp("", "anxin-browser")
	if err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("lang", "zh-CN"),
		chromedp.WindowSize(390, 844), chromedp.UserDataDir(folder))
	alloc, stop := chromedp.NewExecAllocator(t.Context(), options...)
	ctx, cancel := chromedp.NewContext(alloc)
	ctx, timeout := context.WithTimeout(ctx, patience)
	t.Cleanup(func() {
		timeout()
		_ = chromedp.Cancel(ctx) // waits for Chromium to let go of its folder
		cancel()
		stop()
		_ = os.RemoveAll(folder) // its helpers may still write there for a moment
	})
	return ctx
}

// sight is what a payer sees of the page at one moment.
type sight struct {
	Headline string `json:"headline"`
	Attempt  string `json:"attempt"`
	Body     string `json:"body"`
	Status   string `json:"status"`
	Seq      int    `json:"seq"`
	Loads    int    `json:"loads"`
}

const look = `(() => ({
	headline: document.querySelector('#headline')?.innerText ?? '',
	attempt: document.querySelector('#attempt')?.innerText ?? '',
	body: document.body.innerText,
	status: document.querySelector('#anxin')?.dataset.status ?? '',
	seq: Number(document.querySelector('#anxin')?.dataset.seq ?? 0),
	loads: (window.__loads = (window.__loads ?? 0) + 1),
}))()`

// seeUntil collects the distinct sights of the page until want is true of one. The page
// itself is never reloaded: __loads would begin again.
func seeUntil(ctx context.Context, want func(sight) bool) ([]sight, error) {
	var sights []sight
	for ctx.Err() == nil {
		var now sight
		if err := chromedp.Run(ctx, chromedp.Evaluate(look, &now)); err != nil {
			return sights, err
		}
		if n := len(sights); n > 0 && now.Loads != sights[n-1].Loads+1 {
			return sights, errors.New("the page was reloaded")
		} else if n > 0 && now.Attempt == sights[n-1].Attempt && now.Headline == sights[n-1].Headline {
			sights[n-1].Loads = now.Loads
		} else {
			sights = append(sights, now)
		}
		if want(now) {
			return sights, nil
		}
	}
	return sights, ctx.Err()
}

// TestPayerSeesLateCallback walks the main job in a browser: shop, cashier, pay; the
// callback is lost; the attempt line changes without a reload; paid.
func TestPayerSeesLateCallback(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ lang, confirming, running, next, safe, again, paid string }{
		{"zh-CN", "正在确认支付结果", "正在进行第", "次确认将于", "您的资金是安全的", "请不要重复支付", "支付成功"},
		{"en", "Confirming your payment", "is running", "Check #", "Your money is safe", "don't pay again", "Payment confirmed"},
	} {
		t.Run(test.lang, func(t *testing.T) {
			t.Parallel()
			p := startServer(t, t.TempDir())
			ctx := browser(t)
			if err := chromedp.Run(ctx,
				chromedp.Navigate(p.base+"/sandbox?lang="+test.lang),
				chromedp.Click(`input[name=preset][value=processing]`, chromedp.ByQuery),
				chromedp.Click(`form[action="/sandbox/buy"] button`, chromedp.ByQuery),
				chromedp.Click(`button[name=action][value=pay]`, chromedp.ByQuery),
				chromedp.WaitVisible("#anxin", chromedp.ByQuery),
			); err != nil {
				t.Fatalf("%v\n%s", err, p.logs())
			}
			sights, err := seeUntil(ctx, func(s sight) bool { return s.Status == "succeeded" })
			if err != nil {
				t.Fatalf("%v; saw %s\n%s", err, tell(sights), p.logs())
			}
			first, last := sights[0], sights[len(sights)-1]
			for _, want := range []string{test.confirming, test.safe, test.again} {
				if !strings.Contains(strings.ReplaceAll(first.Body, "’", "'"), want) {
					t.Errorf("at first the page does not say %q:\n%s", want, first.Body)
				}
			}
			if !strings.Contains(last.Body, test.paid) || strings.Contains(last.Body, test.again) {
				t.Errorf("at last the page says:\n%s", last.Body)
			}
			if n := countLines(sights, test.next); n < 2 {
				t.Errorf("only %d announced checks were seen: %s", n, tell(sights))
			}
			if n := countLines(sights, test.running); n < 1 {
				t.Logf("no running check was caught between two looks: %s", tell(sights))
			}
		})
	}
}

func countLines(sights []sight, part string) int {
	n := 0
	for _, s := range sights {
		if strings.Contains(s.Attempt, part) {
			n++
		}
	}
	return n
}

func tell(sights []sight) string {
	var b strings.Builder
	for _, s := range sights {
		fmt.Fprintf(&b, "\n  [%s seq %d] %s | %s", s.Status, s.Seq, s.Headline, s.Attempt)
	}
	return b.String()
}
