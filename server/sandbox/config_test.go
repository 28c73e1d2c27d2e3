package sandbox

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"anxin/engine/webhook"
)

func TestNewRefusesConfigurations(t *testing.T) {
	t.Parallel()
	good := Config{
		DataDir: t.TempDir(), BaseURL: "http://127.0.0.1:8080/", Name: "sandbox", Merchant: "m",
		Secret: "s", APIKey: "dev", WebhookSecret: testWebhook,
	}
	for name, test := range map[string]struct {
		change func(*Config)
		want   error
	}{
		"no folder":      {func(c *Config) { c.DataDir = "" }, ErrConfigMissing},
		"no name":        {func(c *Config) { c.Name = "" }, ErrConfigMissing},
		"no merchant":    {func(c *Config) { c.Merchant = "" }, ErrConfigMissing},
		"no secret":      {func(c *Config) { c.Secret = "" }, ErrConfigMissing},
		"no key":         {func(c *Config) { c.APIKey = "" }, ErrConfigMissing},
		"no base URL":    {func(c *Config) { c.BaseURL = "" }, ErrConfigBaseURL},
		"relative URL":   {func(c *Config) { c.BaseURL = "/sandbox" }, ErrConfigBaseURL},
		"broken URL":     {func(c *Config) { c.BaseURL = "http://[" }, ErrConfigBaseURL},
		"webhook secret": {func(c *Config) { c.WebhookSecret = "secret" }, webhook.ErrSecret},
	} {
		cfg := good
		test.change(&cfg)
		if _, err := New(cfg); !errors.Is(err, test.want) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	good.DataDir = filepath.Join(good.DataDir, "missing")
	if s, err := New(good); err == nil {
		t.Errorf("a folder that is missing was accepted: %v", s.Close())
	}
}

func TestFolderMayHaveAnyName(t *testing.T) {
	t.Parallel()
	for _, odd := range []string{"a b", "100%25", "x?y=1&z#"} {
		dir := filepath.Join(t.TempDir(), odd)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		s, err := openStore(dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, fileName)); err != nil {
			t.Errorf("the database is not in its folder: %v", err)
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
	}
}
