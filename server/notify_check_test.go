package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"anxin/engine"
	"anxin/engine/notify"
	"anxin/engine/store"
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

// The check knows the ids of edited texts too, while the server that they were edited on
// holds the database, and says where each came from. Without a database the file is all.
func TestNotifyCheckKnowsEditedTemplates(t *testing.T) {
	t.Parallel()
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("X-Acs-Action"), "Sign") {
			_, _ = w.Write([]byte(`{"Code":"OK","SignStatus":1}`))
			return
		}
		status := "1"
		if r.URL.Query().Get("TemplateCode") == "SMS_2" {
			status = "0" // waits for its approval
		}
		_, _ = w.Write([]byte(`{"Code":"OK","TemplateStatus":"` + status + `"}`))
	}))
	defer service.Close()
	dir := t.TempDir()
	_, path, _ := strings.Cut(withConfig(t, dir, `
notifications:
  providers:
    - name: main
      kind: aliyun
      account: {access_key_id: LTAI0123456789, access_key_secret: env:ALIYUN, sign_name: tea, receipt_secret: env:ALIYUN, base_url: `+service.URL+`}
  templates:
    - name: succeeded
      language: en
      channel: sms
      version: 2
      title: Paid
      body: "{{.OrderNo}} is paid"
      providers: {main: {id: SMS_1, approval: approved, params: [{name: no, var: OrderNo}]}}
`), "=")
	env := map[string]string{"ANXIN_CONFIG": path, "ANXIN_DATA_DIR": dir, "ALIYUN": strings.Repeat("a", 32)}
	check := func() (string, error) {
		var out strings.Builder
		err := run(t.Context(), []string{"notify", "check"}, func(name string) string { return env[name] }, &out)
		return out.String(), err
	}
	fromFile := "main (aliyun)\n  ok  credentials\n  ok  sign\n  ok  template SMS_1  of the file\n"
	if out, err := check(); err != nil || out != fromFile {
		t.Errorf("without a database: %v, printed\n%s", err, out)
	}
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(dir, "anxin.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	edited := notify.Template{
		Name: "delayed", Language: "en", Channel: notify.SMS, Version: 2, Title: "News", Body: "{{.OrderNo}} is being confirmed",
		Providers: map[string]notify.ProviderTemplate{"main": {ID: "SMS_2", Approval: notify.ApprovalApproved}},
	}
	err = db.Commit(t.Context(), engine.Commit{Messages: &engine.MessageWrites{Template: &engine.TemplateWrite{
		StoredTemplate: engine.StoredTemplate{Template: edited, Actor: "wang", State: notify.ApprovalApproved}, Use: true,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := check()
	if !errors.Is(err, errProviderFindings) || !strings.Contains(out, "ok      template SMS_1  of the file\n") ||
		!strings.Contains(out, "failed  template SMS_2  template_not_approved  edited\n") {
		t.Errorf("%v, printed\n%s", err, out)
	}
}
