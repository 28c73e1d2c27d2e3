package email

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"anxin/engine/notify"
)

// timeout bounds each exchange with the server: a busy one may take its time with the
// answer to a message, which RFC 5321 gives ten minutes. What is not answered by then is
// called maybe sent and costs nothing but the certainty.
const timeout = 20 * time.Second

// Security is how the connection to the server is protected.
type Security string

// The ways of protection.
const (
	STARTTLS Security = "starttls" // the default: refused when the server does not offer it
	Implicit Security = "tls"      // from the first byte, usually on port 465
	Plain    Security = "none"     // on the same machine only
)

// Config is one account at a mail server.
type Config struct {
	Host          string
	Port          int
	Security      Security // "" = STARTTLS
	Username      string   // "" = no authentication
	Password      string
	From          string // "Example Shop <no-reply@shop.example>"
	ReplyTo       string // where an answer goes: customer service; "" = From
	ReturnPath    string // where bounces go; "" = From
	BounceSecret  string // in the address that bounces are posted to; "" = none are taken
	AllowInsecure bool   // Plain to another machine, and passwords without TLS
	TLS           *tls.Config
}

// Provider sends through one account.
type Provider struct {
	cfg    Config
	from   *netmail.Address
	domain string
}

var (
	_ notify.Provider      = (*Provider)(nil)
	_ notify.ReceiptParser = (*Provider)(nil)
)

// New checks the account's settings.
func New(cfg Config) (*Provider, error) {
	if cfg.Security == "" {
		cfg.Security = STARTTLS
	}
	from, err := netmail.ParseAddress(cfg.From)
	if err != nil {
		return nil, errors.New("from must be an address such as Shop <no-reply@shop.example>")
	}
	for setting, address := range map[string]string{"reply_to": cfg.ReplyTo, "return_path": cfg.ReturnPath} {
		if _, err := netmail.ParseAddress(address); address != "" && err != nil {
			return nil, errors.New(setting + " must be an address")
		}
	}
	switch {
	case cfg.Host == "" || cfg.Port < 1 || cfg.Port > 65535:
		return nil, errors.New("host and port must be set")
	case cfg.Security != STARTTLS && cfg.Security != Implicit && cfg.Security != Plain:
		return nil, errors.New("security must be starttls, tls or none")
	case cfg.Security == Plain && !cfg.AllowInsecure && !loopback(cfg.Host):
		return nil, errors.New("security none is for a server on the same machine")
	case (cfg.Username == "") != (cfg.Password == ""):
		return nil, errors.New("username and password go together")
	case cfg.BounceSecret != "" && len(cfg.BounceSecret) < notify.MinReceiptSecret:
		return nil, errors.New("bounce_secret must have at least 24 characters")
	}
	_, domain, _ := strings.Cut(from.Address, "@")
	return &Provider{cfg: cfg, from: from, domain: domain}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// Traits implements notify.Provider. A repeat is a second mail in the payer's mailbox.
func (p *Provider) Traits() notify.Traits { return notify.Traits{Channel: notify.Email} }

// Send implements notify.Provider: one connection a message. Mail is the slow channel, and
// a connection that is kept is one that the server closes in the middle of the next.
func (p *Provider) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	if ctx.Err() != nil {
		return notify.Receipt{}, &notify.SendError{Kind: notify.KindTemporary, Code: "cancelled", Err: ctx.Err()}
	}
	message, err := p.compose(m)
	if err != nil {
		return notify.Receipt{}, err
	}
	client, err := p.client(ctx)
	if err != nil {
		return notify.Receipt{}, &notify.SendError{Kind: notify.KindRefused, Code: "bad_settings"}
	}
	connection, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return notify.Receipt{}, dialFailure(err)
	}
	err = client.SendWithSMTPClient(connection, message)
	_ = client.CloseWithSMTPClient(connection) // the message's fate is decided
	if message.IsDelivered() {
		return notify.Receipt{ProviderID: p.messageID(m.ID)}, nil
	}
	return notify.Receipt{}, sendFailure(err)
}

// client makes a client whose connection ends with ctx: the library heeds it while it
// dials only.
func (p *Provider) client(ctx context.Context) (*mail.Client, error) {
	options := []mail.Option{
		mail.WithPort(p.cfg.Port), mail.WithTimeout(timeout), mail.WithoutNoop(), mail.WithHELO(p.domain),
		mail.WithDialContextFunc(func(dialing context.Context, network, address string) (net.Conn, error) {
			return p.dial(ctx, dialing, network, address)
		}),
	}
	switch p.cfg.Security {
	case STARTTLS:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	case Implicit, Plain:
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	}
	if p.cfg.TLS != nil {
		options = append(options, mail.WithTLSConfig(p.cfg.TLS))
	}
	if p.cfg.Username != "" {
		auth := mail.SMTPAuthAutoDiscover
		if p.cfg.Security == Implicit || p.cfg.AllowInsecure {
			auth = mail.SMTPAuthPlainNoEnc // the library does not know that dial encrypts
		}
		options = append(options, mail.WithSMTPAuth(auth), mail.WithUsername(p.cfg.Username), mail.WithPassword(p.cfg.Password))
	}
	return mail.NewClient(p.cfg.Host, options...)
}

func (p *Provider) dial(ctx, dialing context.Context, network, address string) (net.Conn, error) {
	connection, err := new(net.Dialer).DialContext(dialing, network, address)
	if err != nil {
		return nil, err
	}
	if p.cfg.Security == Implicit {
		settings := p.cfg.TLS.Clone()
		if settings == nil {
			settings = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		if settings.ServerName == "" {
			settings.ServerName = p.cfg.Host
		}
		secure := tls.Client(connection, settings)
		if err := secure.HandshakeContext(dialing); err != nil {
			_ = connection.Close()
			return nil, fmt.Errorf("handshake: %w", err)
		}
		connection = secure
	}
	stop := context.AfterFunc(ctx, func() { _ = connection.Close() })
	return &bound{Conn: connection, stop: stop}, nil
}

// bound is a connection that a context ends.
type bound struct {
	net.Conn
	stop func() bool
}

func (b *bound) Close() error {
	b.stop()
	return b.Conn.Close()
}
