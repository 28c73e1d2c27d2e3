package config

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"anxin/engine/order"
	"anxin/hub"
)

// maxFile bounds the configuration file; a real one has a few kilobytes.
const maxFile = 1 << 20

// file is the YAML form. docs/anxin.example.yaml explains each key.
type file struct {
	Brand    brandFile            `yaml:"brand"`
	Brands   map[string]brandFile `yaml:"brands"`
	Backends map[string]struct {
		Webhook struct {
			URL          string   `yaml:"url"`
			Secrets      []string `yaml:"secrets"`
			AllowPrivate bool     `yaml:"allow_private"`
		} `yaml:"webhook"`
	} `yaml:"backends"`
	Channels map[string]channelFile `yaml:"channels"`
	Stages   struct {
		Delayed   duration `yaml:"delayed"`
		Prolonged duration `yaml:"prolonged"`
	} `yaml:"stages"`
	LateSuccess struct {
		Default  string            `yaml:"default"`
		Channels map[string]string `yaml:"channels"`
	} `yaml:"late_success"`
	CheckGap       duration `yaml:"check_gap"`
	WeighAtOnce    *int     `yaml:"weigh_at_once"`
	WeighWithin    duration `yaml:"weigh_within"`
	Duplicates     duration `yaml:"duplicate_window"`
	AllowedOrigins []string `yaml:"allowed_origins"`
	TokenLifetimes struct {
		View  duration `yaml:"view"`
		Inbox duration `yaml:"inbox"`
	} `yaml:"token_lifetimes"`
	DrainWindow duration `yaml:"drain_window"`
	Behaviour   string   `yaml:"behaviour"`
	InboxLink   string   `yaml:"inbox_link"`
	Live        struct {
		Connections int `yaml:"max_connections"`
		PerAddress  int `yaml:"max_per_address"`
		PerToken    int `yaml:"max_per_token"`
		LongPolls   int `yaml:"max_long_polls"`
		Topics      int `yaml:"max_topics"`
		FrameRate   int `yaml:"frame_rate"`
	} `yaml:"live"`
	Notifications notificationsFile `yaml:"notifications"`
}

// duration reads "90s", "5m", "720h".
type duration time.Duration

var errDuration = errors.New("must be a duration such as 90s, 5m or 720h")

// UnmarshalYAML implements yaml.Unmarshaler.
func (d *duration) UnmarshalYAML(node *yaml.Node) error {
	parsed, err := time.ParseDuration(node.Value)
	if err != nil || parsed <= 0 {
		return &yaml.TypeError{Errors: []string{"line " + strconv.Itoa(node.Line) + ": " + errDuration.Error()}}
	}
	*d = duration(parsed)
	return nil
}

func readFile(path string, p *problems) file {
	var f file
	if path == "" {
		return f
	}
	content, err := readLimited(path)
	if err != nil {
		p.add("ANXIN_CONFIG", "cannot be read: %v", err)
		return f
	}
	dec := yaml.NewDecoder(bytes.NewReader(content))
	dec.KnownFields(true)
	if err := dec.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		addYAML(p, err)
	} else if err == nil && !errors.Is(dec.Decode(new(yaml.Node)), io.EOF) {
		p.add("ANXIN_CONFIG", "must hold one YAML document")
	}
	return f
}

var errFileSize = errors.New("it is larger than 1 MiB")

func readLimited(path string) ([]byte, error) {
	r, err := os.Open(path) // #nosec G304 -- the operator names the file
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // only read
	content, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err == nil && len(content) > maxFile {
		err = errFileSize
	}
	return content, err
}

var (
	unknownKey  = regexp.MustCompile(`^line (\d+): field (\S+) not found in type`)
	repeatedKey = regexp.MustCompile(`^line (\d+): mapping key "([^"]*)" already defined`)
	anyLine     = regexp.MustCompile(`line (\d+):`)
)

// addYAML names line and key. The parser's own words for a wrong type repeat the value,
// which may be a secret in the wrong place, so they are replaced.
func addYAML(p *problems, err error) {
	var typed *yaml.TypeError
	if !errors.As(err, &typed) {
		line := "the file"
		if m := anyLine.FindStringSubmatch(err.Error()); m != nil {
			line = "line " + m[1]
		}
		p.add("ANXIN_CONFIG", "%s is not valid YAML", line)
		return
	}
	for _, text := range typed.Errors {
		if m := unknownKey.FindStringSubmatch(text); m != nil {
			p.add("ANXIN_CONFIG", "line %s: unknown key %q", m[1], m[2])
		} else if m := repeatedKey.FindStringSubmatch(text); m != nil {
			p.add("ANXIN_CONFIG", "line %s: key %q is there twice", m[1], m[2])
		} else if strings.HasSuffix(text, errDuration.Error()) {
			p.add("ANXIN_CONFIG", "%s", text)
		} else if m := anyLine.FindStringSubmatch(text); m != nil {
			p.add("ANXIN_CONFIG", "line %s: the value has a wrong type", m[1])
		} else {
			p.add("ANXIN_CONFIG", "a value has a wrong type")
		}
	}
}

// apply checks the file and puts it over the defaults.
func (f file) apply(l *loader) Config {
	p := l.problems
	c := Config{
		Backends: make(map[string]Backend, len(f.Backends)+1),
		Channels: make(map[string]Channel, len(f.Channels)),
		Stages: order.StageLimits{
			Delayed:   time.Duration(cmp.Or(f.Stages.Delayed, duration(order.DefaultStageLimits.Delayed))),
			Prolonged: time.Duration(cmp.Or(f.Stages.Prolonged, duration(order.DefaultStageLimits.Prolonged))),
		},
		CheckGap:        time.Duration(cmp.Or(f.CheckGap, duration(defaultCheckGap))),
		WeighAtOnce:     defaultWeighAtOnce,
		WeighWithin:     time.Duration(cmp.Or(f.WeighWithin, duration(defaultWeighWithin))),
		DuplicateWindow: time.Duration(cmp.Or(f.Duplicates, duration(defaultDuplicateWindow))),
		Origins:         f.AllowedOrigins,
		Tokens: Lifetimes{
			View:  time.Duration(cmp.Or(f.TokenLifetimes.View, duration(defaultViewLife))),
			Inbox: time.Duration(cmp.Or(f.TokenLifetimes.Inbox, duration(defaultInboxLife))),
		},
		Drain: time.Duration(cmp.Or(f.DrainWindow, duration(defaultDrain))),
		Live: hub.Limits{
			MaxConnections: f.Live.Connections, MaxPerIP: f.Live.PerAddress, MaxPerToken: f.Live.PerToken,
			MaxWaits: f.Live.LongPolls, MaxTopics: f.Live.Topics, FrameRate: f.Live.FrameRate,
		},
		Behaviour: p.isOn("behaviour", f.Behaviour, true),
	}
	f.applyBrands(&c, p)
	if f.WeighAtOnce != nil {
		c.WeighAtOnce = *f.WeighAtOnce
	}
	f.applyBackends(&c, p)
	f.applyLateSuccess(&c, p)
	f.applyChannels(&c, l)
	c.checkFigures(p)
	return c
}

func (f file) applyBackends(c *Config, p *problems) {
	for name, b := range f.Backends {
		setting := "backends." + name
		if !backendName.MatchString(name) {
			p.add("backends", "%q is not a name of letters, digits, _ and -", name)
		}
		if u, err := url.Parse(b.Webhook.URL); err != nil || !webURL(u) {
			p.add(setting+".webhook.url", "must be an http(s) address")
		}
		if len(b.Webhook.Secrets) == 0 {
			p.add(setting+".webhook.secrets", "must have at least one entry")
		}
		backend := Backend{WebhookURL: b.Webhook.URL, AllowPrivate: b.Webhook.AllowPrivate}
		for i, s := range b.Webhook.Secrets {
			if !validWebhookSecret(s) {
				p.add(setting+".webhook.secrets", "entry %d must be whsec_ followed by 24 to 64 base64-encoded bytes, or whsk_ followed by a base64-encoded Ed25519 key pair", i+1)
			}
			backend.Secrets = append(backend.Secrets, NewSecret(s))
		}
		c.Backends[name] = backend
	}
}

func (f file) applyLateSuccess(c *Config, p *problems) {
	read := func(setting, text string) order.LatePolicy {
		policy := order.LatePolicy(text)
		if policy.Validate() != nil {
			p.add(setting, "must be accept, refund or ask")
		}
		return policy
	}
	c.LateSuccess.Default = read("late_success.default", f.LateSuccess.Default)
	c.LateSuccess.Channels = make(map[string]order.LatePolicy, len(f.LateSuccess.Channels))
	for name, text := range f.LateSuccess.Channels {
		c.LateSuccess.Channels[name] = read("late_success.channels."+name, text)
	}
}

func (c Config) checkFigures(p *problems) {
	if c.WeighAtOnce < 0 || c.WeighAtOnce > maxWeighAtOnce {
		p.add("weigh_at_once", "must be 0 to %d", maxWeighAtOnce)
	}
	if c.WeighWithin < minWeighWithin || c.WeighWithin > maxWeighWithin {
		p.add("weigh_within", "must be %v to %v", minWeighWithin, maxWeighWithin)
	}
	if c.Stages.Prolonged <= c.Stages.Delayed || c.Stages.Prolonged > maxStage {
		p.add("stages.prolonged", "must be longer than stages.delayed and at most %v", maxStage)
	}
	for setting, life := range map[string]time.Duration{"token_lifetimes.view": c.Tokens.View, "token_lifetimes.inbox": c.Tokens.Inbox} {
		if life < minLife || life > maxLife {
			p.add(setting, "must be %v to %v", minLife, maxLife)
		}
	}
	if c.CheckGap > maxCheckGap {
		p.add("check_gap", "must be at most %v", maxCheckGap)
	}
	if c.DuplicateWindow > maxWindow {
		p.add("duplicate_window", "must be at most %v", maxWindow)
	}
	l := c.Live
	if min(l.MaxConnections, l.MaxPerIP, l.MaxPerToken, l.MaxWaits, l.MaxTopics, l.FrameRate) < 0 {
		p.add("live", "no limit may be negative")
	}
	if c.Drain > maxDrain {
		p.add("drain_window", "must be at most %v", maxDrain)
	}
}
