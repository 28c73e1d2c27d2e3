package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// gate is the network between a payer and the server: it lets through what a test allows.
type gate struct {
	*httptest.Server
	upstream string // host:port
	record   bool   // pages carry the recorder

	mu    sync.Mutex // guards what follows
	holds map[string]bool
	cut   bool
	conns map[net.Conn]bool
}

// What a network may hold back.
const (
	sockets = "sockets" // upgrades are refused, as by many a company's proxy
	streams = "streams" // an answer is held until it is complete
)

func newGate(t *testing.T, holds ...string) *gate {
	t.Helper()
	g := &gate{upstream: freeAddress(t), holds: map[string]bool{}, conns: map[net.Conn]bool{}}
	for _, name := range holds {
		g.hold(name)
	}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: g.upstream})
	proxy.FlushInterval = -1
	proxy.Transport = &http.Transport{DisableKeepAlives: true}
	proxy.ModifyResponse = g.addRecorder
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	g.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == recorderPath:
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = io.WriteString(w, recorder)
		case g.held(sockets) && r.Header.Get("Upgrade") != "":
			w.WriteHeader(http.StatusForbidden)
		case g.held(streams) && strings.HasSuffix(r.URL.Path, "/stream"):
			<-r.Context().Done()
		default:
			r.Host = g.Listener.Addr().String()
			if g.record {
				r.Header.Del("Accept-Encoding")
			}
			proxy.ServeHTTP(w, r)
		}
	}))
	g.Config.ConnState = g.connection
	g.Start()
	t.Cleanup(func() { g.sever(true); g.Close() })
	return g
}

// hold begins to hold something back from new requests.
func (g *gate) hold(what string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.holds[what] = true
}

func (g *gate) held(what string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.holds[what]
}

// recorderPath is the address of a script that pages may load as one of their own.
const recorderPath = "/recorder.js"

// addRecorder lets a page load the recorder ahead of its own script.
func (g *gate) addRecorder(resp *http.Response) error {
	if !g.record || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
		return nil
	}
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	page = bytes.Replace(page, []byte("<head>"), []byte(`<head><script src="`+recorderPath+`"></script>`), 1)
	resp.Body = io.NopCloser(bytes.NewReader(page))
	resp.Header.Set("Content-Length", strconv.Itoa(len(page)))
	return nil
}

// connection follows the connections, those of upgraded ones too, and hangs up on new
// ones while the network is cut.
func (g *gate) connection(c net.Conn, state http.ConnState) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case state == http.StateClosed:
		delete(g.conns, c)
	case g.cut:
		_ = c.Close()
	default:
		g.conns[c] = true
	}
}

// sever cuts every connection and lets none through, until it is told false.
func (g *gate) sever(cut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cut = cut
	if cut {
		for c := range g.conns {
			_ = c.Close()
		}
	}
}

// serve starts the server behind the gate, over the data in dir.
func (g *gate) serve(t *testing.T, dir string, env ...string) *process {
	t.Helper()
	return startServerAt(t, dir, g.upstream, append(env, "ANXIN_PUBLIC_URL="+g.URL)...)
}
