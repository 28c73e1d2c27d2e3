package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/sirupsen/logrus"

	"anxin/hub"
	"anxin/server/config"
)

// TestGracefulStop holds what a rolling restart relies on: live clients are told when to
// reconnect and closed with a code that says so, a waiting long poll is answered, and
// the process exits with 0 within the 10 s that orchestrators wait.
func TestGracefulStop(t *testing.T) {
	t.Parallel()
	p := startServer(t, t.TempDir(), "ANXIN_LOG_LEVEL=debug")
	token := p.register("S1")["view_token"].(string)
	ws, _, err := (&websocket.Dialer{Subprotocols: []string{hub.Subprotocol}}).DialContext(t.Context(), "ws"+strings.TrimPrefix(p.base, "http")+"/v1/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ws.Close() }()
	if err := ws.WriteJSON(object{"type": "subscribe", "topic": "order:S1", "token": token}); err != nil {
		t.Fatal(err)
	}
	readType(t, ws, "snapshot")
	polled := make(chan int, 1)
	go func() {
		status, _, _ := p.try(context.WithoutCancel(t.Context()), http.MethodGet, "/v1/orders/S1?after=1&wait=25s", nil)
		polled <- status
	}()
	waitForLongPoll(t, p)

	within := time.AfterFunc(stopWithin, func() { p.kill() })
	code := p.terminate()
	if !within.Stop() || code != 0 {
		t.Errorf("exit code %d (or not within %s):\n%s", code, stopWithin, p.logs())
	}
	if reconnect := readType(t, ws, "reconnect"); reconnect["after_ms"] == nil {
		t.Error("reconnect frame does not say when")
	}
	_, _, err = ws.ReadMessage()
	if !websocket.IsCloseError(err, int(hub.CloseRestart)) {
		t.Errorf("live connection ended with %v, want close code %d", err, hub.CloseRestart)
	}
	if status := <-polled; status == 0 || status >= http.StatusInternalServerError && status != http.StatusServiceUnavailable {
		t.Errorf("long poll was answered with %d", status)
	}
}

// waitForLongPoll returns when the server counts a waiting long poll.
func waitForLongPoll(t *testing.T, p *process) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if strings.Contains(p.text("/metrics"), "anxin_live_waits 1") {
			return
		}
	}
	t.Fatalf("no long poll is counted:\n%s", p.text("/metrics"))
}

func readType(t *testing.T, ws *websocket.Conn, want string) object {
	t.Helper()
	_ = ws.SetReadDeadline(time.Now().Add(patience))
	_, raw, err := ws.ReadMessage()
	if err != nil {
		t.Fatalf("waiting for %s: %v", want, err)
	}
	var frame object
	if err := json.Unmarshal(raw, &frame); err != nil || frame["type"] != want {
		t.Fatalf("frame %s, want %s", raw, want)
	}
	return frame
}

// TestStopAtOnce stops a server that has had no time to begin to serve.
func TestStopAtOnce(t *testing.T) {
	t.Parallel()
	settings := map[string]string{"ANXIN_LISTEN": "127.0.0.1:0", "ANXIN_PUBLIC_URL": "http://127.0.0.1:1", "ANXIN_DATA_DIR": t.TempDir()}
	cfg, err := config.Load(func(name string) string { return settings[name] })
	if err != nil {
		t.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	for range 5 {
		a, err := build(t.Context(), cfg, log)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if err := a.run(ctx); err != nil {
			t.Error(err)
		}
	}
}
