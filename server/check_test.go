package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"

	"anxin/engine/channel/standardhook/standardhooktest"
	"anxin/server/config"
)

// checkChannels runs `server channels check` over a configuration file.
func checkChannels(t *testing.T, content string, files map[string]string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "anxin.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"ANXIN_CONFIG": path, "ANXIN_DATA_DIR": dir, "HOOK_SECRET": standardhooktest.Secret}
	var out strings.Builder
	err := run(t.Context(), []string{"channels", "check"}, func(name string) string { return env[name] }, &out)
	return out.String(), err
}

func TestChannelsCheckTellsWhatItFinds(t *testing.T) {
	t.Parallel()
	out, err := checkChannels(t, `
channels:
  sandbox: {qps: 20}
  aggregator:
    provider: standardhook
    account:
      merchant: acct-1
      callback_secrets: [env:HOOK_SECRET]
      callback_public_keys: `+standardhooktest.PublicKey()+`
      query_url: https://pay.example/query
      question_keys: file:question.key
`, map[string]string{"question.key": standardhooktest.QuestionOf + "\n"})
	if err != nil {
		t.Errorf("good credentials: %v", err)
	}
	want := `aggregator (standardhook)
  ok     callback key 1: shared secret, signature v1
  ok     callback key 2: Ed25519, signature v1a, public key ` + standardhooktest.PublicKey() + `
  ok     question key 1: shared secret, signature v1
`
	if out != want {
		t.Errorf("printed\n%swant\n%s", out, want)
	}
}

func TestChannelsCheckFailsWhereAChannelCannotWork(t *testing.T) {
	t.Parallel()
	out, err := checkChannels(t, `
channels:
  good:
    provider: standardhook
    account: {callback_secrets: env:HOOK_SECRET}
  nokey:
    provider: standardhook
    account: {merchant: acct-1}
  unsigned:
    provider: standardhook
    account: {callback_secrets: env:HOOK_SECRET, query_url: https://pay.example/query}
  inline:
    provider: standardhook
    account: {callback_secrets: whsec_bWFya2VkLXNlY3JldA==, typo: x}
  nobody:
    provider: paybypigeon
`, nil)
	if !errors.Is(err, errFindings) {
		t.Errorf("error %v", err)
	}
	for _, want := range []string{
		"good (standardhook)\n  ok ",
		"nokey (standardhook)\n  error  account: channels.nokey.account: callback keys must be",
		"unsigned (standardhook)\n  error  account: channels.unsigned.account: question keys must be",
		"  error  account: channels.inline.account.callback_secrets must be env:NAME or file:PATH",
		"  error  account: channels.inline.account.typo is not a key of this provider",
		"nobody (paybypigeon)\n  error  account: channels.nobody.provider must be one of ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("nothing says %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "bWFya2Vk") {
		t.Error("a secret is printed")
	}
}

func TestAServerWithAChannelThatCannotWorkDoesNotStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "anxin.yaml")
	content := "channels: {pay: {provider: standardhook, account: {merchant: a}}, other: {provider: x}}"
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"ANXIN_CONFIG": path, "ANXIN_DATA_DIR": dir}
	cfg, err := config.Load(func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(new(strings.Builder))
	_, err = build(t.Context(), cfg, log)
	if err == nil || !strings.Contains(err.Error(), "channels.pay.account") || !strings.Contains(err.Error(), "channels.other.provider") {
		t.Errorf("error %v", err)
	}
}
