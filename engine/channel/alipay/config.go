package alipay

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"time"
)

// Config is one application at Alipay, with the contents of its files. Keys are PEM or
// the bare base64 that Alipay's tools write.
type Config struct {
	AppID      string
	SellerID   string // the merchant's own number (PID), 2088 and 12 digits
	PrivateKey string // of the application, PKCS #1 or PKCS #8

	// Key mode:

	AlipayPublicKey string

	// Certificate mode, PEM. AlipayCert may hold several, for a change from one to the
	// next, and the certificates of their issuers.

	AppCert, AlipayCert, RootCert string

	GatewayURL string           // "" = ProductionGateway
	Client     *http.Client     // nil = one of its own
	Clock      func() time.Time // nil = time.Now
}

// The gateways of Alipay.
const (
	ProductionGateway = "https://openapi.alipay.com/gateway.do"
	SandboxGateway    = "https://openapi-sandbox.dl.alipaydev.com/gateway.do"
)

// ConfigError says which setting is wrong, without its value.
type ConfigError struct {
	Setting string
	Err     error
}

func (e *ConfigError) Error() string { return e.Setting + " " + e.Err.Error() }

// Unwrap returns the reason.
func (e *ConfigError) Unwrap() error { return e.Err }

// Reasons of a ConfigError, besides what makes a key unreadable.
var (
	errAppID    = errors.New("must be digits")
	errSellerID = errors.New("must be 2088 and 12 digits")
	errGateway  = errors.New("must be an https URL without a query; http is for loopback addresses")
	errModes    = errors.New("or the three certificates must be set, and not both")
	errOwnKey   = errors.New("is the application's own; Alipay shows its own beside it")
	errNotMine  = errors.New("is not of the application's key")
	errNoRoot   = errors.New("holds no RSA root certificate")
)

var (
	appIDPattern    = regexp.MustCompile(`^[0-9]{1,32}$`)
	sellerIDPattern = regexp.MustCompile(`^2088[0-9]{12}$`)
)

// keys is what the files of a configuration hold.
type keys struct {
	private *rsa.PrivateKey
	alipay  keyring

	// Certificate mode:

	appCert     *x509.Certificate
	alipayCerts []*x509.Certificate
	file, roots []*x509.Certificate // what lies beside, and where the chains end
}

// check reads the configuration. Errors are *ConfigError.
func (cfg Config) check() (keys, error) {
	switch {
	case !appIDPattern.MatchString(cfg.AppID):
		return keys{}, &ConfigError{"app_id", errAppID}
	case !sellerIDPattern.MatchString(cfg.SellerID):
		return keys{}, &ConfigError{"seller_id", errSellerID}
	case cfg.GatewayURL != "" && !usableGateway(cfg.GatewayURL):
		return keys{}, &ConfigError{"gateway", errGateway}
	}
	private, err := parsePrivateKey(cfg.PrivateKey)
	if err != nil {
		return keys{}, &ConfigError{"private_key", err}
	}
	k := keys{private: private, alipay: make(keyring)}
	certs := cfg.AppCert != "" && cfg.AlipayCert != "" && cfg.RootCert != ""
	anyCert := cfg.AppCert != "" || cfg.AlipayCert != "" || cfg.RootCert != ""
	switch {
	case cfg.AlipayPublicKey != "" && !anyCert:
		return k, k.readPublicKey(cfg)
	case cfg.AlipayPublicKey == "" && certs:
		return k, k.readCertificates(cfg)
	}
	return keys{}, &ConfigError{"alipay_public_key", errModes}
}

func usableGateway(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

func (k *keys) readPublicKey(cfg Config) error {
	public, err := parsePublicKey(cfg.AlipayPublicKey)
	switch {
	case err != nil:
		return &ConfigError{"alipay_public_key", err}
	case k.private.PublicKey.Equal(public):
		return &ConfigError{"alipay_public_key", errOwnKey}
	}
	k.alipay[keyMode] = public
	return nil
}

func (k *keys) readCertificates(cfg Config) error {
	k.roots = slices.DeleteFunc(parseCertificates(cfg.RootCert), func(c *x509.Certificate) bool { return c.PublicKeyAlgorithm != x509.RSA })
	if len(k.roots) == 0 {
		return &ConfigError{"root_cert", errNoRoot}
	}
	own := parseCertificates(cfg.AppCert)
	at := slices.IndexFunc(own, func(c *x509.Certificate) bool { return k.private.PublicKey.Equal(c.PublicKey) })
	switch {
	case len(own) == 0:
		return &ConfigError{"app_cert", errNoCert}
	case at < 0:
		return &ConfigError{"app_cert", errNotMine}
	}
	k.appCert = own[at]
	k.file = parseCertificates(cfg.AlipayCert)
	k.alipayCerts = ownCertificates(k.file)
	if len(k.alipayCerts) == 0 {
		return &ConfigError{"alipay_cert", errNoCert}
	}
	for _, cert := range k.alipayCerts {
		public, err := rsaKey(cert.PublicKey)
		switch {
		case err != nil:
			return &ConfigError{"alipay_cert", err}
		case k.private.PublicKey.Equal(public):
			return &ConfigError{"alipay_cert", errOwnKey}
		}
		k.alipay[serial(cert)] = public
	}
	return nil
}
