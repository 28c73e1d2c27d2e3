package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const channelsYAML = `
channels:
  pay-main:
    provider: someprovider
    qps: 7
    account:
      merchant: "1900000001"
      key: env:PAY_KEY
      private_key: file:keys/private.pem
      secrets: [env:PAY_KEY, env:PAY_KEY_OLD]
      certificate: |
        -----BEGIN CERTIFICATE-----
        inline
      gateway: http://127.0.0.1:9/pay/
      test: true
`

// accountFile writes a configuration with its key file and returns its path.
func accountFile(t *testing.T, content string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"anxin.yaml": content, "keys/private.pem": "marked-file\n", "keys/empty": "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "anxin.yaml")
}

func TestAnAccountIsReadFromItsPlaces(t *testing.T) {
	t.Parallel()
	c := load(t, production(t).with("ANXIN_CONFIG", accountFile(t, channelsYAML)).with("PAY_KEY", "marked-env ").with("PAY_KEY_OLD", "marked-old"))
	ch := c.Channels["pay-main"]
	if ch.Provider != "someprovider" || ch.Settings.QPS != 7 {
		t.Errorf("channel %+v", ch)
	}
	r := ch.Account.Reader(ReadCredential)
	got := []any{
		r.Text("merchant"), r.Secret("key"), r.Secret("private_key"), r.Secrets("secrets"), r.Text("certificate"), r.URL("gateway", "https://pay.example"),
		r.Flag("test"), r.Flag("other"), r.TextOr("missing", "default"), r.Has("merchant"), r.Has("missing"), r.Texts("missing"),
	}
	want := []any{
		"1900000001", "marked-env", "marked-file",
		[]string{"marked-env", "marked-old"},
		"-----BEGIN CERTIFICATE-----\ninline\n", "http://127.0.0.1:9/pay",
		true, false, "default", true, false, []string(nil),
	}
	if err := r.Err(); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read %q, %v\nwant %q", got, err, want)
	}
	if text := fmt.Sprintf("%v %+v %#v", c, ch.Account, ch.Account); strings.Contains(text, "marked-") {
		t.Error("a configuration shows its secrets when it is printed")
	}
}

func TestWhatIsWrongWithAnAccountNamesTheSetting(t *testing.T) {
	t.Parallel()
	c := load(t, production(t).with("ANXIN_CONFIG", accountFile(t, `
channels:
  pay:
    provider: someprovider
    account:
      inline_secret: marked-inline
      no_file: file:keys/absent.pem
      empty_file: file:keys/empty
      empty: ""
      gateway: http://pay.example
      flag: maybe
      many: [a, b]
      misspelt: x
`)))
	r := c.Channels["pay"].Account.Reader(ReadCredential)
	r.Text("missing")
	r.Secret("inline_secret")
	r.Secret("no_file")
	r.Secret("empty_file")
	r.Text("empty")
	r.URL("gateway", "")
	r.Flag("flag")
	r.Text("many")
	refused, ok := errors.AsType[*Error](r.Err())
	if !ok {
		t.Fatalf("error %v", r.Err())
	}
	all := strings.Join(refused.Problems, "\n")
	for _, want := range []string{
		"channels.pay.account.missing must be set", "channels.pay.account.inline_secret must be env:NAME or file:PATH", "channels.pay.account.no_file cannot be read",
		"channels.pay.account.empty_file names an empty file", "channels.pay.account.empty must not be empty", "channels.pay.account.gateway must be an https address",
		"channels.pay.account.flag must be true or false", "channels.pay.account.many must be one value", "channels.pay.account.misspelt is not a key of this provider",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("nothing says %q:\n%s", want, all)
		}
	}
	if len(refused.Problems) != 9 || strings.Contains(all, "marked-") {
		t.Errorf("%d problems:\n%s", len(refused.Problems), all)
	}
}

func TestChannelsThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"channels: {pay: {qps: 1}}":                                           "channels.pay.provider must be set",
		"channels: {sandbox: {provider: wechatpay}}":                          "channels.sandbox is the simulated channel",
		"channels: {sandbox: {account: {a: b}}}":                              "channels.sandbox is the simulated channel",
		"channels: {pay: {provider: x, account: {key: 'env:PAY_ABSENT'}}}":    "channels.pay.account.key needs the variable PAY_ABSENT",
		"channels: {pay: {provider: x, account: {key: 'env:marked secret'}}}": "channels.pay.account.key must name a variable",
		"channels: {pay: {provider: x, account: {key: 'file:'}}}":             "channels.pay.account.key must name a file",
		"channels: {pay: {provider: x, account: {key: {marked: secret}}}}":    "channels.pay.account.key must be a value or a list of values",
		"channels: {pay: {provider: x, account: {key: [[marked]]}}}":          "channels.pay.account.key must be a value or a list of values",
		"channels: {pay: {provider: x, account: {Key: marked}}}":              `channels.pay.account "Key" is not a key`,
		"channels: {pay: {provider: x, accounts: {key: marked}}}":             `unknown key "accounts"`,
		"channels: {'pay main': {provider: x}}":                               `"pay main" is not a name`,
	} {
		_, err := Load(production(t).with("ANXIN_CONFIG", accountFile(t, content)).get)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", content, err, want)
		} else if strings.Contains(err.Error(), "marked") {
			t.Errorf("%s: the value is told: %v", content, err)
		}
	}
}

func TestACredentialFileIsBounded(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "huge")
	if err := os.WriteFile(path, make([]byte, maxCredential+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadCredential(path); !errors.Is(err, errCredentialSize) {
		t.Errorf("error %v", err)
	}
	if _, err := ReadCredential(path + ".absent"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}
