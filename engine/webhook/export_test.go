package webhook

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"

	"anxin/engine/internet"
)

// Resolve makes the sender look names up with r, guarded as ever.
func (s *Sender) Resolve(r *net.Resolver) {
	s.public = client(net.Dialer{Control: internet.Only, Resolver: r})
	s.private = client(net.Dialer{Resolver: r})
}

// Trust makes the sender accept certificates of an authority of a test.
func (s *Sender) Trust(roots *x509.CertPool) {
	for _, c := range []*http.Client{s.public, s.private} {
		transport, _ := c.Transport.(*http.Transport)
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
}
