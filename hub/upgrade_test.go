package hub_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/sirupsen/logrus"

	"anxin/hub"
	"anxin/hub/membus"
)

// knock tries to connect and returns the refusal, or nil.
func (n *node) knock(t *testing.T, header http.Header, protocols ...string) *http.Response {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: protocols}
	conn, response, err := dialer.Dial(n.url, header)
	if err == nil {
		t.Cleanup(func() { _ = conn.Close() })
		_ = response.Body.Close()
		return nil
	}
	if response == nil {
		t.Fatal(err)
	}
	return response
}

func wantProblem(t *testing.T, response *http.Response, status int, code string) {
	t.Helper()
	if response == nil {
		t.Fatalf("it was let in, want %d %s", status, code)
	}
	var problem struct {
		Status      int
		Title, Code string
		Detail      string
	}
	if err := json.NewDecoder(response.Body).Decode(&problem); err != nil {
		t.Fatalf("body: %v", err)
	}
	_ = response.Body.Close()
	if response.StatusCode != status || problem.Status != status || problem.Code != code || problem.Detail == "" || problem.Title == "" {
		t.Errorf("got %d %+v, want %d %s", response.StatusCode, problem, status, code)
	}
	if got := response.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("content type %q", got)
	}
}

func TestOnlyAllowedOriginsMayConnect(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *hub.Config, _ *hub.Deps) {
		c.Origins = []string{"https://shop.example", "https://shop.example:8443"}
	})
	host := strings.TrimPrefix(n.url, "ws://")
	for origin, allowed := range map[string]bool{
		"":                              true, // native app
		"https://shop.example":          true,
		"https://shop.example:8443":     true,
		"http://" + host:                true, // the same host
		"http://shop.example":           false,
		"https://shop.example:444":      false,
		"https://shop.example.evil.com": false,
		"https://evil.com":              false,
		"null":                          false,
		"https://":                      false,
		"%":                             false,
	} {
		header := http.Header{}
		if origin != "" {
			header.Set("Origin", origin)
		}
		response := n.knock(t, header)
		switch {
		case allowed && response != nil:
			t.Errorf("origin %q was refused", origin)
		case !allowed:
			wantProblem(t, response, http.StatusForbidden, "origin")
		}
	}
}

func TestForeignSubprotocolIsRefused(t *testing.T) {
	t.Parallel()
	n := setup(t)
	wantProblem(t, n.knock(t, nil, "graphql-ws"), http.StatusBadRequest, "subprotocol")
	if n.knock(t, nil, "graphql-ws", hub.Subprotocol) != nil || n.knock(t, nil) != nil {
		t.Error("a client that offers the subprotocol, or none, was refused")
	}
}

func TestPlainRequestIsToldToUpgrade(t *testing.T) {
	t.Parallel()
	n := setup(t)
	response, err := http.Get("http" + strings.TrimPrefix(n.url, "ws"))
	if err != nil {
		t.Fatal(err)
	}
	wantProblem(t, response, http.StatusUpgradeRequired, "upgrade_required")
	if response.Header.Get("Upgrade") != "websocket" {
		t.Error("the answer does not say what to upgrade to")
	}
}

func TestBrokenHandshakeIsRefused(t *testing.T) {
	t.Parallel()
	n := setup(t)
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	request.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"12"}}
	w := httptest.NewRecorder()
	var refusal *hub.RefusalError
	if err := n.Upgrade(w, request); !errors.As(err, &refusal) {
		t.Fatalf("got %v", err)
	}
	wantProblem(t, w.Result(), http.StatusBadRequest, "handshake")
	if s := n.Stats(); s.Connections != 0 {
		t.Errorf("%d connections", s.Connections)
	}
}

func TestNodeTakesAsManyConnectionsAsItMay(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *hub.Config, _ *hub.Deps) { c.Limits = hub.Limits{MaxConnections: 2, MaxPerIP: -1} })
	first := n.dial(t)
	n.dial(t)
	response := n.knock(t, nil)
	wantProblem(t, response, http.StatusServiceUnavailable, "connections")
	if response.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	_ = first.Close()
	eventually(t, "there is room again", func() bool { return n.Stats().Connections == 1 })
	n.dial(t)
}

func TestAddressTakesAsManyConnectionsAsItMay(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *hub.Config, _ *hub.Deps) { c.Limits.MaxPerIP = 1 })
	n.dial(t)
	wantProblem(t, n.knock(t, nil), http.StatusTooManyRequests, "connections_per_address")
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	log := logrus.New()
	good := hub.Deps{Source: newTruth(), Authorizer: tokens{}, Bus: membus.New().Join(), Log: log}
	for name, c := range map[string]struct {
		cfg  hub.Config
		deps func(*hub.Deps)
	}{
		"no source":           {deps: func(d *hub.Deps) { d.Source = nil }},
		"no authorizer":       {deps: func(d *hub.Deps) { d.Authorizer = nil }},
		"no log":              {deps: func(d *hub.Deps) { d.Log = nil }},
		"origin with a path":  {cfg: hub.Config{Origins: []string{"https://shop.example/"}}},
		"origin as wildcard":  {cfg: hub.Config{Origins: []string{"*"}}},
		"origin not parsable": {cfg: hub.Config{Origins: []string{"https://[::1"}}},
		"nameless act":        {cfg: hub.Config{Acts: []string{""}}},
		"negative period":     {cfg: hub.Config{SweepEvery: -1}},
		"period too short":    {cfg: hub.Config{PingEvery: 1}},
		"no topics":           {cfg: hub.Config{Limits: hub.Limits{MaxTopics: -1}}},
	} {
		deps := good
		if c.deps != nil {
			c.deps(&deps)
		}
		if _, err := hub.New(c.cfg, deps); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestCodeTablesAreComplete(t *testing.T) {
	t.Parallel()
	seen := map[hub.CloseCode]bool{}
	for _, c := range hub.CloseCodes() {
		const longest = 123 // what a close frame takes besides the code
		if c.Reason == "" || c.Meaning == "" || len(c.Reason) > longest || seen[c.Code] {
			t.Errorf("bad row %+v", c)
		}
		seen[c.Code] = true
	}
	for _, e := range hub.ErrorCodes() {
		if e.Code == "" || e.Message == "" {
			t.Errorf("bad row %+v", e)
		}
	}
}

// brokenBus gives up.
type brokenBus struct{ hub.Bus }

func (brokenBus) Run(context.Context, hub.Receiver) error { return errors.New("gave up") }

func TestRunReportsABusThatGaveUp(t *testing.T) {
	t.Parallel()
	h, err := hub.New(hub.Config{}, hub.Deps{
		Source: newTruth(), Authorizer: tokens{}, Bus: brokenBus{membus.New().Join()}, Log: logrus.New(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "gave up") {
		t.Errorf("run returned %v", err)
	}
}
