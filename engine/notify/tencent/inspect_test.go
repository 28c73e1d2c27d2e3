package tencent_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"anxin/engine/notify/providertest"
)

func account(t *testing.T, answer string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, _ := io.ReadAll(r.Body)
		m := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
		stamp, _ := strconv.ParseInt(r.Header.Get("X-Tc-Timestamp"), 10, 64)
		if m == nil || m[4] != signature(providertest.Call{Request: r, Content: content}, stamp, m[2], m[3]) {
			t.Error("a call is not signed")
		}
		if r.Header.Get("X-Tc-Action") != "DescribeSmsTemplateList" || !strings.Contains(string(content), `"International":0`) || strings.Contains(string(content), `"Limit"`) != !strings.Contains(string(content), `[449739]`) {
			t.Errorf("%s %s", r.Header.Get("X-Tc-Action"), content)
		}
		_, _ = fmt.Fprint(w, answer)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestInspect(t *testing.T) {
	t.Parallel()
	const known = `{"Response":{"DescribeTemplateStatusSet":[{"TemplateId":449739,"StatusCode":%d}],"RequestId":"r"}}`
	for name, c := range map[string]struct {
		answer    string
		templates []string
		want      []string
	}{
		"in order":     {fmt.Sprintf(known, 0), []string{"449739"}, []string{"ok credentials ", "unknown sign not_asked", "ok template 449739 "}},
		"waits":        {fmt.Sprintf(known, 1), []string{"449739"}, []string{"ok credentials ", "unknown sign not_asked", "failed template 449739 template_not_approved"}},
		"none there":   {`{"Response":{"DescribeTemplateStatusSet":[],"RequestId":"r"}}`, []string{"449739"}, []string{"ok credentials ", "unknown sign not_asked", "failed template 449739 template_not_approved"}},
		"no templates": {`{"Response":{"DescribeTemplateStatusSet":[],"RequestId":"r"}}`, nil, []string{"ok credentials ", "unknown sign not_asked"}},
		"wrong key": {`{"Response":{"Error":{"Code":"AuthFailure.SignatureFailure"},"RequestId":"r"}}`, []string{"449739"}, []string{
			"failed credentials unauthorized", "unknown sign not_asked", "failed template 449739 unauthorized",
		}},
		"garbage": {`<html>`, nil, []string{"failed credentials unreadable_answer", "unknown sign not_asked"}},
	} {
		p := setup(t, config(account(t, c.answer)))
		if got := providertest.Findings(p.Inspect(t.Context(), c.templates)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		p.Close()
	}
}
