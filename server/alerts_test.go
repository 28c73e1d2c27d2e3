package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestOperatorsHearOfACase is a case on its way into a chat group: the channel calls back
// with another amount, and the robot's service gets one message that names no order.
func TestOperatorsHearOfACase(t *testing.T) {
	t.Parallel()
	told := make(chan string, 16)
	slack := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		told <- string(body)
		_, _ = w.Write([]byte("ok"))
	}))
	t.Cleanup(slack.Close)
	dir := t.TempDir()
	p := startServer(t, dir, "SLACK_URL="+slack.URL, withConfig(t, dir, `
notifications:
  providers:
    - { name: ops, kind: robot, account: { kind: slack, url: env:SLACK_URL } }
  alerts:
    rules: [{ kinds: [case_opened], robots: [ops], language: zh-CN }]
`))
	p.register("ORDER-OF-A-PAYER")
	p.pay("ORDER-OF-A-PAYER", object{"callback": object{"wrong_amount": true}})
	select {
	case text := <-told:
		if !strings.Contains(text, "新增待人工处理事项 1 个") || !strings.Contains(text, "sandbox 金额不符") || strings.Contains(text, "ORDER-OF-A-PAYER") {
			t.Errorf("told %s", text)
		}
	case <-time.After(patience):
		t.Fatalf("nobody was told\n%s", p.logs())
	}
}
