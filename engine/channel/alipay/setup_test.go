package alipay

import (
	"io"
	"net/http"
	"testing"
	"time"

	"anxin/engine/channel"
	"anxin/engine/channel/alipay/alipaytest"
	"anxin/engine/order"
)

// What the tests call often.
type (
	fields = alipaytest.Fields
	reply  = alipaytest.Reply
)

// vendor is Alipay, as this package's tests see it.
type vendor struct{ alipaytest.Vendor }

func keyVendor() vendor { return vendor{alipaytest.WithKeys()} }

func certVendor() vendor { return vendor{alipaytest.WithCertificates()} }

// config is what a merchant would enter.
func (v vendor) config(gateway string) Config {
	cfg := Config{AppID: alipaytest.AppID, SellerID: alipaytest.SellerID, GatewayURL: gateway, PrivateKey: v.PrivateKey()}
	if v.Certs == nil {
		cfg.AlipayPublicKey = v.PublicKey()
	} else {
		cfg.AppCert, cfg.AlipayCert, cfg.RootCert = v.Certs.App, v.Certs.Alipay+v.Certs.Next, v.Certs.Root
	}
	return cfg
}

// open returns the adapter, with a transport that ends with the test.
func open(tb testing.TB, cfg Config) *Channel {
	tb.Helper()
	transport := &http.Transport{}
	tb.Cleanup(transport.CloseIdleConnections)
	cfg.Client = &http.Client{Transport: transport}
	c, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// deaf returns an adapter that may not dial.
func deaf(tb testing.TB, v vendor) *Channel {
	tb.Helper()
	cfg := v.config("")
	cfg.Client = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		tb.Errorf("dialled %s", r.URL)
		return nil, io.ErrUnexpectedEOF
	})}
	c, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func requestOf(body []byte) channel.Request {
	return channel.Request{
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}, Body: body, ReceivedAt: time.Now(),
	}
}

func (v vendor) notify(f fields) channel.Request { return requestOf(v.Sign(f).Encode()) }

// serve opens an adapter that asks a gateway, with an answer for each method.
func (v vendor) serve(tb testing.TB, answers map[string]string) (*Channel, *alipaytest.Gateway) {
	tb.Helper()
	g := v.Gateway(tb, func(q alipaytest.Question) string { return answers[q.Method] })
	return open(tb, v.config(g.URL+"/gateway.do")), g
}

// cny is an amount in fen.
func cny(fen int64) order.Money { return order.Money{Minor: fen, Currency: "CNY"} }
