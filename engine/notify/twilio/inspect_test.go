package twilio_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"anxin/engine/notify/providertest"
)

func inspected(t *testing.T, status int, whose, numbers string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != account || password != authToken || r.Method != http.MethodGet {
			t.Error("credentials")
		}
		w.WriteHeader(status)
		switch r.URL.Path {
		case "/2010-04-01/Accounts/" + account + ".json":
			_, _ = fmt.Fprint(w, whose)
		case "/2010-04-01/Accounts/" + account + "/IncomingPhoneNumbers.json":
			if r.URL.Query().Get("PhoneNumber") != "+15005550006" {
				t.Errorf("query %s", r.URL.RawQuery)
			}
			_, _ = fmt.Fprint(w, numbers)
		default:
			t.Errorf("path %s", r.URL.Path)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestInspect(t *testing.T) {
	t.Parallel()
	const active, owned = `{"status":"active"}`, `{"incoming_phone_numbers":[{"phone_number":"+15005550006"}]}`
	for name, c := range map[string]struct {
		status         int
		whose, numbers string
		want           []string
	}{
		"in order":      {200, active, owned, []string{"ok credentials ", "ok sender "}},
		"suspended":     {200, `{"status":"suspended"}`, owned, []string{"failed credentials account_inactive", "ok sender "}},
		"not ours":      {200, active, `{"incoming_phone_numbers":[]}`, []string{"ok credentials ", "failed sender bad_sender"}},
		"wrong token":   {401, `{"code":20003}`, `{"code":20003}`, []string{"failed credentials unauthorized", "failed sender unauthorized"}},
		"not reachable": {503, `x`, `x`, []string{"failed credentials http_503", "failed sender http_503"}},
	} {
		p := setup(t, config(inspected(t, c.status, c.whose, c.numbers)))
		if got := providertest.Findings(p.Inspect(t.Context(), nil)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		p.Close()
	}
	cfg := config(inspected(t, 200, active, owned))
	cfg.From = "Shop"
	p := setup(t, cfg)
	defer p.Close()
	if got := providertest.Findings(p.Inspect(t.Context(), nil)); !slices.Equal(got, []string{"ok credentials ", "unknown sender not_asked"}) {
		t.Errorf("an alphanumeric sender: %q", got)
	}
}
