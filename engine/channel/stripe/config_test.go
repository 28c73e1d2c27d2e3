package stripe

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"anxin/engine/channel"
	"anxin/engine/channel/stripe/stripetest"
)

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]struct {
		change  func(*Config)
		setting string
	}{
		"no key":             {func(c *Config) { c.APIKey = "" }, "api_key"},
		"publishable key":    {func(c *Config) { c.APIKey = "pk_test_MarkedKey5e1f" }, "api_key"},
		"a word":             {func(c *Config) { c.APIKey = "MarkedKey" }, "api_key"},
		"key with a line":    {func(c *Config) { c.APIKey = stripetest.APIKey + "\nX: y" }, "api_key"},
		"no secret":          {func(c *Config) { c.EndpointSecrets = nil }, "endpoint_secrets"},
		"an empty secret":    {func(c *Config) { c.EndpointSecrets = []string{""} }, "endpoint_secrets"},
		"a key as secret":    {func(c *Config) { c.EndpointSecrets = []string{stripetest.APIKey} }, "endpoint_secrets"},
		"a secret twice":     {func(c *Config) { c.EndpointSecrets = []string{stripetest.Secret, stripetest.Secret} }, "endpoint_secrets"},
		"a customer":         {func(c *Config) { c.Account = "cus_MarkedKey" }, "connected_account"},
		"API without TLS":    {func(c *Config) { c.APIURL = "http://api.example" }, "api_url"},
		"API with a path":    {func(c *Config) { c.APIURL = "https://api.example/v1" }, "api_url"},
		"API with a user":    {func(c *Config) { c.APIURL = "https://MarkedKey@api.example" }, "api_url"},
		"API at no address":  {func(c *Config) { c.APIURL = "://" }, "api_url"},
		"all as it must be":  {func(*Config) {}, ""},
		"a secret key":       {func(c *Config) { c.APIKey = "sk_live_MarkedKey5e1f" }, ""},
		"API of its own":     {func(c *Config) { c.APIURL = "https://api.example" }, ""},
		"API on the machine": {func(c *Config) { c.APIURL = "http://localhost:12111/" }, ""},
	} {
		cfg := config("", "")
		test.change(&cfg)
		_, err := New(cfg)
		wrong, ok := errors.AsType[*ConfigError](err)
		if (err != nil) != (test.setting != "") || err != nil && (!ok || wrong.Setting != test.setting || wrong.Unwrap() == nil) {
			t.Errorf("%s: %v", what, err)
		}
		if err != nil && strings.Contains(err.Error(), "Marked") {
			t.Errorf("%s: the error tells the value: %v", what, err)
		}
	}
}

func TestInspectWarnsOfSecretKeys(t *testing.T) {
	t.Parallel()
	cfg := config("", stripetest.Account)
	cfg.APIKey = "sk_live_MarkedKey5e1f"
	found := open(t, cfg).Inspect(time.Now())
	if len(found) != 3 || found[0].Level != channel.LevelWarn || found[2].Text != stripetest.Account {
		t.Errorf("found %+v", found)
	}
}

func TestClientOfTheCallerIsLeftAsItIs(t *testing.T) {
	t.Parallel()
	cfg := config("", "")
	cfg.Client = &http.Client{}
	if _, err := New(cfg); err != nil || cfg.Client.Transport != nil || cfg.Client.CheckRedirect != nil {
		t.Errorf("the caller's client is changed: %+v, %v", cfg.Client, err)
	}
}
