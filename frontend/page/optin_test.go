package page

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"anxin/engine/order"
)

// optIns are the forms of the opt-in page that there are.
func optIns(t *testing.T) map[string]OptIn {
	t.Helper()
	all := states(t)
	fresh, told := OptIn{View: all["confirming_slow"]}, OptIn{View: all["review"]}
	wrong := fresh
	wrong.Entered, wrong.Problem = "<b>12\u202e", OptInPhone
	return map[string]OptIn{"optin": fresh, "optin_told": told, "optin_wrong": wrong, "optin_by_push": {View: all["received_slow"]}}
}

func optInPage(t *testing.T, o OptIn) string {
	t.Helper()
	var b bytes.Buffer
	if err := setup(t).RenderOptIn(&b, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestOptInOffersWhatTheServerOffersAndTakesBackWhatWasAsked(t *testing.T) {
	t.Parallel()
	for _, lang := range languages() {
		c := setup(t).catalogs.match(lang)
		all := optIns(t)
		for name, o := range all {
			o.Lang, o.AskedLang = lang, lang
			all[name] = o
		}
		fresh, told, wrong := optInPage(t, all["optin"]), optInPage(t, all["optin_told"]), optInPage(t, all["optin_wrong"])
		for _, want := range []string{`name="phone"`, `name="email"`, `data-worker="/pay/worker.js"`, `name="wording" value="` + lang + `/optin.lead@`, `action="/pay/A1001/optin?lang=` + lang + `"`} {
			if !strings.Contains(fresh, want) {
				t.Errorf("%s: the page lacks %s", lang, want)
			}
		}
		if !strings.Contains(visible(fresh), c.text("optin.lead", nil)) || strings.Contains(fresh, "optout") {
			t.Errorf("%s: nobody says what it is for, or something is to be taken back", lang)
		}
		if strings.Contains(told, `name="phone"`) || strings.Count(told, `/optout?lang=`) != 2 || !strings.Contains(visible(told), "+86138****8000") {
			t.Errorf("%s: what was asked is offered again, or cannot be taken back", lang)
		}
		if !strings.Contains(visible(wrong), c.text("optin.bad_phone", nil)) || strings.Contains(wrong, "<b>12") || !strings.Contains(wrong, `aria-invalid="true"`) {
			t.Errorf("%s: what is wrong is not said", lang)
		}
	}
	if err := setup(t).RenderOptIn(brokenWriter{}, optIns(t)["optin"]); !errors.Is(err, errBroken) {
		t.Errorf("RenderOptIn: %v", err)
	}
}

// In a frame no browser asks for permission.
func TestEmbeddedPagesOfferNoMessagesOfTheBrowser(t *testing.T) {
	t.Parallel()
	o := optIns(t)["optin"]
	o.Embedded = true
	if html := optInPage(t, o); strings.Contains(html, "data-worker") || !strings.Contains(html, `name="phone"`) {
		t.Error("the embedded page offers what its browser will not do, or nothing else")
	}
	v := states(t)["confirming_running"]
	for embedded, want := range map[bool]reach{false: reachPush, true: reachNone} {
		if got := v.Tell.reach(embedded); got != want {
			t.Errorf("embedded %v: %d", embedded, got)
		}
	}
}

func TestItIsOfferedWhereThePayerMayWantToLeave(t *testing.T) {
	t.Parallel()
	r := setup(t)
	offered := 0
	for name, v := range states(t) {
		v.Tell = Tell{Ways: []Way{BySMS}}
		s := r.situation(v).screen()
		p := v.Progress
		if s.Tell && (p.Status.Final() || (p.Status == order.StatusAwaiting && p.Review == nil)) {
			t.Errorf("%s offers to tell", name)
		}
		if s.Tell {
			offered++
		}
		if slices.Contains([]string{"confirming_slow", "confirming_next", "review", "received_slow"}, name) && !s.Tell {
			t.Errorf("%s does not offer to tell", name)
		}
		if v.Tell = (Tell{}); r.situation(v).screen().Tell {
			t.Errorf("%s offers what there is not", name)
		}
	}
	if offered == 0 {
		t.Error("it is offered nowhere")
	}
	if first := r.situation(states(t)["confirming_first"]).screen(); first.Tell {
		t.Error("it is offered before anything was checked")
	}
}
