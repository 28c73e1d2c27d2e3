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
	const more = () => requestAnimationFrame(() => requestAnimationFrame(() => fetch('/more' + location.pathname).then((r) => r.ok && more())));
	more();
})()`

// tag is what a page may be cut after, as engines do when they have read for long.
var tag = regexp.MustCompile(`<[^>]*>`)

// TestNothingMovesWhileThePageArrives sends a page in pieces, as a slow network does, and
// has each piece painted before the next is there: what is seen stays where it is.
func TestNothingMovesWhileThePageArrives(t *testing.T) {
	t.Parallel()
	const live = "#anxin[data-live]"
	arriving := map[string]string{ // and the element that is there in the end
		"awaiting": live, "confirming_slow": live, "refunding": live, "succeeded_review": live, "inbox_waiting": "#messages",
	}
	for i, lang := range languages() {
		width := []int64{320, 1280}[i%2]
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			a := pages(t)
			for name := range arriving {
				a.inPieces(t.Context(), "/"+lang+"/"+name)
			}
			ctx := chromium(t)()
			if err := chromedp.Run(ctx, page.BringToFront(), chromedp.EmulateViewport(width, 1600), chromedp.ActionFunc(func(ctx context.Context) error {
				_, err := page.AddScriptToEvaluateOnNewDocument(still + ";" + watchShifts + ";" + askForMore).Do(ctx)
				return err
			})); err != nil {
				t.Fatal(err)
			}
			for name, last := range arriving {
				path := "/" + lang + "/" + name
				var shifts []string
				if err := chromedp.Run(ctx, chromedp.Navigate(a.URL+path), chromedp.WaitReady(last, chromedp.ByQuery), evaluate(`settled()`, &shifts)); err != nil {
					t.Fatalf("%s: %v", path, err)
				}
				if len(shifts) > 0 {
					t.Errorf("%s, %d px: %q moved", path, width, shifts)
				}
			}
		})
	}
}

// inPieces has a page wait after each tag of its body until it is asked for more.
func (a *album) inPieces(ctx context.Context, path string) {
	more, render := make(chan struct{}), a.pages[path]
	a.pages["/more"+path] = func(io.Writer) error {
		select {
		case more <- struct{}{}:
		case <-ctx.Done():
		}
		return nil
	}
	a.pages[path] = func(w io.Writer) error {
		var whole bytes.Buffer
		if err := render(&whole); err != nil {
			return err
		}
		sent, body := 0, strings.Index(whole.String(), "<body")
		for _, end := range tag.FindAllStringIndex(whole.String()[body:], -1) {
			cut := body + end[1]
			if _, err := w.Write(whole.Bytes()[sent:cut]); err != nil {
				return err
			}
			sent = cut
			w.(http.Flusher).Flush()
			select {
			case <-more:
			case <-ctx.Done():
				return nil
			}
		}
		_, err := w.Write(whole.Bytes()[sent:])
		return err
	}
}
