package aliyun_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"anxin/engine/notify"
	"anxin/engine/notify/providertest"
)

// account answers GetSmsSign and GetSmsTemplate as the real one does.
func account(t *testing.T, sign, template string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
		if m == nil || m[3] != signature(providertest.Call{Request: r}, m[2]) {
			t.Errorf("a call is not signed: %s", r.URL)
		}
		q := r.URL.Query()
		switch r.Header.Get("X-Acs-Action") {
		case "GetSmsSign":
			if q.Get("SignName") != "安心" {
				t.Errorf("query %v", q)
			}
			_, _ = fmt.Fprint(w, sign)
		case "GetSmsTemplate":
			_, _ = fmt.Fprintf(w, template, q.Get("TemplateCode"))
		default:
			t.Errorf("action %s", r.Header.Get("X-Acs-Action"))
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestInspect(t *testing.T) {
	t.Parallel()
	const signOK, templateOK = `{"Code":"OK","SignName":"安心","SignStatus":1}`, `{"Code":"OK","TemplateCode":%q,"TemplateStatus":"1"}`
	for name, c := range map[string]struct {
		sign, template string
		want           []string
	}{
		"in order":     {signOK, templateOK, []string{"ok credentials ", "ok sign ", "ok template SMS_1 "}},
		"sign refused": {`{"Code":"OK","SignStatus":2}`, templateOK, []string{"ok credentials ", "failed sign sign_not_approved", "ok template SMS_1 "}},
		"no such sign": {`{"Code":"isv.SMS_SIGNATURE_ILLEGAL"}`, templateOK, []string{"ok credentials ", "failed sign sign_not_approved", "ok template SMS_1 "}},
		"template waits": {signOK, `{"Code":"OK","TemplateCode":%q,"TemplateStatus":0}`, []string{
			"ok credentials ", "ok sign ", "failed template SMS_1 template_not_approved",
		}},
		"wrong key": {`{"Code":"SignatureDoesNotMatch"}`, `{"Code":"SignatureDoesNotMatch","x":%q}`, []string{
			"failed credentials unauthorized", "failed sign unauthorized", "failed template SMS_1 unauthorized",
		}},
		"garbage": {`<html>`, `%q`, []string{"failed credentials unreadable_answer", "failed sign unreadable_answer", "failed template SMS_1 unreadable_answer"}},
	} {
		p := setup(t, config(account(t, c.sign, c.template)))
		if got := providertest.Findings(p.Inspect(t.Context(), []string{"SMS_1"})); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		p.Close()
	}
	var _ notify.Inspector = setup(t, config(""))
}
