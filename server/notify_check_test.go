package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// `server notify check` asks each provider of the configuration, and fails when one cannot work.
func TestNotifyCheckTellsWhatItFinds(t *testing.T) {
	t.Parallel()
	number := "+15005550006"
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "IncomingPhoneNumbers") {
			_, _ = w.Write([]byte(`{"incoming_phone_numbers":[{"phone_number":"` + number + `"}]}`))
			return
		}
		_, _ = w.Write([]byte(`{"status":"active"}`))
	}))
	defer service.Close()
	dir := t.TempDir()
	check := func(kind, from string) (string, error) {
		setting := withConfig(t, dir, `
notifications:
  providers:
    - name: main
      kind: `+kind+`
      account:
        account_sid: AC0123456789abcdef0123456789abcdef
        auth_token: env:TWILIO_TOKEN
        from: "`+from+`"
        base_url: `+service.URL+`
    - name: ops
      kind: robot
      account: {kind: slack, url: env:SLACK_URL}
`)
		_, path, _ := strings.Cut(setting, "=")
		env := map[string]string{
			"ANXIN_CONFIG": path, "ANXIN_DATA_DIR": dir, "TWILIO_TOKEN": strings.Repeat("a", 32), "SLACK_URL": "https://hooks.example/secret-part",
		}
		var out strings.Builder
		err := run(t.Context(), []string{"notify", "check"}, func(name string) string { return env[name] }, &out)
		if strings.Contains(out.String(), "secret-part") || strings.Contains(out.String(), "aaaaaaaa") {
			t.Errorf("a secret is printed:\n%s", out.String())
		}
		return out.String(), err
	}
	out, err := check("twilio", number)
	if want := "main (twilio)\n  ok  credentials\n  ok  sender\nops (robot)\n  unknown  credentials  not_asked\n"; err != nil || out != want {
		t.Errorf("%v, printed\n%s", err, out)
	}
	out, err = check("twilio", "+15005550007")
	if !errors.Is(err, errProviderFindings) || !strings.Contains(out, "failed  sender  bad_sender") {
		t.Errorf("%v, printed\n%s", err, out)
	}
	out, err = check("telegraph", number)
	if !errors.Is(err, errProviderFindings) || !strings.Contains(out, "kind must be one of aliyun") {
		t.Errorf("%v, printed\n%s", err, out)
	}
}
