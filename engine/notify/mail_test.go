package notify_test

import (
	"strings"
	"testing"

	"anxin/engine/notify"
)

func TestMailsAreTextAndHTML(t *testing.T) {
	t.Parallel()
	said := notify.Texted{
		Rendered: notify.Rendered{Title: "Confirming <b>", Body: "Order A1 & \"more\" <script>alert(1)</script>\nSecond line"}, Language: "en",
	}
	const link = "https://pay.example/pay/A1?k=a&b=1"
	text, err := said.Mail(notify.Look{Brand: "Tea <&> Co", AccentLight: "#112233", AccentDark: "#ddeeff"}, link, "https://pay.example/unsubscribe?k=1")
	if err != nil {
		t.Fatal(err)
	}
	if text.Body != said.Body+"\n\nSee your payment: "+link+"\n\nUnsubscribe: https://pay.example/unsubscribe?k=1" {
		t.Errorf("plain text %q", text.Body)
	}
	for _, want := range []string{
		`<html lang="en">`, "Tea &lt;&amp;&gt; Co", "Confirming &lt;b&gt;", "&lt;script&gt;alert(1)&lt;/script&gt;", ">Second line</p>",
		`href="https://pay.example/pay/A1?k=a&amp;b=1"`, ">See your payment</a>", "background:#112233", "color: #ddeeff !important", "prefers-color-scheme: dark",
		`content="light dark"`, ">Unsubscribe</a>",
	} {
		if !strings.Contains(text.HTML, want) {
			t.Errorf("the mail lacks %s:\n%s", want, text.HTML)
		}
	}
	for _, never := range []string{"<script>", "<img", "ZgotmplZ", "http://", "url("} {
		if strings.Contains(text.HTML, never) {
			t.Errorf("the mail holds %s", never)
		}
	}
	if n := strings.Count(text.HTML, `class="button"`); n != 1 {
		t.Errorf("%d buttons", n)
	}
}

// A code has no link, a brand that is not configured our name, and a colour that is none ours.
func TestMailsWithoutLinkOrBrand(t *testing.T) {
	t.Parallel()
	said := notify.Texted{Rendered: notify.Rendered{Title: "验证码", Body: "482913"}, Language: "zh-CN"}
	text, err := said.Mail(notify.Look{AccentLight: "red;} body{display:none"}, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text.HTML, "<a ") || strings.Contains(text.HTML, "display:none") || !strings.Contains(text.HTML, "安心付款") ||
		!strings.Contains(text.HTML, "#0d6b58") || text.Body != "482913" {
		t.Errorf("mail %+v", text)
	}
	bad := "javascript:alert(1)"
	if text, err := said.Mail(notify.Look{}, bad, ""); err != nil || strings.Contains(text.HTML, `href="`+bad) {
		t.Errorf("a link that is none: %v %s", err, text.HTML)
	}
}
