package page

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// inboxes reads testdata/inbox: the states of the message centre.
func inboxes(t *testing.T) map[string]Inbox {
	t.Helper()
	files, err := filepath.Glob("testdata/inbox/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no inboxes: %v", err)
	}
	views := make(map[string]Inbox, len(files))
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var v Inbox
		if err := json.Unmarshal(raw, &v); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		views[strings.TrimSuffix(filepath.Base(file), ".json")] = v
	}
	return views
}

func renderInbox(t *testing.T, r *Renderer, v Inbox) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.RenderInbox(&b, v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// eachInbox renders every state in every language.
func eachInbox(t *testing.T, check func(t *testing.T, v Inbox, html string)) {
	t.Helper()
	r := setup(t)
	for name, v := range inboxes(t) {
		for _, lang := range languages() {
			v.Lang = lang
			t.Run(name+"/"+lang, func(t *testing.T) {
				t.Parallel()
				check(t, v, renderInbox(t, r, v))
			})
		}
	}
}

// TestInboxesMatchTheirGoldenFiles is one half of the proof that server and script draw
// the same; the other half is inbox.test.ts.
func TestInboxesMatchTheirGoldenFiles(t *testing.T) {
	t.Parallel()
	r := setup(t)
	for name, v := range inboxes(t) {
		v.Lang = "en"
		_, html, _ := strings.Cut(renderInbox(t, r, v), "</header>\n")
		html, _, _ = strings.Cut(html, "\n</body>")
		drawn, state, _ := strings.Cut(html, "<script")
		// What turns the direction of writing would turn that of a diff, too.
		got := []byte(strings.NewReplacer("\u202e", "&#x202e;", "\u2067", "&#x2067;", "\u200f", "&#x200f;").Replace(drawn) +
			"<script" + strings.NewReplacer("\u202e", `\u202e`, "\u2067", `\u2067`, "\u200f", `\u200f`).Replace(state))
		file := filepath.Join("testdata", "inbox", name+".html")
		if *update {
			if err := os.WriteFile(file, got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs from what is rendered; look at it with -update and git diff", file)
		}
	}
}

func TestEveryMessageStandsInTheHTML(t *testing.T) {
	t.Parallel()
	eachInbox(t, func(t *testing.T, v Inbox, html string) {
		t.Helper()
		list, _, _ := strings.Cut(html, "<template")
		text := visible(list)
		for _, it := range v.Items {
			for _, want := range append(strings.Split(it.Body, "\n"), it.Title, it.OrderNo) {
				if !strings.Contains(text, want) {
					t.Errorf("the page does not say %q", want)
				}
			}
			if n := strings.Count(list, `name="n" value="`+strconv.FormatInt(it.N, 10)+`"`); n != 1 {
				t.Errorf("message %d has %d forms", it.N, n)
			}
		}
		if fresh := slices.ContainsFunc(v.Items, func(it InboxItem) bool { return it.ReadAt == 0 }); fresh != strings.Contains(list, `message fresh"`) {
			t.Errorf("unread messages are marked: %v", !fresh)
		}
		if empty := len(v.Items) == 0; empty != strings.Contains(html, `<section id="empty" class="card hero">`) {
			t.Errorf("%d messages, called empty: %v", len(v.Items), !empty)
		}
		if counted := strings.Contains(html, "<title>("); counted != (v.Unread > 0) {
			t.Errorf("%d unread, the title counts: %v", v.Unread, counted)
		}
		if refreshes := strings.Contains(html, `<noscript><meta http-equiv="refresh" content="30"></noscript>`); !refreshes {
			t.Error("without script the page never looks again")
		}
	})
}

func TestMessageCentreObeysBudgetAndPolicy(t *testing.T) {
	t.Parallel()
	r := renderer(t, Options{Merchants: map[string]Brand{"shop": {Name: "Shop <1>", Logo: pixel, AccentLight: "#7a1f5c", AccentDark: "#f2a6d8"}}})
	csp, _ := r.Policy("shop", false)
	for name, v := range inboxes(t) {
		v.Merchant = "shop"
		html := renderInbox(t, r, v)
		if n := zipped(t, html); n > htmlBudget {
			t.Errorf("%s: %d bytes gzipped, the budget is %d", name, n, htmlBudget)
		}
		if !strings.Contains(html, "--accent:#7a1f5c") || !strings.Contains(html, "· Shop &lt;1&gt;</title>") {
			t.Errorf("%s does not wear its merchant's brand", name)
		}
		if onHandler.MatchString(html) || styleAttr.MatchString(html) {
			t.Errorf("%s: the policy forbids an attribute of the page", name)
		}
		obeysStyles(t, html, csp)
		if !strings.Contains(html, `<meta name="referrer" content="no-referrer">`) {
			t.Errorf("%s: a link would tell the token in its referrer", name)
		}
		rest := strings.ReplaceAll(html, stateOf(t, html), "")
		for _, token := range []string{v.Token, v.ViewToken} {
			rest = strings.ReplaceAll(rest, `<input type="hidden" name="k" value="`+token+`">`, "")
			if token != "" && strings.Contains(rest, token) {
				t.Errorf("%s: a token is elsewhere in the page, perhaps in an address", name)
			}
		}
	}
}

func TestHostileMessageStaysText(t *testing.T) {
	t.Parallel()
	v := inboxes(t)["hostile"]
	html := renderInbox(t, setup(t), v)
	if strings.Contains(html, "<script>alert") || strings.Contains(html, "</script><script") || strings.Contains(html, "<img") || onHandler.MatchString(html) {
		t.Error("markup of the message reached the page")
	}
	if n := strings.Count(html, "</script>"); n != 3 {
		t.Errorf("%d script elements end in the page instead of 3", n)
	}
	if !strings.Contains(html, `<h2 dir="auto" lang="en">&lt;/script&gt;`) || !strings.Contains(html, `<p class="body" dir="auto"`) {
		t.Error("the message is not isolated in its own direction")
	}
	var b inboxBoot
	if err := json.Unmarshal([]byte(stateOf(t, html)), &b); err != nil {
		t.Fatal(err)
	}
	if b.Items[0] != v.Items[0] {
		t.Errorf("the script reads the message as %+v", b.Items[0])
	}
}

func TestScriptsAreGivenTheirOwnTexts(t *testing.T) {
	t.Parallel()
	c := setup(t).catalogs.match("en")
	for key := range c.texts {
		topic, _, _ := strings.Cut(key, ".")
		written := slices.Contains([]string{"expired", "lookup", "optin"}, topic) // by the server alone
		if own := topic == "inbox"; (own || written) == (c.page[key] != "") || (own && c.inbox[key] == "") {
			t.Errorf("%s is with the wrong script", key)
		}
	}
	for _, key := range []string{"date", "months"} {
		if c.page[key] == "" || c.inbox[key] == "" {
			t.Errorf("%s is missing", key)
		}
	}
}

func TestPseudoLanguagesOfTheMessageCentre(t *testing.T) {
	t.Parallel()
	for tag, r := range pseudoRenderers(t) {
		for name, v := range inboxes(t) {
			html := renderInbox(t, r, v)
			if !strings.Contains(html, `lang="`+tag+`" dir="`+r.catalogs.list[0].texts["dir"]+`"`) || !strings.Contains(visible(html), r.catalogs.list[0].text("inbox.headline", nil)) {
				t.Errorf("%s in %s is not in its language", name, tag)
			}
		}
	}
}

func TestBrokenWriterOfAnInboxIsReported(t *testing.T) {
	t.Parallel()
	if err := setup(t).RenderInbox(brokenWriter{}, Inbox{}); !errors.Is(err, errBroken) {
		t.Errorf("RenderInbox: %v", err)
	}
}
