package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"go.yaml.in/yaml/v3"

	"anxin/engine"
)

const (
	goodKey    = "0123456789abcdef01234567"
	goodSecret = "0123456789abcdef0123456789abcdef"
	goodHook   = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
)

type env map[string]string

func (e env) get(name string) string { return e[name] }

// production is an environment in which a public server starts.
func production(t *testing.T) env {
	t.Helper()
	return env{
		"ANXIN_LISTEN": "0.0.0.0:8080", "ANXIN_PUBLIC_URL": "https://pay.example", "ANXIN_DATA_DIR": t.TempDir(),
		"ANXIN_API_KEYS": "shop:" + goodKey, "ANXIN_TOKEN_SECRET": goodSecret, "ANXIN_CONTACT_SECRET": goodSecret,
	}
}

func (e env) with(pairs ...string) env {
	for i := 0; i < len(pairs); i += 2 {
		e[pairs[i]] = pairs[i+1]
	}
	return e
}

func (e env) file(t *testing.T, content string) env {
	t.Helper()
	path := filepath.Join(t.TempDir(), "anxin.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return e.with("ANXIN_CONFIG", path)
}

func load(t *testing.T, e env) Config {
	t.Helper()
	c, err := Load(e.get)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDevelopmentNeedsNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	c := load(t, env{"ANXIN_DATA_DIR": dir})
	if !c.Development || !c.Sandbox.On || c.Listen != "127.0.0.1:8080" || c.PublicURL != "http://127.0.0.1:8080" {
		t.Errorf("config %+v", c)
	}
	if len(c.APIKeys) != 1 || c.APIKeys[0].Name != "dev" || c.APIKeys[0].Key.Reveal() != "dev" || c.Sandbox.APIKey.Reveal() != "dev" {
		t.Error("the api key is not dev")
	}
	shop := c.Backends["dev"]
	if shop.WebhookURL != "http://127.0.0.1:8080/sandbox/backend/webhook" || !shop.AllowPrivate || shop.Secrets[0] != c.Sandbox.WebhookSecret {
		t.Errorf("backend %+v", shop)
	}
	if c.DatabaseURL.Reveal() != "sqlite:"+filepath.Join(dir, "anxin.db") {
		t.Errorf("database %q", c.DatabaseURL.Reveal())
	}
	info, err := os.Stat(filepath.Join(dir, "secrets.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("secrets.json: %v %v", info.Mode(), err)
	}
	if folder, err := os.Stat(dir); err != nil || folder.Mode().Perm() != 0o700 {
		t.Errorf("data folder: %v %v", folder.Mode(), err)
	}
}

func TestGeneratedSecretsAreKeptAndDiffer(t *testing.T) {
	t.Parallel()
	e := env{"ANXIN_DATA_DIR": t.TempDir()}
	first, second := load(t, e), load(t, e)
	if first.TokenSecrets[0] != second.TokenSecrets[0] || first.Sandbox != second.Sandbox {
		t.Error("a restart made new secrets")
	}
	other := load(t, env{"ANXIN_DATA_DIR": t.TempDir()})
	if first.TokenSecrets[0] == other.TokenSecrets[0] || first.Sandbox.ChannelSecret == other.Sandbox.ChannelSecret {
		t.Error("two installations have the same secrets")
	}
	if len(first.TokenSecrets[0].Reveal()) < minTokenKey || !validWebhookSecret(first.Sandbox.WebhookSecret.Reveal()) {
		t.Error("a generated secret is too short")
	}
}

func TestADamagedSecretsFileStopsTheStartWithoutBeingQuoted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secrets.json"), []byte("marked-secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(env{"ANXIN_DATA_DIR": dir}.get)
	if err == nil || !strings.Contains(err.Error(), "secrets.json") || strings.Contains(err.Error(), "marked") {
		t.Errorf("error %v", err)
	}
}

func TestAPublicServerIsConfiguredByItsEnvironment(t *testing.T) {
	t.Parallel()
	e := production(t).with("ANXIN_TOKEN_SECRET", "new-"+goodSecret+", old-"+goodSecret, "ANXIN_TRUSTED_PROXIES", "10.0.0.0/8, ::1",
		"ANXIN_ALLOWED_ORIGINS", "https://a.example,https://b.example:8443", "ANXIN_LOG_FORMAT", "json", "ANXIN_LOG_LEVEL", "debug",
		"ANXIN_API_KEYS", "shop:"+goodKey+",shop:next-"+goodKey)
	c := load(t, e)
	if c.Development || c.Sandbox.On || len(c.APIKeys) != 2 || len(c.TokenSecrets) != 2 || len(c.Origins) != 2 || len(c.TrustedProxies) != 2 {
		t.Errorf("config %+v", c)
	}
	if c.TokenSecrets[0].Reveal() != "new-"+goodSecret || !c.Log.JSON || c.Log.Level.String() != "debug" {
		t.Errorf("config %+v", c)
	}
	if _, err := os.Stat(filepath.Join(e["ANXIN_DATA_DIR"], "secrets.json")); !errors.Is(err, os.ErrNotExist) {
		t.Error("it generated secrets that nobody needs")
	}
}

func TestASandboxOnAPublicServerHasAKeyOfItsOwn(t *testing.T) {
	t.Parallel()
	c := load(t, production(t).with("ANXIN_SANDBOX", "on"))
	if !c.Sandbox.On || c.Sandbox.Backend != "sandbox" || len(c.Sandbox.APIKey.Reveal()) < minAPIKey || len(c.APIKeys) != 2 {
		t.Errorf("sandbox of %q with %d keys", c.Sandbox.Backend, len(c.APIKeys))
	}
	if c.Backends["sandbox"].WebhookURL != "https://pay.example/sandbox/backend/webhook" {
		t.Errorf("backend %+v", c.Backends["sandbox"])
	}
}

func TestAProxyInFrontOfALoopbackListenerIsNoDevelopment(t *testing.T) {
	t.Parallel()
	_, err := Load(env{"ANXIN_PUBLIC_URL": "https://pay.example", "ANXIN_DATA_DIR": t.TempDir()}.get)
	if err == nil || !strings.Contains(err.Error(), "ANXIN_API_KEYS") || !strings.Contains(err.Error(), "ANXIN_TOKEN_SECRET") {
		t.Errorf("error %v", err)
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		env  env
		want string
	}{
		{"no port", production(t).with("ANXIN_LISTEN", "0.0.0.0"), "ANXIN_LISTEN must be host:port"},
		{"no public URL", production(t).with("ANXIN_PUBLIC_URL", ""), "ANXIN_PUBLIC_URL must be set"},
		{"public URL with a path", production(t).with("ANXIN_PUBLIC_URL", "https://a.example/pay"), "ANXIN_PUBLIC_URL must be http(s)://host"},
		{"public URL of another kind", production(t).with("ANXIN_PUBLIC_URL", "ftp://a.example"), "ANXIN_PUBLIC_URL must be http(s)://host"},
		{"no keys", production(t).with("ANXIN_API_KEYS", ""), "ANXIN_API_KEYS must be set"},
		{"short key", production(t).with("ANXIN_API_KEYS", "shop:marked"), "ANXIN_API_KEYS entry 1: the key must have at least 24"},
		{"key of development", production(t).with("ANXIN_API_KEYS", "dev:dev"), "ANXIN_API_KEYS entry 1: the key must have at least 24"},
		{"key without name", production(t).with("ANXIN_API_KEYS", goodKey), "ANXIN_API_KEYS entry 1 must be name:key"},
		{"bad name", production(t).with("ANXIN_API_KEYS", "my shop:"+goodKey), "ANXIN_API_KEYS entry 1 must be name:key"},
		{"same key twice", production(t).with("ANXIN_API_KEYS", "a:"+goodKey+",b:"+goodKey), "ANXIN_API_KEYS entry 2: the key is there already"},
		{"key with a space", production(t).with("ANXIN_API_KEYS", "a:marked key 0123456789abcdef"), "ANXIN_API_KEYS entry 1: the key must be visible ASCII"},
		{"name of the sandbox", production(t).with("ANXIN_API_KEYS", "sandbox:"+goodKey, "ANXIN_SANDBOX", "on"), "taken by the sandbox"},
		{"no token secret", production(t).with("ANXIN_TOKEN_SECRET", ""), "ANXIN_TOKEN_SECRET must be set"},
		{"no contact secret", production(t).with("ANXIN_CONTACT_SECRET", ""), "ANXIN_CONTACT_SECRET must be set"},
		{"short contact secret", production(t).with("ANXIN_CONTACT_SECRET", "marked"), "ANXIN_CONTACT_SECRET entry 1 must have at least 32 bytes"},
		{"short token secret", production(t).with("ANXIN_TOKEN_SECRET", goodSecret+",marked"), "ANXIN_TOKEN_SECRET entry 2 must have at least 32 bytes"},
		{"odd gateway", production(t).with("ANXIN_SANDBOX_GATEWAY", "localhost:1"), "ANXIN_SANDBOX_GATEWAY must be an http(s) address"},
		{"odd sandbox", production(t).with("ANXIN_SANDBOX", "yes"), "ANXIN_SANDBOX must be on or off"},
		{"odd database", production(t).with("ANXIN_DATABASE_URL", "mysql://marked"), "ANXIN_DATABASE_URL must begin with"},
		{"odd bus", production(t).with("ANXIN_REDIS_URL", "http://marked"), "ANXIN_REDIS_URL must begin with"},
		{"odd origin", production(t).with("ANXIN_ALLOWED_ORIGINS", "https://a.example/"), "ANXIN_ALLOWED_ORIGINS"},
		{"origin in upper case", production(t).with("ANXIN_ALLOWED_ORIGINS", "https://A.example"), "ANXIN_ALLOWED_ORIGINS"},
		{"odd proxy", production(t).with("ANXIN_TRUSTED_PROXIES", "nginx"), `ANXIN_TRUSTED_PROXIES "nginx" is neither`},
		{"odd format", production(t).with("ANXIN_LOG_FORMAT", "xml"), "ANXIN_LOG_FORMAT must be text or json"},
		{"odd level", production(t).with("ANXIN_LOG_LEVEL", "loud"), "ANXIN_LOG_LEVEL must be"},
		{"no such file", production(t).with("ANXIN_CONFIG", "/nowhere/anxin.yaml"), "ANXIN_CONFIG cannot be read"},
		{"unknown key", production(t).file(t, "brand:\n  colour: red\n"), `ANXIN_CONFIG line 2: unknown key "colour"`},
		{"key twice", production(t).file(t, "check_gap: 1s\ncheck_gap: 2s\n"), `ANXIN_CONFIG line 2: key "check_gap" is there twice`},
		{"no YAML", production(t).file(t, "brand: [\n"), "is not valid YAML"},
		{"two documents", production(t).file(t, "check_gap: 1s\n---\ncheck_gap: 2s\n"), "one YAML document"},
		{"wrong type", production(t).file(t, "backends:\n  shop: marked-secret-in-the-wrong-place\n"), "ANXIN_CONFIG line 2: the value has a wrong type"},
		{"odd duration", production(t).file(t, "check_gap: 5\n"), "ANXIN_CONFIG line 1: must be a duration"},
		{"odd policy", production(t).file(t, "late_success: {default: maybe}\n"), "late_success.default must be accept, refund or ask"},
		{"odd policy of a channel", production(t).file(t, "late_success: {channels: {pay: keep}}\n"), "late_success.channels.pay must be accept"},
		{"stages out of order", production(t).file(t, "stages: {delayed: 5m, prolonged: 1m}\n"), "stages.prolonged must be longer"},
		{"endless links", production(t).file(t, "token_lifetimes: {view: 9000h}\n"), "token_lifetimes.view must be"},
		{"behaviour", production(t).file(t, "behaviour: maybe\n"), "behaviour must be on or off"},
		{"inbox link", production(t).file(t, "inbox_link: maybe\n"), "inbox_link must be on or off"},
		{"long drain", production(t).file(t, "drain_window: 1m\n"), "drain_window must be at most"},
		{"long window", production(t).file(t, "duplicate_window: 9999h\n"), "duplicate_window must be at most"},
		{"negative weighing", production(t).file(t, "weigh_at_once: -1\n"), "weigh_at_once must be 0 to"},
		{"no patience", production(t).file(t, "weigh_within: 1us\n"), "weigh_within must be 1ms to 10s"},
		{"long gap", production(t).file(t, "check_gap: 1h\n"), "check_gap must be at most"},
		{"script as support", production(t).file(t, "brand: {support_url: 'javascript:alert(1)'}\n"), "brand.support_url must be"},
		{"backend without key", production(t).file(t, "backends: {bank: {webhook: {url: 'https://b.example', secrets: ["+goodHook+"]}}}\n"), "backends.bank has no api key"},
		{"backend without address", production(t).file(t, "backends: {shop: {webhook: {secrets: ["+goodHook+"]}}}\n"), "backends.shop.webhook.url must be"},
		{"backend without secret", production(t).file(t, "backends: {shop: {webhook: {url: 'https://b.example'}}}\n"), "backends.shop.webhook.secrets must have"},
		{"unordered schedule", production(t).file(t, "channels: {sandbox: {schedule: [5s, 3s]}}\n"), "channels.sandbox.schedule entry 2 must be"},
		{"negative budget", production(t).file(t, "channels: {sandbox: {qps: -1}}\n"), "channels.sandbox.qps must be"},
		{"late without typical", production(t).file(t, "channels: {sandbox: {late: 1m}}\n"), "channels.sandbox.late must be"},
		{"late too early", production(t).file(t, "channels: {sandbox: {late: 1m, typical: 2m}}\n"), "channels.sandbox.late must be"},
		{"endless cooldown", production(t).file(t, "channels: {sandbox: {breaker: {cooldown: 1h}}}\n"), "channels.sandbox.breaker.cooldown must be"},
		{"negative failures", production(t).file(t, "channels: {sandbox: {breaker: {failures: -1}}}\n"), "channels.sandbox.breaker.failures must be"},
		{"odd channel", production(t).file(t, "channels: {'a b': {provider: x, qps: 1}}\n"), "channels \"a b\" is not a name"},
		{"bad webhook secret", production(t).file(t, "backends: {shop: {webhook: {url: 'https://b.example', secrets: [marked]}}}\n"), "backends.shop.webhook.secrets entry 1 must be whsec_"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := Load(c.env.get)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
			if refused, ok := errors.AsType[*Error](err); !ok || len(refused.Problems) != 1 {
				t.Errorf("problems %q", err)
			}
			if strings.Contains(err.Error(), "marked") {
				t.Errorf("the error repeats a value: %v", err)
			}
		})
	}
}

func TestAllProblemsAreToldAtOnce(t *testing.T) {
	t.Parallel()
	_, err := Load(env{"ANXIN_LISTEN": "0.0.0.0:80", "ANXIN_LOG_LEVEL": "loud", "ANXIN_SANDBOX": "maybe"}.get)
	refused, ok := errors.AsType[*Error](err)
	if !ok || len(refused.Problems) != 6 {
		t.Errorf("problems %v", err)
	}
}

func TestTheExampleFileIsValidAndNamesEveryKey(t *testing.T) {
	t.Parallel()
	const path = "../../docs/anxin.example.yaml"
	c := load(t, production(t).with("ANXIN_CONFIG", path))
	if c.Brand.Name != "Example Shop" || len(c.Backends["shop"].Secrets) != 1 || c.Stages.Prolonged != 5*time.Minute {
		t.Errorf("config %+v", c)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var example, all map[string]any
	if err := yaml.Unmarshal(content, &example); err != nil {
		t.Fatal(err)
	}
	empty, err := yaml.Marshal(file{})
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(empty, &all); err != nil {
		t.Fatal(err)
	}
	for key := range all {
		if _, ok := example[key]; !ok {
			t.Errorf("the example lacks %s", key)
		}
	}
	source, err := os.ReadFile("load.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(source), `"ANXIN_`)[1:] {
		name, _, _ := strings.Cut(part, `"`)
		if !strings.Contains(string(content), "#   ANXIN_"+name+" ") {
			t.Errorf("the example does not explain ANXIN_%s", name)
		}
	}
}

func TestDefaultsOfTheFileAreTheExamples(t *testing.T) {
	t.Parallel()
	c := load(t, production(t))
	example := load(t, production(t).with("ANXIN_CONFIG", "../../docs/anxin.example.yaml"))
	if c.Stages != example.Stages || c.CheckGap != example.CheckGap || c.WeighAtOnce != example.WeighAtOnce || c.WeighWithin != example.WeighWithin || c.DuplicateWindow != example.DuplicateWindow || c.Tokens != example.Tokens || c.Drain != example.Drain {
		t.Errorf("defaults %+v, example %+v", c, example)
	}
}

func TestASecretIsNeverShown(t *testing.T) {
	t.Parallel()
	type holder struct {
		Key  Secret
		Keys []Secret
	}
	s := NewSecret("marked")
	h := holder{s, []Secret{s}}
	asJSON, err := json.Marshal(map[string]any{"h": h, "m": map[Secret]int{s: 1}})
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	var line strings.Builder
	log := logrus.New()
	log.SetOutput(&line)
	log.WithField("key", s).WithField("all", h).Info("x")
	for _, text := range []string{
		fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q %x %d", s, s, s, s, s, s, s), fmt.Sprintf("%v %+v %#v", h, h, h),
		fmt.Sprintf("%v", &h), string(asJSON), string(asYAML), line.String(),
	} {
		if strings.Contains(text, "marked") || !strings.Contains(text, redacted) {
			t.Errorf("shown as %s", text)
		}
	}
	if s.Reveal() != "marked" {
		t.Error("Reveal does not")
	}
}

func TestChannelsAreSetByTheFile(t *testing.T) {
	t.Parallel()
	c := load(t, production(t).with("ANXIN_CONFIG", "../../docs/anxin.example.yaml"))
	got := c.Channels["sandbox"].Settings
	if len(got.Schedule) != 14 || got.Schedule[0] != 3*time.Second || got.QPS != 20 || got.Typical != 10*time.Second ||
		got.Late != time.Minute || got.Breaker != (engine.BreakerLimits{Failures: 5, Cooldown: 30 * time.Second}) {
		t.Errorf("channel %+v", got)
	}
}

// Who shares the link to a page would share more than that page.
func TestPagesLeadToMessagesOnlyWhereThatIsSaid(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]bool{"": false, "inbox_link: on\n": true, "inbox_link: off\n": false} {
		if c := load(t, production(t).file(t, content)); c.InboxLink != want {
			t.Errorf("%q gives %v", content, c.InboxLink)
		}
	}
	if c := load(t, env{"ANXIN_DATA_DIR": t.TempDir()}); !c.InboxLink {
		t.Error("in development pages do not lead to messages")
	}
}

func TestBehaviourIsReportedUnlessItIsSwitchedOff(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]bool{"": true, "behaviour: on\n": true, "behaviour: off\n": false} {
		if c := load(t, production(t).file(t, content)); c.Behaviour != want {
			t.Errorf("%q gives %v", content, c.Behaviour)
		}
	}
}
