package stripe

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	sdk "github.com/stripe/stripe-go/v86"
)

// Config is one account at Stripe.
type Config struct {
	// APIKey is a restricted key (rk_…) or a secret one (sk_…). It says whether the account
	// is live or a test.
	APIKey string
	// EndpointSecrets are those of the webhook endpoints (whsec_…). Several are for a change
	// from one to the next, and for more endpoints than one.
	EndpointSecrets []string
	// Account is the connected account whose payments these are, "" = those of the key's own.
	Account string

	APIURL string           // "" = Stripe's
	Client *http.Client     // nil = one of its own
	Clock  func() time.Time // nil = time.Now
}

// ConfigError says which setting is wrong, without its value.
type ConfigError struct {
	Setting string
	Err     error
}

func (e *ConfigError) Error() string { return e.Setting + " " + e.Err.Error() }

// Unwrap returns the reason.
func (e *ConfigError) Unwrap() error { return e.Err }

// Reasons of a ConfigError.
var (
	errAPIKey    = errors.New("must be a restricted key (rk_live_… or rk_test_…) or a secret one (sk_…)")
	errPublished = errors.New("is the publishable key; the server needs a restricted one (rk_…)")
	errNoSecret  = errors.New("must hold the signing secret of the webhook endpoint")
	errSecret    = errors.New("must be signing secrets of webhook endpoints (whsec_…)")
	errRepeated  = errors.New("hold one secret twice")
	errAccount   = errors.New("must be the id of a connected account (acct_…)")
	errAPIURL    = errors.New("must be an https address without a path; http is for loopback addresses")
)

var (
	apiKeyPattern  = regexp.MustCompile(`^(rk|sk)_(live|test)_[A-Za-z0-9_]{8,250}$`)
	secretPattern  = regexp.MustCompile(`^whsec_[!-~]{8,250}$`)
	accountPattern = regexp.MustCompile(`^acct_[A-Za-z0-9]{1,64}$`)
)

// check refuses what cannot work. Errors are *ConfigError.
func (cfg Config) check() error {
	switch {
	case strings.HasPrefix(cfg.APIKey, "pk_"):
		return &ConfigError{"api_key", errPublished}
	case !apiKeyPattern.MatchString(cfg.APIKey):
		return &ConfigError{"api_key", errAPIKey}
	case len(cfg.EndpointSecrets) == 0:
		return &ConfigError{"endpoint_secrets", errNoSecret}
	case cfg.Account != "" && !accountPattern.MatchString(cfg.Account):
		return &ConfigError{"connected_account", errAccount}
	case cfg.APIURL != "" && !usableURL(cfg.APIURL):
		return &ConfigError{"api_url", errAPIURL}
	}
	seen := make(map[string]bool)
	for _, secret := range cfg.EndpointSecrets {
		if !secretPattern.MatchString(secret) {
			return &ConfigError{"endpoint_secrets", errSecret}
		}
		if seen[secret] {
			return &ConfigError{"endpoint_secrets", errRepeated}
		}
		seen[secret] = true
	}
	return nil
}

// live says whether the key moves real money.
func (cfg Config) live() bool { return strings.HasPrefix(cfg.APIKey[2:], "_live_") }

// restricted says whether the key may do only what it was made for.
func (cfg Config) restricted() bool { return strings.HasPrefix(cfg.APIKey, "rk_") }

func (cfg Config) apiURL() string {
	if cfg.APIURL == "" {
		return sdk.APIURL
	}
	return cfg.APIURL
}

func usableURL(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}
