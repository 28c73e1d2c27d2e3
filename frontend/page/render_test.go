package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	stdhtml "html"
	"regexp"
	"strings"
	"testing"
	"time"

	"anxin/engine/order"
)

// htmlBudget is the page with its style sheet, gzipped.
const htmlBudget = 12 * 1024

func TestEveryStateSaysItsScreenInTheHTML(t *testing.T) {
	t.Parallel()
	r := setup(t)
	eachPage(t, func(t *testing.T, v View, html string) {
		t.Helper()
		s := r.situation(v).screen()
		text := visible(html)
		for _, want := range []string{s.Headline, s.Lead, s.Attempt, s.Again, s.Safe, s.Thanks, s.Review, s.CheckNote, s.Announcement, s.Coupon, v.Progress.OrderNo} {
			if !strings.Contains(text, want) {
				t.Errorf("the page does not say %q", want)
			}
		}
		for _, line := range s.Timeline {
			if !strings.Contains(text, line.Text) {
				t.Errorf("the timeline does not say %q", line.Text)
			}
		}
	})
}

var (
	hiddenElement = regexp.MustCompile(`(?s)<(p|a|form|div|span)[^>]* hidden>.*?</(p|a|form|div|span)>`)
	notText       = regexp.MustCompile(`(?s)<script.*?</script>|<style.*?</style>|<[^>]*>`)
)

// visible is the text of a page without what is hidden.
func visible(html string) string {
	text := notText.ReplaceAllString(hiddenElement.ReplaceAllString(html, ""), " ")
	return stdhtml.UnescapeString(text)
}

// TestWordsOfTheStates pins the sentences that matter most to a worried payer.
func TestWordsOfTheStates(t *testing.T) {
	t.Parallel()
	r, all := setup(t), states(t)
	for _, c := range []struct{ state, lang, want string }{
		{"awaiting", "zh-CN", "还没有收到您的付款信息"},
		{"awaiting", "en", "If you already paid, please don't pay again"},
		{"confirming_next", "zh-CN", "第 3 次确认将于 12:00:18 进行"},
		{"confirming_next", "en", "Check #3 at 04:00:18"},
		{"confirming_next", "zh-CN", "您的资金是安全的：要么计入订单，要么原路退回。"},
		{"confirming_running", "zh-CN", "正在进行第 3 次确认"},
		{"confirming_running", "en", "Check #3 is running"},
		{"confirming_most", "zh-CN", "12:01:19 后可以再次确认"},
		{"confirming_slow", "en", "Taking longer than usual"},
		{"received", "zh-CN", "已收到您的付款"},
		{"review", "zh-CN", "已转人工核对"},
		{"succeeded", "en", "Payment confirmed"},
		{"succeeded_delayed", "zh-CN", "让您久等了，抱歉"},
		{"succeeded_partial_refund", "zh-CN", "¥10.00"},
		{"failed_free", "zh-CN", "本次没有扣款，可以放心重新支付"},
		{"failed_returned", "en", "Your money goes back the way you paid"},
		{"refunding", "zh-CN", "退款已受理"},
		{"refunding", "zh-CN", "预计\u00a011月30日\u00a0前到账，银行一般需要 5\u00a0个工作日"},
		{"refunding_slow", "en", "taking longer than the usual 5 working days"},
		{"failed_returned", "en", "by about 30\u00a0Nov: banks usually need up to 5 working days"},
		{"failed_slow", "zh-CN", "已超过通常的 5\u00a0个工作日"},
		{"failed_free", "en", "If you'd like to pay again"},
		{"succeeded_late", "en", "after we had told you it hadn't"},
		{"succeeded_twice", "zh-CN", "这笔购买似乎支付了两次"},
		{"succeeded_coupon", "en", "CNY 5 off your next order"},
		{"confirming_announced", "zh-CN", "当前支付确认比平时慢"},
		{"refunded", "en", "¥88.00 went back to the account you paid with"},
	} {
		v := all[c.state]
		v.Lang = c.lang
		if !strings.Contains(visible(render(t, r, v)), c.want) {
			t.Errorf("%s in %s does not say %q", c.state, c.lang, c.want)
		}
	}
}

func TestEveryStateStaysInItsBudget(t *testing.T) {
	t.Parallel()
	eachPage(t, func(t *testing.T, _ View, html string) {
		t.Helper()
		if n := zipped(t, html); n > htmlBudget {
			t.Errorf("%d bytes gzipped, the budget is %d", n, htmlBudget)
		}
	})
}

// zipped is how many bytes a page has on its way.
func zipped(t *testing.T, html string) int {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(html)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Len()
}

var (
	fetched   = regexp.MustCompile(`(?:src|srcset|data)="([^"]*)"|<link[^>]*href="([^"]*)"`)
	nomodule  = regexp.MustCompile(`<script nomodule[^>]*></script>`)
	onHandler = regexp.MustCompile(`(?i)<[^>]+\son[a-z]+=`)
	styleAttr = regexp.MustCompile(`(?i)<[^>]+\sstyle=`)
	script    = regexp.MustCompile(`(?s)<script([^>]*)>(.*?)</script>`)
	style     = regexp.MustCompile(`(?s)<style>(.*?)</style>`)
)

// The document, the script and the live connection: an engine fetches the module or the
// script for old engines, never both.
func TestPageIsLiveAfterThreeRequests(t *testing.T) {
	t.Parallel()
	eachPage(t, func(t *testing.T, _ View, html string) {
		t.Helper()
		requests := 2 // the document and the live connection
		for _, match := range fetched.FindAllStringSubmatch(nomodule.ReplaceAllString(html, ""), -1) {
			if !strings.HasPrefix(match[1]+match[2], "data:") {
				requests++
			}
		}
		if requests > 3 {
			t.Errorf("%d requests before live", requests)
		}
	})
}

func TestPageObeysItsOwnPolicy(t *testing.T) {
	t.Parallel()
	csp, _ := setup(t).Policy("", false)
	eachPage(t, func(t *testing.T, _ View, html string) {
		t.Helper()
		for _, match := range script.FindAllStringSubmatch(html, -1) {
			inline, data := match[2] != "", strings.Contains(match[1], `type="application/json"`)
			if inline && !data {
				t.Errorf("inline script: %.80s", match[2])
			}
		}
		if onHandler.MatchString(html) || styleAttr.MatchString(html) {
			t.Error("the policy forbids an attribute of the page")
		}
		obeysStyles(t, html, csp)
	})
}

func obeysStyles(t *testing.T, html, csp string) {
	t.Helper()
	for _, match := range style.FindAllStringSubmatch(html, -1) {
		sum := sha256.Sum256([]byte(match[1]))
		if !strings.Contains(csp, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") {
			t.Error("the policy does not allow the inline style sheet")
		}
	}
}

func TestPolicyNamesTheLiveConnection(t *testing.T) {
	t.Parallel()
	for public, want := range map[string]string{
		"https://pay.example/x": "connect-src 'self' wss://pay.example;",
		"http://127.0.0.1:8080": "connect-src 'self' ws://127.0.0.1:8080;",
	} {
		r, err := New(Options{PublicURL: public})
		if err != nil {
			t.Fatal(err)
		}
		csp, framed := r.Policy("", true)
		if !strings.Contains(csp, want) || !strings.Contains(csp, "frame-ancestors 'none'") || framed {
			t.Errorf("policy for %s = %s", public, csp)
		}
		if strings.Contains(csp, "unsafe") {
			t.Errorf("unsafe policy: %s", csp)
		}
	}
}

func TestPublicURLMustBeAWebAddress(t *testing.T) {
	t.Parallel()
	for _, public := range []string{"", "pay.example", "ftp://pay.example", "https://", "http://a b"} {
		if _, err := New(Options{PublicURL: public}); !errors.Is(err, ErrPublicURL) {
			t.Errorf("%q: error = %v", public, err)
		}
	}
}

func TestHostileOrderStaysText(t *testing.T) {
	t.Parallel()
	v := states(t)["hostile"]
	html := render(t, setup(t), v)
	drawn := strings.ReplaceAll(html, stateOf(t, html), "")
	if strings.Contains(html, "<script>alert") || strings.Contains(html, "</script><script") || strings.Contains(drawn, "javascript:") {
		t.Error("markup or a script link of the order reached the page")
	}
	if n := strings.Count(html, "</script>"); n != 3 {
		t.Errorf("%d script elements end in the page instead of 3", n)
	}
	if !strings.Contains(html, `<bdi id="subject">&lt;/script&gt;`) {
		t.Error("the subject is not isolated in its own direction")
	}
	var b struct {
		Progress order.Progress `json:"progress"`
	}
	if err := json.Unmarshal([]byte(stateOf(t, html)), &b); err != nil {
		t.Fatal(err)
	}
	if b.Progress.Subject != v.Progress.Subject {
		t.Errorf("the script reads the subject as %q", b.Progress.Subject)
	}
}

func stateOf(t *testing.T, html string) string {
	t.Helper()
	_, rest, ok := strings.Cut(html, `<script type="application/json" id="anxin-state">`)
	state, _, closed := strings.Cut(rest, "</script>")
	if !ok || !closed {
		t.Fatal("the page has no state for its script")
	}
	return state
}

func TestTokenStandsOnlyInFormsAndState(t *testing.T) {
	t.Parallel()
	eachPage(t, func(t *testing.T, v View, html string) {
		t.Helper()
		rest := strings.ReplaceAll(html, stateOf(t, html), "")
		rest = strings.ReplaceAll(rest, `<input type="hidden" name="k" value="`+v.Token+`">`, "")
		if strings.Contains(rest, v.Token) {
			t.Error("the token is elsewhere in the page, perhaps in an address")
		}
		if !strings.Contains(html, `<meta name="referrer" content="no-referrer">`) {
			t.Error("a link would tell the token in its referrer")
		}
	})
}

func TestPageWithoutScriptLooksAgainOnlyWhileItWaits(t *testing.T) {
	t.Parallel()
	eachPage(t, func(t *testing.T, v View, html string) {
		t.Helper()
		refreshes := strings.Contains(html, `<noscript><meta http-equiv="refresh" content="10"></noscript>`)
		if refreshes == v.Progress.Status.Final() {
			t.Errorf("status %s: refreshes %v", v.Progress.Status, refreshes)
		}
	})
}

func TestLanguageFallsBackToTheOrders(t *testing.T) {
	t.Parallel()
	v := states(t)["confirming_next"] // its locale is zh-CN
	for lang, want := range map[string]string{"": `<html lang="zh-CN"`, "en-US": `<html lang="en"`} {
		v.Lang = lang
		if html := render(t, setup(t), v); !strings.Contains(html, want) {
			t.Errorf("lang %q: no %s", lang, want)
		}
	}
}

func TestNoticeIsOneOfTheKnownTexts(t *testing.T) {
	t.Parallel()
	v := states(t)["confirming_next"]
	v.Lang = "en"
	v.Notice = NoticeTooSoon
	v.CheckAgainAt = v.Now.Add(10 * time.Second)
	text := visible(render(t, setup(t), v))
	for _, want := range []string{"We checked just now.", "You can check again at 04:00:22"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	v.Notice = "anything from an address"
	if html := render(t, setup(t), v); strings.Contains(html, "anything from") {
		t.Error("an unknown notice is shown")
	}
}

func TestExpiredLinkTellsNothingOfAnyOrder(t *testing.T) {
	t.Parallel()
	r := setup(t)
	for lang, want := range map[string]string{"zh-CN": "链接已失效", "en": "This link has expired", "fr": "This link has expired"} {
		var b bytes.Buffer
		if err := r.RenderExpired(&b, lang); err != nil {
			t.Fatal(err)
		}
		html := b.String()
		if !strings.Contains(visible(html), want) {
			t.Errorf("%s: the page does not say %q", lang, want)
		}
		if !strings.Contains(html, `<g class="i i-calm"><path d="M46 60h28"/></g>`) {
			t.Errorf("%s: the ring has no icon", lang)
		}
		if strings.Contains(html, "<script") || strings.Contains(html, "refresh") {
			t.Errorf("%s: an expired page does something", lang)
		}
	}
}

type brokenWriter struct{}

var errBroken = errors.New("broken")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestBrokenWriterIsReported(t *testing.T) {
	t.Parallel()
	r := setup(t)
	if err := r.Render(brokenWriter{}, states(t)["succeeded"]); !errors.Is(err, errBroken) {
		t.Errorf("Render: %v", err)
	}
	if err := r.RenderExpired(brokenWriter{}, "en"); !errors.Is(err, errBroken) {
		t.Errorf("RenderExpired: %v", err)
	}
}
