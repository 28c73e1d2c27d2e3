package notify_test

import (
	"strings"
	"testing"
	"time"

	"anxin/engine/notify"
	"anxin/engine/order"
)

var languages = []string{"en", "zh-CN"}

func catalogue(t *testing.T, own ...notify.Template) *notify.Catalogue {
	t.Helper()
	c, err := notify.NewCatalogue(own)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func frame(lang string) notify.Frame {
	return notify.Frame{Brand: "Tea", Support: "https://help.example/{order_no}", Zone: time.UTC, Language: lang, Delayed: time.Minute, Now: start.Add(2 * time.Minute)}
}

// Every notice has its text in both languages, and no text of one language has a template
// that the other lacks.
func TestTheBuiltInTextsAreComplete(t *testing.T) {
	t.Parallel()
	have := map[string]map[string]bool{}
	for _, tpl := range catalogue(t).Templates() {
		if have[tpl.Name] == nil {
			have[tpl.Name] = map[string]bool{}
		}
		have[tpl.Name][tpl.Language] = true
		if tpl.Short == "" {
			t.Errorf("%s/%s has no short text", tpl.Name, tpl.Language)
		}
	}
	for _, name := range []string{"delayed", "prolonged", "prolonged_located", "succeeded", "failed", "closed", "refunding", "refunded", "code", "test"} {
		for _, lang := range languages {
			if !have[name][lang] {
				t.Errorf("%s/%s is missing", name, lang)
			}
		}
	}
}

// What may be said depends on what is true.
func TestWordingFollowsTheOrder(t *testing.T) {
	t.Parallel()
	slow := waiting(t, 5*time.Minute)
	silent := slow.Answered(order.Answer{Outcome: order.QueryProcessing}, start.Add(10*time.Minute), start.Add(5*time.Minute)).Order
	sick := slow.Answered(order.Answer{Outcome: order.QueryUnreachable, Code: "timeout"}, start.Add(10*time.Minute), start.Add(5*time.Minute)).Order
	failed := ends(slow, order.ClaimsFailed, start.Add(6*time.Minute))
	late := ends(failed, order.ClaimsSucceeded, start.Add(9*time.Minute))
	back := ends(slow, order.ClaimsRefunded, start.Add(9*time.Minute))
	toldFailed := []notify.Record{record(notify.NoticeFailed, notify.SMS, notify.StatusAccepted)}
	for name, c := range map[string]struct {
		order     order.Order
		records   []notify.Record
		says, not []string // in English
	}{
		"silent":      {silent, nil, []string{"takes longer", "don't pay again", "¥88.00", "https://help.example/A1", "money is safe"}, []string{"found", "is confirmed"}},
		"located":     {sick, nil, []string{"found what delays", "don't pay again"}, []string{"is confirmed"}},
		"failed":      {failed, nil, []string{"not charged", "safe to pay again", "Sorry"}, []string{"don't pay again"}},
		"late":        {late, toldFailed, []string{"is confirmed", "replaces what we told you"}, []string{"not charged"}},
		"success":     {ends(slow, order.ClaimsSucceeded, start.Add(6*time.Minute)), nil, []string{"is confirmed", "thank you"}, []string{"replaces"}},
		"quick":       {ends(waiting(t, time.Second), order.ClaimsSucceeded, start.Add(9*time.Second)), nil, []string{"is confirmed"}, []string{"Sorry"}},
		"refunded":    {back, nil, []string{"¥88.00", "was returned"}, []string{"confirmed"}},
		"not managed": {waiting(t, time.Minute, func(r *order.Registration) { r.Mode = order.Pushed }), nil, []string{"being confirmed"}, []string{"money is safe"}},
	} {
		f := frame("en")
		f.Records, f.Now = c.records, start.Add(9*time.Minute)
		text, err := catalogue(t).Render(notify.Current(c.order), notify.Email, c.order, f)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range c.says {
			if !strings.Contains(text.Body, want) {
				t.Errorf("%s does not say %q: %s", name, want, text.Body)
			}
		}
		for _, never := range c.not {
			if strings.Contains(text.Title+text.Body+text.Short, never) {
				t.Errorf("%s says %q: %s", name, never, text.Body)
			}
		}
	}
}

func TestTheLanguageIsThePayers(t *testing.T) {
	t.Parallel()
	c := catalogue(t, notify.Template{Name: "delayed", Language: "fr", Version: 1, Title: "Un instant", Body: "Commande {{.OrderNo}}"})
	for locale, want := range map[string]string{
		"zh": "zh-CN", "zh-Hans-u-rg-cnzzzz": "zh-CN", "zh-TW": "zh-CN", "en-GB": "en", "fr-CA": "fr", "": "en", "tlh": "en", "not a tag": "en",
	} {
		if got := c.Language(locale); got != want {
			t.Errorf("%q: %s, want %s", locale, got, want)
		}
	}
	for notice, want := range map[notify.Notice]string{notify.NoticeDelayed: "Un instant", notify.NoticeFailed: "You were not charged"} {
		o := waiting(t, time.Minute)
		if notice == notify.NoticeFailed {
			o = ends(o, order.ClaimsFailed, start.Add(2*time.Minute))
		}
		if text, err := c.Render(notice, notify.SMS, o, frame("fr")); err != nil || text.Title != want {
			t.Errorf("%s in French: %q, %v", notice, text.Title, err)
		}
	}
}

func TestTheNarrowestTemplateOfTheHighestVersionHolds(t *testing.T) {
	t.Parallel()
	own := func(title string, version int, ch notify.Channel, brand string) notify.Template {
		return notify.Template{Name: "delayed", Language: "en", Version: version, Channel: ch, Brand: brand, Title: title, Body: "{{.OrderNo}}"}
	}
	c := catalogue(t, own("old", 2, "", ""), own("new", 3, "", ""), own("of mail", 1, notify.Email, ""), own("of the brand", 1, "", "Tea"), own("of both", 1, notify.Push, "Tea"))
	for _, w := range []struct {
		channel     notify.Channel
		brand, want string
	}{{notify.SMS, "", "new"}, {notify.Email, "", "of mail"}, {notify.Email, "Tea", "of the brand"}, {notify.Push, "Tea", "of both"}} {
		f := frame("en")
		f.Brand = w.brand
		if text, err := c.Render(notify.NoticeDelayed, w.channel, waiting(t, time.Minute), f); err != nil || text.Title != w.want {
			t.Errorf("%s of %q: %q, %v", w.channel, w.brand, text.Title, err)
		}
	}
}

func TestTemplatesThatCannotBeAreNamed(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*notify.Template){
		"delayed/en: body uses {{.RefundAmount}}": func(t *notify.Template) { t.Body += "{{.RefundAmount}}" },
		"delayed/en: body uses {{.Phone}}":        func(t *notify.Template) { t.Body += "{{.Phone}}" },
		"delayed/en: {{.OrderNo}} is missing":     func(t *notify.Template) { t.Body = "text" },
		"delayed/en: title: only {{.Variable}}":   func(t *notify.Template) { t.Title = `{{printf "%s" .OrderNo}}` },
		"delayed/en: body: only":                  func(t *notify.Template) { t.Body += `{{range .OrderNo}}{{end}}` },
		"delayed/en: short: only":                 func(t *notify.Template) { t.Short = `{{define "x"}}{{end}}` },
		"delayed/en: body: :1":                    func(t *notify.Template) { t.Body = "{{.OrderNo" },
		"delayed/en: title and body must":         func(t *notify.Template) { t.Title = " " },
		`paid/en: there is no notice "paid"`:      func(t *notify.Template) { t.Name = "paid" },
		`there is no channel "fax"`:               func(t *notify.Template) { t.Channel = "fax" },
		"version must be":                         func(t *notify.Template) { t.Version = 0 },
		"the SMS has 8 parts":                     func(t *notify.Template) { t.Short = strings.Repeat("字", 500) },
		"body must have at most":                  func(t *notify.Template) { t.Body += strings.Repeat("x", 9000) },
		"body says that the cause was found":      func(t *notify.Template) { t.Body += " We found the cause." },
		"short says that the cause was found":     func(t *notify.Template) { t.Short = "原因已找到" },
		"language must be a tag":                  func(t *notify.Template) { t.Language = "?" },
		"providers.one: id must": func(t *notify.Template) {
			t.Providers = map[string]notify.ProviderTemplate{"one": {Approval: "approved"}}
		},
		"providers.one: approval must": func(t *notify.Template) { t.Providers = map[string]notify.ProviderTemplate{"one": {ID: "1"}} },
		"providers.one uses Code, which is not told": func(t *notify.Template) {
			t.Providers = map[string]notify.ProviderTemplate{"one": {ID: "1", Approval: "pending", Params: []notify.ProviderParam{{Name: "c", Var: "Code"}}}}
		},
	} {
		tpl := notify.Template{Name: "delayed", Language: "en", Version: 2, Title: "t", Body: "{{.OrderNo}}"}
		change(&tpl)
		if _, err := notify.NewCatalogue([]notify.Template{tpl}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestApprovedProviderTemplatesAreFilled(t *testing.T) {
	t.Parallel()
	c := catalogue(t, notify.Template{Name: "delayed", Language: "en", Version: 2, Title: "t", Body: "{{.OrderNo}}", Providers: map[string]notify.ProviderTemplate{
		"one": {ID: "SMS_1", Approval: notify.ApprovalApproved, Params: []notify.ProviderParam{{Name: "amount", Var: "Amount"}, {Name: "no", Var: "OrderNo"}}},
		"two": {ID: "SMS_2", Approval: notify.ApprovalPending},
	}})
	text, err := c.Render(notify.NoticeDelayed, notify.SMS, waiting(t, time.Minute), frame("en"))
	if err != nil {
		t.Fatal(err)
	}
	one := text.Providers["one"]
	if one.ID != "SMS_1" || len(one.Params) != 2 || one.Params[0] != (notify.Param{Name: "amount", Value: "¥88.00"}) || one.Params[1].Value != "A1" {
		t.Errorf("filled %+v", one)
	}
	if _, ok := text.Providers["two"]; ok {
		t.Error("a template is sent that nobody approved")
	}
}

func TestSegments(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text     string
		encoding string
		units    int
		segments int
	}{
		{"", "GSM-7", 0, 1},
		{strings.Repeat("a", 160), "GSM-7", 160, 1},
		{strings.Repeat("a", 161), "GSM-7", 161, 2},
		{strings.Repeat("a", 306), "GSM-7", 306, 2},
		{strings.Repeat("a", 307), "GSM-7", 307, 3},
		{strings.Repeat("€", 80), "GSM-7", 160, 1},
		{strings.Repeat("€", 81), "GSM-7", 162, 2},
		{strings.Repeat("字", 70), "UCS-2", 70, 1},
		{strings.Repeat("字", 71), "UCS-2", 71, 2},
		{strings.Repeat("字", 134), "UCS-2", 134, 2},
		{strings.Repeat("字", 135), "UCS-2", 135, 3},
		{"¥88.00", "GSM-7", 6, 1},
		{"🙂", "UCS-2", 2, 1},
	} {
		if got := notify.SizeOf(c.text); got != (notify.Size{Encoding: c.encoding, Units: c.units, Segments: c.segments}) {
			t.Errorf("%.10q: %+v", c.text, got)
		}
	}
}

// FuzzTemplate loads what people write: it is refused with its name, or renders.
func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{"{{.OrderNo}}", "{{if .Safe}}{{.OrderNo}}{{else}}x{{end}}", "{{with .OrderNo}}{{.}}{{end}}", "{{.OrderNo}}{{template \"x\"}}", "{{", "{{.OrderNo.X}}", "{{not .Safe}}{{.OrderNo}}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := notify.NewCatalogue([]notify.Template{{Name: "delayed", Language: "en", Version: 2, Title: "t", Body: text}})
		if err != nil {
			if !strings.HasPrefix(err.Error(), "template delayed/en: ") {
				t.Fatalf("error %v", err)
			}
			return
		}
		if _, err := c.Render(notify.NoticeDelayed, notify.Email, waiting(t, time.Minute), frame("en")); err != nil {
			t.Fatalf("a template that was taken does not render: %v", err)
		}
	})
}
