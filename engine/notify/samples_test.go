package notify_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"anxin/engine/notify"
	"anxin/engine/order"
)

// Each sample is what its name says, and every notice and diagnosis that payers meet has one.
func TestSamplesAreWhatTheyAreCalled(t *testing.T) {
	t.Parallel()
	var names []string
	for _, s := range notify.Samples(start, order.DefaultStageLimits) {
		names = append(names, s.Name)
		notice, situation, _ := strings.Cut(s.Name, "/")
		if got := s.Notice(); string(got) != notice && situation != "disputed" {
			t.Errorf("%s tells %q", s.Name, got)
		}
		if order.ValidOrderNo(s.Order.OrderNo) {
			t.Errorf("%s has a number that an order may have: a link to it would open one", s.Name)
		}
		switch notice {
		case "delayed", "prolonged":
			if got := s.Order.Diagnosis(); string(got) != situation {
				t.Errorf("%s is diagnosed as %s", s.Name, got)
			}
		}
	}
	slices.Sort(names)
	if twice := slices.Compact(slices.Clone(names)); len(twice) != len(names) {
		t.Errorf("names %v", names)
	}
	for _, d := range []order.Diagnosis{
		order.DiagnosisPayerUnpaid, order.DiagnosisCallbackMissing, order.DiagnosisChannelSilent, order.DiagnosisChannelUnreachable,
		order.DiagnosisCallbackRejected, order.DiagnosisProcessingFailed, order.DiagnosisConflict, order.DiagnosisHealthy,
	} {
		for _, stage := range []string{"delayed/", "prolonged/"} {
			if !slices.Contains(names, stage+string(d)) {
				t.Errorf("there is no sample %s%s", stage, d)
			}
		}
	}
}

func TestVariablesAreTyped(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*notify.Template){
		"body prints {{.Safe}}, which is a yes or no": func(t *notify.Template) { t.Body += "{{.Safe}}" },
		"body: only {{.Variable}}":                    func(t *notify.Template) { t.Body += "{{and .Safe .OrderNo}}" },
		"{{.OrderNo}} is missing":                     func(t *notify.Template) { t.Body = "{{if .OrderNo}}yours{{end}}" },
		"{{.OrderNo}} is missing ":                    func(t *notify.Template) { t.Short = "short" },
		"{{.OrderNo}} is missing  ":                   func(t *notify.Template) { t.Body = "{{if .By}}{{.OrderNo}}{{else}}soon{{end}}" },
		"providers.one uses Safe, which is a yes or no": func(t *notify.Template) {
			t.Providers = map[string]notify.ProviderTemplate{"one": {ID: "1", Approval: "pending", Params: []notify.ProviderParam{{Name: "s", Var: "Safe"}}}}
		},
	} {
		tpl := notify.Template{Name: "delayed", Language: "en", Version: 2, Title: "t", Body: "{{.OrderNo}}"}
		change(&tpl)
		if _, err := notify.NewCatalogue([]notify.Template{tpl}); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(want)) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	for _, v := range notify.Variables() {
		if v.Kind == "" {
			t.Errorf("%s of %s has no type", v.Name, v.Notice)
		}
		if v.Name == "RefundAmount" && !v.Required {
			t.Errorf("%s does not require %s", v.Notice, v.Name)
		}
	}
}

// What people wrote while the server ran takes the place of what the file says, whatever
// its version, and nothing else changes.
func TestWrittenTemplatesAreOverTheFilesOwn(t *testing.T) {
	t.Parallel()
	own := notify.Template{Name: "delayed", Language: "en", Version: 9, Title: "of the file", Body: "{{.OrderNo}}"}
	base := catalogue(t, own)
	written := own
	written.Version, written.Title = 3, "written"
	over, err := base.With([]notify.Template{written, {Name: "failed", Language: "fr", Version: 2, Title: "Rien", Body: "{{.OrderNo}}"}})
	if err != nil {
		t.Fatal(err)
	}
	o := waiting(t, time.Minute)
	for c, want := range map[*notify.Catalogue]string{base: "of the file", over: "written"} {
		text, err := c.Render(notify.NoticeDelayed, notify.Push, o, frame("en"))
		if err != nil || text.Title != want {
			t.Errorf("%q, %v; want %q", text.Title, err, want)
		}
	}
	if got := over.Language("fr"); got != "fr" || base.Language("fr") != "en" {
		t.Errorf("French is %s", got)
	}
	for _, tpl := range over.Templates() {
		if (tpl.Origin == notify.OriginWritten) != (tpl.Title == "written" || tpl.Title == "Rien") {
			t.Errorf("%s is of %s", tpl.Title, tpl.Origin)
		}
	}
	written.Version = 9
	if _, err := base.With([]notify.Template{written}); err == nil || !strings.Contains(err.Error(), "delayed/en: version 9") {
		t.Errorf("two texts of one version: %v", err)
	}
}
