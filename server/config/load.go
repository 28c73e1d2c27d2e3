package config

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/sirupsen/logrus"

	"anxin/engine/webhook"
)

// Load reads the environment through getenv and the file that ANXIN_CONFIG names. A
// wrong configuration gives an *Error with every problem. In a development
// installation it may create the data folder and write generated secrets into it.
func Load(getenv func(string) string) (Config, error) {
	var p problems
	path := strings.TrimSpace(getenv("ANXIN_CONFIG"))
	l := loader{getenv: getenv, problems: &p, dir: filepath.Dir(path)}
	f := readFile(path, &p)
	l.cfg = f.apply(&l)
	l.addresses()
	l.cfg.InboxLink = p.isOn("inbox_link", f.InboxLink, l.cfg.Development)
	l.notifications(f.Notifications)
	l.stores()
	l.keys()
	l.browsers()
	l.logging()
	if err := p.err(); err != nil {
		return Config{}, err
	}
	if err := l.cfg.fillSecrets(); err != nil {
		return Config{}, fmt.Errorf("generated secrets: %w", err)
	}
	return l.cfg, nil
}

type loader struct {
	getenv   func(string) string
	problems *problems
	dir      string // of the configuration file
	cfg      Config
}

func (l *loader) env(name string) string { return strings.TrimSpace(l.getenv(name)) }

// addresses reads where the server listens and how it is reached, and decides with
// that whether it is a development installation.
func (l *loader) addresses() {
	l.cfg.Listen = cmp.Or(l.env("ANXIN_LISTEN"), defaultListen)
	host, port, err := net.SplitHostPort(l.cfg.Listen)
	if err != nil || port == "" {
		l.problems.add("ANXIN_LISTEN", "must be host:port")
		return
	}
	public := strings.TrimRight(l.env("ANXIN_PUBLIC_URL"), "/")
	if public == "" {
		if !loopback(host) {
			l.problems.add("ANXIN_PUBLIC_URL", "must be set unless ANXIN_LISTEN is a loopback address")
			return
		}
		public = "http://" + l.cfg.Listen
	}
	u, err := url.Parse(public)
	if err != nil || !webURL(u) || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		l.problems.add("ANXIN_PUBLIC_URL", "must be http(s)://host[:port] without a path")
		return
	}
	l.cfg.PublicURL = public
	l.cfg.Development = loopback(host) && loopback(u.Hostname())
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// webURL reports whether u is an absolute http or https address without a password.
func webURL(u *url.URL) bool {
	return (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil
}

// webOrigin reports whether s is the origin of a page as browsers write it.
func webOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && webURL(u) && s == u.Scheme+"://"+u.Host && s == strings.ToLower(s) && !strings.ContainsAny(s, "*;, ")
}

func (l *loader) stores() {
	l.cfg.DataDir = cmp.Or(l.env("ANXIN_DATA_DIR"), "data")
	database := cmp.Or(l.env("ANXIN_DATABASE_URL"), "sqlite:"+filepath.Join(l.cfg.DataDir, "anxin.db"))
	if scheme, _, ok := strings.Cut(database, ":"); !ok || !slices.Contains([]string{"sqlite", "postgres", "postgresql"}, scheme) {
		l.problems.add("ANXIN_DATABASE_URL", "must begin with sqlite: or postgres:")
	}
	l.cfg.DatabaseURL = NewSecret(database)
	redis := l.env("ANXIN_REDIS_URL")
	if scheme, _, ok := strings.Cut(redis, ":"); redis != "" && (!ok || !slices.Contains([]string{"redis", "rediss", "unix"}, scheme)) {
		l.problems.add("ANXIN_REDIS_URL", "must begin with redis:, rediss: or unix:")
	}
	l.cfg.RedisURL = NewSecret(redis)
}

func (l *loader) keys() {
	l.cfg.Sandbox.On = l.problems.isOn("ANXIN_SANDBOX", l.env("ANXIN_SANDBOX"), l.cfg.Development)
	l.sandboxGateway()
	l.apiKeys()
	l.cfg.TokenSecrets = l.secrets("ANXIN_TOKEN_SECRET")
	l.cfg.ContactSecrets = l.secrets("ANXIN_CONTACT_SECRET")
	for name := range l.cfg.Backends {
		if !slices.ContainsFunc(l.cfg.APIKeys, func(k APIKey) bool { return k.Name == name }) {
			l.problems.add("backends."+name, "has no api key of its name in ANXIN_API_KEYS")
		}
	}
	for name := range l.cfg.Brands {
		if !l.known(name) {
			l.problems.add("brands."+name, "has no api key of its name in ANXIN_API_KEYS")
		}
	}
}

// known reports whether a backend of this name can have orders.
func (l *loader) known(name string) bool {
	return slices.ContainsFunc(l.cfg.APIKeys, func(k APIKey) bool { return k.Name == name }) || l.cfg.Sandbox.On && name == sandboxShop
}

// sandboxGateway reads where another simulator of the channel answers queries.
func (l *loader) sandboxGateway() {
	const setting = "ANXIN_SANDBOX_GATEWAY"
	gateway := l.env(setting)
	if gateway == "" {
		return
	}
	if u, err := url.Parse(gateway); err != nil || !webURL(u) {
		l.problems.add(setting, "must be an http(s) address")
	}
	l.cfg.Sandbox.Gateway = gateway
}

var backendName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func (l *loader) apiKeys() {
	l.cfg.APIKeys = l.keyList("ANXIN_API_KEYS", true)
	for i, k := range l.cfg.APIKeys {
		if l.cfg.Sandbox.On && k.Name == sandboxShop {
			l.problems.add("ANXIN_API_KEYS", "entry %d: the name %q is taken by the sandbox", i+1, sandboxShop)
		}
	}
	l.cfg.OperatorKeys = l.keyList("ANXIN_OPERATOR_KEYS", false)
	for i, k := range l.cfg.OperatorKeys {
		if !l.cfg.Development && slices.ContainsFunc(l.cfg.APIKeys, func(b APIKey) bool { return b.Key.Reveal() == k.Key.Reveal() }) {
			l.problems.add("ANXIN_OPERATOR_KEYS", "entry %d: the key is a backend's; people need keys of their own", i+1)
		}
	}
}

// keyList reads a setting of the form name:key,… In a development installation it is
// the key "dev" unless it is set.
func (l *loader) keyList(setting string, needed bool) []APIKey {
	list := l.env(setting)
	if list == "" {
		if l.cfg.Development {
			return []APIKey{{Name: devAPIKey, Key: NewSecret(devAPIKey)}}
		}
		if needed {
			l.problems.add(setting, "must be set: name:key,…")
		}
		return nil
	}
	var keys []APIKey
	for i, entry := range strings.Split(list, ",") {
		name, key, ok := strings.Cut(strings.TrimSpace(entry), ":")
		switch {
		case !ok || !backendName.MatchString(name):
			l.problems.add(setting, "entry %d must be name:key with a name of letters, digits, _ and -", i+1)
		case !l.cfg.Development && (len(key) < minAPIKey || key == devAPIKey):
			l.problems.add(setting, "entry %d: the key must have at least %d characters", i+1, minAPIKey)
		case key == "" || !visibleASCII(key):
			l.problems.add(setting, "entry %d: the key must be visible ASCII", i+1)
		case slices.ContainsFunc(keys, func(k APIKey) bool { return k.Key.Reveal() == key }):
			l.problems.add(setting, "entry %d: the key is there already", i+1)
		}
		keys = append(keys, APIKey{Name: name, Key: NewSecret(key)})
	}
	return keys
}

func visibleASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// secrets reads a list of secrets, of which the first is for new things. A development
// installation makes its own.
func (l *loader) secrets(setting string) (list []Secret) {
	value := l.env(setting)
	if value == "" {
		if !l.cfg.Development {
			l.problems.add(setting, "must be set: at least %d bytes", minTokenKey)
		}
		return nil
	}
	for i, secret := range strings.Split(value, ",") {
		secret = strings.TrimSpace(secret)
		if len(secret) < minTokenKey {
			l.problems.add(setting, "entry %d must have at least %d bytes", i+1, minTokenKey)
		}
		list = append(list, NewSecret(secret))
	}
	return list
}

// browsers reads whom a browser's request may come from and through whom.
func (l *loader) browsers() {
	if list := l.env("ANXIN_ALLOWED_ORIGINS"); list != "" {
		l.cfg.Origins = nil // the environment overrides the file
		for origin := range strings.SplitSeq(list, ",") {
			l.cfg.Origins = append(l.cfg.Origins, strings.TrimSpace(origin))
		}
	}
	for _, origin := range l.cfg.Origins {
		if !webOrigin(origin) {
			l.problems.add("ANXIN_ALLOWED_ORIGINS", "%q is not http(s)://host[:port]", origin)
		}
	}
	for entry := range strings.SplitSeq(l.env("ANXIN_TRUSTED_PROXIES"), ",") {
		if entry = strings.TrimSpace(entry); entry == "" {
			continue
		}
		prefix, err := parsePrefix(entry)
		if err != nil {
			l.problems.add("ANXIN_TRUSTED_PROXIES", "%q is neither an address nor a network", entry)
			continue
		}
		l.cfg.TrustedProxies = append(l.cfg.TrustedProxies, prefix)
	}
}

func parsePrefix(s string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(ip.Unmap(), ip.Unmap().BitLen()), nil
	}
	return netip.ParsePrefix(s)
}

func (l *loader) logging() {
	switch cmp.Or(l.env("ANXIN_LOG_FORMAT"), "text") {
	case "json":
		l.cfg.Log.JSON = true
	case "text":
	default:
		l.problems.add("ANXIN_LOG_FORMAT", "must be text or json")
	}
	level, err := logrus.ParseLevel(cmp.Or(l.env("ANXIN_LOG_LEVEL"), "info"))
	if err != nil {
		l.problems.add("ANXIN_LOG_LEVEL", "must be error, warn, info or debug")
		return
	}
	l.cfg.Log.Level = level
}

// validWebhookSecret reports whether the sender can sign with s.
func validWebhookSecret(s string) bool {
	_, err := webhook.ParseSecret(s)
	return err == nil
}
