package email_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"anxin/engine/notify"
	"anxin/engine/notify/email"
	"anxin/engine/notify/providertest"
)

const (
	username = "shop"
	password = "marked-password"
)

// standing is a real SMTP server that speaks TLS and asks for a password, behind a relay
// that can lose what the server says last.
type standing struct {
	t        *testing.T
	server   *smtp.Server
	behind   net.Listener // the server's own; it forgets one that it got after Close
	relay    net.Listener
	provider *email.Provider
	arrived  chan struct{}
	ended    chan struct{}
	once     sync.Once
	work     sync.WaitGroup

	mu        sync.Mutex // guards what follows
	behaviour providertest.Behaviour
	taken     []string
	mails     []*netmail.Message
	open      map[net.Conn]bool
}

var _ providertest.Stand = (*standing)(nil)

func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail.test"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

func stand(t *testing.T) *standing {
	t.Helper()
	s := &standing{
		t: t, behaviour: providertest.Accept, arrived: make(chan struct{}, 64), ended: make(chan struct{}), open: map[net.Conn]bool{},
	}
	pair, roots := certificate(t)
	s.server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{stand: s}, nil }))
	s.server.Domain, s.server.TLSConfig = "mail.test", &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	s.behind = listen(t)
	s.work.Go(func() { _ = s.server.Serve(tls.NewListener(s.behind, s.server.TLSConfig)) })
	s.relay = listen(t)
	front := tls.NewListener(s.relay, s.server.TLSConfig)
	s.work.Go(func() { s.accept(front, s.behind.Addr().String(), roots) })
	var err error
	address, _ := s.relay.Addr().(*net.TCPAddr)
	s.provider, err = email.New(email.Config{
		Host: "127.0.0.1", Port: address.Port, Security: email.Implicit, Username: username, Password: password,
		From: "安心商店 <no-reply@shop.example>", ReplyTo: "help@shop.example", ReturnPath: "bounces@shop.example", BounceSecret: bounceSecret,
		TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(); s.work.Wait() })
	return s
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (s *standing) Provider() notify.Provider { return s.provider }
func (s *standing) Arrived() <-chan struct{}  { return s.arrived }

func (s *standing) Behave(b providertest.Behaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behaviour = b
}

func (s *standing) current() providertest.Behaviour {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.behaviour
}

func (s *standing) Taken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.taken...)
}

func (s *standing) Close() {
	s.once.Do(func() {
		close(s.ended)
		_ = s.relay.Close()
		_ = s.server.Close()
		_ = s.behind.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		for c := range s.open {
			_ = c.Close()
		}
	})
}

func (s *standing) accept(front net.Listener, to string, roots *x509.CertPool) {
	for {
		client, err := front.Accept()
		if err != nil {
			return
		}
		server, err := (&tls.Dialer{Config: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}).DialContext(s.t.Context(), "tcp", to)
		if err != nil {
			_ = client.Close()
			continue
		}
		s.mu.Lock()
		s.open[client], s.open[server] = true, true
		s.mu.Unlock()
		done := make(chan struct{}) // the message was written whole
		s.work.Go(func() { s.forward(server, client, done) })
		s.work.Go(func() { s.answer(client, server, done) })
	}
}

// forward passes on what the client says, and notes the end of a message.
func (s *standing) forward(server, client net.Conn, done chan struct{}) {
	defer server.Close() //nolint:errcheck // the end of a relay
	buffer, tail := make([]byte, 32<<10), []byte{}
	told := false
	for {
		n, err := client.Read(buffer)
		tail = append(tail, buffer[:n]...)
		tail = tail[max(0, len(tail)-5):]
		if !told && bytes.Equal(tail, []byte("\r\n.\r\n")) {
			told = true
			close(done)
		}
		if _, failed := server.Write(buffer[:n]); failed != nil || err != nil {
			return
		}
	}
}

// answer passes on what the server says; what it says to a whole message may get lost.
func (s *standing) answer(client, server net.Conn, done chan struct{}) {
	defer client.Close() //nolint:errcheck // the end of a relay
	buffer := make([]byte, 32<<10)
	for {
		n, err := server.Read(buffer)
		select {
		case <-done:
			if s.lose(client) {
				return
			}
		default:
		}
		if _, failed := client.Write(buffer[:n]); failed != nil || err != nil {
			return
		}
	}
}

func (s *standing) lose(client net.Conn) bool {
	switch s.current() {
	case providertest.HangAfterTake:
		<-s.ended
	case providertest.BreakAfterTake:
	case providertest.Oversized:
		_, _ = io.Copy(client, io.LimitReader(strings.NewReader("250-"+strings.Repeat("x", 1<<20)), 1<<20))
	case providertest.Garbage:
		_, _ = client.Write([]byte("\x00\xff<html>\r\n"))
	default:
		return false
	}
	return true
}

// session is what the server does with one connection.
type session struct {
	stand *standing
	user  bool
}

var _ smtp.AuthSession = (*session)(nil)

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, pass string) error {
		if s.stand.current() == providertest.RefuseAccount || user != username || pass != password {
			return smtp.ErrAuthFailed
		}
		s.user = true
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	switch b := s.stand.current(); {
	case !s.user:
		return smtp.ErrAuthRequired
	case b == providertest.Throttle:
		return &smtp.SMTPError{Code: 450, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "too many messages from " + from}
	case b == providertest.Unavailable:
		return &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 3, 2}, Message: "shutting down"}
	case from != "bounces@shop.example":
		s.stand.t.Errorf("return path %q", from)
	}
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	switch {
	case to != message.To.Email:
		s.stand.t.Errorf("recipient %q", to)
	case s.stand.current() == providertest.BadAddress:
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user " + to}
	case s.stand.current() == providertest.AddressQuota:
		return &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 2, 2}, Message: "mailbox of " + to + " is full"}
	}
	return nil
}

func (s *session) Data(r io.Reader) error {
	m, err := netmail.ReadMessage(r)
	if err != nil {
		s.stand.t.Errorf("read message: %v", err)
		return err
	}
	content, err := io.ReadAll(m.Body)
	if err != nil {
		return err
	}
	m.Body = bytes.NewReader(content)
	if s.stand.current() == providertest.RefuseContent {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "message looks like spam"}
	}
	s.stand.mu.Lock()
	defer s.stand.mu.Unlock()
	id, ours := strings.CutSuffix(strings.Trim(m.Header.Get("Message-Id"), "<>"), "@shop.example")
	if !ours {
		return errors.New("message id")
	}
	s.stand.taken, s.stand.mails = append(s.stand.taken, id), append(s.stand.mails, m)
	select {
	case s.stand.arrived <- struct{}{}:
	default:
	}
	return nil
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }
