package wechatpay

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/wechatpay-apiv3/wechatpay-go/utils"
)

// Config is one merchant account, with the contents of its files.
type Config struct {
	MchID  string
	AppIDs []string // apps that its payments may come through; none = any

	APIv3Key       string // 32 bytes
	MerchantKey    string // private key, PEM (apiclient_key.pem)
	MerchantCert   string // certificate, PEM (apiclient_cert.pem); may be left out with MerchantSerial
	MerchantSerial string // of the certificate, hexadecimal; may be left out with MerchantCert

	// What WeChat Pay signs with. At least one of the two, and both while it changes over.

	PlatformCerts []string // PEM, each with one or more certificates
	PublicKeyID   string   // PUB_KEY_ID_…
	PublicKey     string   // PEM

	GatewayURL string           // "" = DefaultGateway
	Client     *http.Client     // nil = one of its own
	Clock      func() time.Time // of questions; callbacks are judged by when they came. nil = time.Now
}

// DefaultGateway is where WeChat Pay answers.
const DefaultGateway = "https://api.mch.weixin.qq.com"

// Errors of a configuration. None of them repeats what the setting holds.
var (
	ErrConfigMerchant     = errors.New("merchant id must be digits")
	ErrConfigApp          = errors.New("app ids must be letters and digits")
	ErrConfigAPIv3Key     = errors.New("APIv3 key must have 32 bytes")
	ErrConfigMerchantKey  = errors.New("merchant key must be a PEM with an RSA private key (PKCS #8) of 2048 bits or more")
	ErrConfigMerchantCert = errors.New("merchant certificate must be a PEM with one RSA certificate")
	ErrConfigMismatch     = errors.New("merchant certificate is not of the merchant key")
	ErrConfigSerial       = errors.New("merchant serial must be the hexadecimal one of the merchant certificate")
	ErrConfigPlatform     = errors.New("platform certificates must be PEMs with RSA certificates of 2048 bits or more")
	ErrConfigPublicKey    = errors.New("public key must be a PEM with an RSA public key of 2048 bits or more, and its id PUB_KEY_ID_ and digits")
	ErrConfigNoVerifier   = errors.New("a platform certificate or a public key is required")
	ErrConfigGateway      = errors.New("gateway URL must be an absolute http or https URL")
)

// minKeyBits is the size of keys that the signature's name, SHA256-RSA2048, asks for.
const minKeyBits = 2048

var (
	mchIDPattern       = regexp.MustCompile(`^[0-9]{1,32}$`)
	appIDPattern       = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)
	serialPattern      = regexp.MustCompile(`^[0-9A-F]{1,64}$`)
	publicKeyIDPattern = regexp.MustCompile(`^PUB_KEY_ID_[0-9A-Za-z]{1,64}$`)
)

// keys is what a configuration's PEMs hold.
type keys struct {
	merchant     *rsa.PrivateKey
	merchantCert *x509.Certificate // nil when it was not given
	serial       string            // of the merchant's certificate
	platform     []*x509.Certificate
	public       *rsa.PublicKey // nil when it was not given
}

// check reads the configuration. It returns one of the errors above.
func (cfg Config) check() (keys, error) {
	switch u, err := url.Parse(cfg.GatewayURL); {
	case !mchIDPattern.MatchString(cfg.MchID):
		return keys{}, ErrConfigMerchant
	case len(cfg.APIv3Key) != 32:
		return keys{}, ErrConfigAPIv3Key
	case cfg.GatewayURL != "" && (err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != ""):
		return keys{}, ErrConfigGateway
	}
	for _, id := range cfg.AppIDs {
		if !appIDPattern.MatchString(id) {
			return keys{}, ErrConfigApp
		}
	}
	k, err := cfg.merchantKeys()
	if err != nil {
		return keys{}, err
	}
	return k, cfg.platformKeys(&k)
}

func (cfg Config) merchantKeys() (keys, error) {
	key, err := utils.LoadPrivateKey(cfg.MerchantKey)
	if err != nil || key.N.BitLen() < minKeyBits {
		return keys{}, ErrConfigMerchantKey
	}
	k := keys{merchant: key, serial: cfg.MerchantSerial}
	if cfg.MerchantCert != "" {
		certs, err := certificates(cfg.MerchantCert)
		if err != nil || len(certs) != 1 {
			return keys{}, ErrConfigMerchantCert
		}
		k.merchantCert = certs[0]
		if !key.PublicKey.Equal(k.merchantCert.PublicKey) {
			return keys{}, ErrConfigMismatch
		}
		serial := utils.GetCertificateSerialNumber(*k.merchantCert)
		if k.serial != "" && k.serial != serial {
			return keys{}, ErrConfigSerial
		}
		k.serial = serial
	}
	if !serialPattern.MatchString(k.serial) {
		return keys{}, ErrConfigSerial
	}
	return k, nil
}

func (cfg Config) platformKeys(k *keys) error {
	for _, text := range cfg.PlatformCerts {
		certs, err := certificates(text)
		if err != nil {
			return ErrConfigPlatform
		}
		k.platform = append(k.platform, certs...)
	}
	if cfg.PublicKey != "" || cfg.PublicKeyID != "" {
		public, err := utils.LoadPublicKey(cfg.PublicKey)
		if err != nil || public.N.BitLen() < minKeyBits || !publicKeyIDPattern.MatchString(cfg.PublicKeyID) {
			return ErrConfigPublicKey
		}
		k.public = public
	}
	if k.public == nil && len(k.platform) == 0 {
		return ErrConfigNoVerifier
	}
	return nil
}

var errNoCertificate = errors.New("not a PEM with RSA certificates")

// certificates reads a PEM with one or more RSA certificates and nothing else.
func certificates(text string) ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return nil, errNoCertificate
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errNoCertificate, err)
		}
		if key, ok := cert.PublicKey.(*rsa.PublicKey); !ok || key.N.BitLen() < minKeyBits {
			return nil, errNoCertificate
		}
		list = append(list, cert)
	}
	if len(list) == 0 {
		return nil, errNoCertificate
	}
	return list, nil
}
