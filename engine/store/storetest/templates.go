package storetest

import (
	"errors"
	"testing"

	"anxin/engine"
	"anxin/engine/notify"
)

func version(n int) engine.StoredTemplate {
	return engine.StoredTemplate{Template: notify.Template{
		Name: "delayed", Language: "en", Version: n, Title: "t", Body: "{{.OrderNo}}", Short: "s",
		Providers: map[string]notify.ProviderTemplate{
			"one": {ID: "1", Params: []notify.ProviderParam{{Name: "o", Var: "OrderNo"}}, Approval: notify.ApprovalPending},
		},
	}, Actor: "wang", At: start, State: notify.ApprovalPending}
}

func putTemplate(t *testing.T, s engine.Store, tpl engine.StoredTemplate, use bool) error {
	t.Helper()
	return s.Commit(t.Context(), engine.Commit{Messages: &engine.MessageWrites{Template: &engine.TemplateWrite{StoredTemplate: tpl, Use: use}}})
}

func testTemplates(t *testing.T, s engine.Store) {
	t.Helper()
	mustPut := func(tpl engine.StoredTemplate, use bool) {
		t.Helper()
		if err := putTemplate(t, s, tpl, use); err != nil {
			t.Fatal(err)
		}
	}
	read := func() (used []engine.StoredTemplate, change int64) {
		t.Helper()
		used, err := s.Templates(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if change, err = s.TemplatesChange(t.Context()); err != nil {
			t.Fatal(err)
		}
		return used, change
	}
	used, change := read()
	equal(t, "nothing in force", len(used), 0)
	equal(t, "nothing changed", change, 0)

	two, three, other := version(2), version(3), version(2)
	other.Channel, other.Brand, other.Off = notify.Email, "Tea", true
	mustPut(two, false)
	mustPut(three, false)
	if used, change = read(); len(used) != 0 || change != 2 {
		t.Errorf("what nobody approved is in force: %+v at change %d", used, change)
	}
	two.N, three.N = 1, 2
	two.State, two.DecidedBy, two.DecidedAt = notify.ApprovalApproved, "li", start.Add(1)
	two.Providers = map[string]notify.ProviderTemplate{"one": {ID: "1", Params: two.Providers["one"].Params, Approval: notify.ApprovalApproved}}
	mustPut(two, true)
	two.N, two.Used = 3, 3
	three.State = notify.ApprovalApproved
	mustPut(three, true)
	mustPut(other, true)
	three.N, three.Used, other.N, other.Used = 4, 4, 5, 5
	used, _ = read()
	equal(t, "in force", used, []engine.StoredTemplate{three, other})

	mustPut(two, true) // back to the one before
	two.N, two.Used = 6, 6
	used, change = read()
	equal(t, "in force", used, []engine.StoredTemplate{two, other})
	equal(t, "change", change, 6)

	for _, c := range []struct {
		f    engine.TemplateFilter
		want []engine.StoredTemplate
	}{
		{engine.TemplateFilter{}, []engine.StoredTemplate{three, two, other}},
		{engine.TemplateFilter{Name: "delayed", Language: "en", One: true}, []engine.StoredTemplate{three, two}},
		{engine.TemplateFilter{One: true, Channel: notify.Email, Brand: "Tea"}, []engine.StoredTemplate{other}},
		{engine.TemplateFilter{State: notify.ApprovalPending}, []engine.StoredTemplate{other}},
		{engine.TemplateFilter{Name: "failed"}, nil},
		{engine.TemplateFilter{Limit: 1}, []engine.StoredTemplate{three}},
	} {
		got, err := s.TemplateVersions(t.Context(), c.f)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "versions", got, c.want)
	}
}

func testTemplateRaces(t *testing.T, s engine.Store) {
	t.Helper()
	if err := putTemplate(t, s, version(2), false); err != nil {
		t.Fatal(err)
	}
	second := version(2)
	second.Body = "another {{.OrderNo}}"
	if err := putTemplate(t, s, second, true); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("a version is written twice: %v", err)
	}
	first := version(2)
	first.N = 1
	for i, want := range []error{nil, engine.ErrConflict} {
		if err := putTemplate(t, s, first, true); !errors.Is(err, want) {
			t.Errorf("change %d of what was read once: %v", i, err)
		}
	}
	used, err := s.Templates(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "text", used[0].Body, version(2).Body)
}
