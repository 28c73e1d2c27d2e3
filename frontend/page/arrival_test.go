package page

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// askForMore asks for the next piece of the page once what is there has been painted.
const askForMore = `(() => {
	const more = () => requestAnimationFrame(() => requestAnimationFrame(() => fetch('/more').then((r) => r.ok && more())));
	more();
})()`

var endOfElement = regexp.MustCompile(`</(a|circle|dd|div|dl|dt|form|g|h1|h2|li|ol|p|section|span|svg|ul)>`)

// TestNothingMovesWhileThePageArrives sends a page in pieces, as a slow network does, and
// has each piece painted before the next is there: what is seen stays where it is.
func TestNothingMovesWhileThePageArrives(t *testing.T) {
	t.Parallel()
	a, open := pages(t), chromium(t)
	more := make(chan struct{})
	a.pages["/more"] = func(io.Writer) error {
		select {
		case more <- struct{}{}:
		case <-t.Context().Done():
		}
		return nil
	}
	inPieces := func(render func(io.Writer) error) func(io.Writer) error {
		return func(w io.Writer) error {
			var whole bytes.Buffer
			if err := render(&whole); err != nil {
				return err
			}
			sent, body := 0, strings.Index(whole.String(), "<body")
			for _, end := range endOfElement.FindAllStringIndex(whole.String(), -1) {
				if end[1] < body {
					continue
				}
				if _, err := w.Write(whole.Bytes()[sent:end[1]]); err != nil {
					return err
				}
				sent = end[1]
				w.(http.Flusher).Flush()
				select {
				case <-more:
				case <-t.Context().Done():
					return nil
				}
			}
			_, err := w.Write(whole.Bytes()[sent:])
			return err
		}
	}
	arriving := []string{"awaiting", "confirming_slow", "refunding", "succeeded_review"}
	for _, lang := range languages() {
		for _, state := range arriving {
			a.pages["/"+lang+"/"+state] = inPieces(a.pages["/"+lang+"/"+state])
		}
	}
	ctx := open()
	if err := chromedp.Run(ctx, page.BringToFront(), chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := page.AddScriptToEvaluateOnNewDocument(still + ";" + watchShifts + ";" + askForMore).Do(ctx)
		return err
	})); err != nil {
		t.Fatal(err)
	}
	for i, lang := range languages() {
		width := []int64{320, 1280}[i%2]
		for _, state := range arriving {
			path := "/" + lang + "/" + state
			var shifts []string
			if err := chromedp.Run(ctx, chromedp.EmulateViewport(width, 1600), chromedp.Navigate(a.URL+path),
				chromedp.WaitReady("#anxin[data-live]", chromedp.ByQuery), evaluate(`settled()`, &shifts)); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if len(shifts) > 0 {
				t.Errorf("%s, %d px: %q moved", path, width, shifts)
			}
		}
	}
}
