package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// site is a real server behind TLS and HTTP/2, once at the end of a slow link and once
// without it.
type site struct {
	slowURL, fastURL string
	api              string
	stop             func()
}

func open(ctx context.Context) (*site, error) {
	dir, err := os.MkdirTemp("", "pagereport")
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	target, _ := url.Parse("http://" + address)
	front := httptest.NewUnstartedServer(httputil.NewSingleHostReverseProxy(target))
	front.EnableHTTP2 = true
	front.Config.ErrorLog = log.New(io.Discard, "", 0) // browsers hang up on what they only tried
	front.TLS = &tls.Config{NextProtos: []string{"h2", "http/1.1"}}
	front.StartTLS()
	link, err := slow(front.Listener.Addr().String())
	if err != nil {
		return nil, err
	}
	s := &site{slowURL: "https://" + link.Addr().String(), fastURL: front.URL, api: "http://" + address}
	binary := filepath.Join(dir, "anxin")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "./server").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build: %w\n%s", err, out)
	}
	// Pages name one address for their connections: the one that they are measured at.
	cmd := exec.CommandContext(ctx, binary)
	cmd.Env = append(os.Environ(), "ANXIN_LISTEN="+address, "ANXIN_PUBLIC_URL="+s.slowURL, "ANXIN_DATA_DIR="+filepath.Join(dir, "data"), "ANXIN_LOG_LEVEL=error")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s.stop = func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		front.Close()
		_ = link.Close()
		_ = os.RemoveAll(dir)
	}
	return s, s.await()
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func (s *site) await() error {
	for range 200 {
		if resp, err := http.Get(s.api + "/readyz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("the server at %s is not ready", s.api)
}

// pages registers an order whose payer waits, and returns the paths of its page and of its
// payer's messages.
func (s *site) pages(orderNo string) (order, inbox string, err error) {
	registration := fmt.Sprintf(`{"order_no":%q,"channel":"sandbox","mode":"managed","amount":{"minor":8800,"currency":"CNY"},"subject":"Green tea, 250 g",
"payer":{"id":"u-1","locale":"zh-CN"},"links":{"support":"https://shop.example/help?order={order_no}"}}`, orderNo)
	var registered struct {
		ViewToken  string `json:"view_token"`
		InboxToken string `json:"inbox_token"`
	}
	if err := s.post("/v1/orders", registration, &registered); err != nil {
		return "", "", err
	}
	if err := s.post("/v1/orders/"+orderNo+"/claim", "", nil); err != nil {
		return "", "", err
	}
	return "/pay/" + orderNo + "?k=" + url.QueryEscape(registered.ViewToken), "/inbox?k=" + url.QueryEscape(registered.InboxToken), nil
}

func (s *site) post(path, body string, into any) error {
	req, err := http.NewRequest(http.MethodPost, s.api+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer dev")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode > 299 {
		return fmt.Errorf("POST %s: %s", path, resp.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(into)
}
