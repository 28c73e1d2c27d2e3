package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"anxin/engine"
	"anxin/engine/order"
	"anxin/hub/client"
	"anxin/server/config"
)

// startNode runs a whole node inside the test and returns it with its address.
func startNode(t *testing.T, env map[string]string) (*app, *process) {
	t.Helper()
	address := freeAddress(t)
	env["ANXIN_LISTEN"], env["ANXIN_DATA_DIR"] = address, t.TempDir()
	cfg, err := config.Load(func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	a, err := build(t.Context(), cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	p := &process{t: t, base: "http://" + address, done: make(chan struct{}), log: &logBuffer{}}
	p.awaitReady()
	return a, p
}

func settingsFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "anxin.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// await holds until a condition is true that nothing announces.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-again.C {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

// TestTheEngineKnowsWhatPayersSawAndWhoWatches follows a payer's reports over both ways,
// socket and request, to the question that a message's sender asks.
func TestTheEngineKnowsWhatPayersSawAndWhoWatches(t *testing.T) {
	t.Parallel()
	a, p := startNode(t, map[string]string{})
	var witness engine.Witness = a.engine
	token := p.register("A1")["view_token"].(string)
	if witness.Watching(t.Context(), "A1") {
		t.Error("somebody watches")
	}
	report := func(frames ...object) {
		t.Helper()
		status, answer := p.call(http.MethodPost, "/v1/orders/A1/acts", object{"token": token, "frames": frames})
		if status != http.StatusNoContent {
			t.Fatalf("report: %d %v", status, answer)
		}
	}
	began := order.At(time.Now())
	report(object{"type": "seen", "seq": 1}, object{"type": "act", "name": "visible", "seq": 1, "value": 3})
	at, seen, err := witness.SeenAt(t.Context(), "A1", 1)
	if err != nil || !seen || at < began {
		t.Errorf("seen %v at %v, %v", seen, at, err)
	}
	if _, seen, err := witness.SeenAt(t.Context(), "A1", 2); err != nil || seen {
		t.Errorf("seen before it was: %v, %v", seen, err)
	}
	await(t, "the act is stored", func() bool {
		acts, err := a.store.Acts(t.Context(), "A1")
		return err == nil && len(acts) == 1 && acts[0].Name == "visible" && acts[0].Value == 3 && acts[0].Status == order.StatusAwaiting
	})

	first := make(chan struct{}, 100)
	c, err := client.New(client.Config{
		URL:   "ws" + strings.TrimPrefix(p.base, "http") + "/v1/live",
		Token: func(context.Context, string) (string, error) { return token, nil }, Handle: func(client.Frame) { first <- struct{}{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	c.Subscribe("order:A1")
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan struct{})
	go func() { _ = c.Run(ctx); close(left) }()
	<-first
	if !witness.Watching(t.Context(), "A1") || witness.Watching(t.Context(), "A2") {
		t.Error("a payer watches A1, and nobody A2")
	}
	leave()
	<-left
	await(t, "the payer has left", func() bool { return !witness.Watching(t.Context(), "A1") })
}

// TestNoBehaviourIsKeptWhenItIsSwitchedOff holds the switch: on the page and behind it.
func TestNoBehaviourIsKeptWhenItIsSwitchedOff(t *testing.T) {
	t.Parallel()
	for behaviour, wanted := range map[string]bool{"on": true, "off": false} {
		t.Run(behaviour, func(t *testing.T) {
			t.Parallel()
			a, p := startNode(t, map[string]string{"ANXIN_CONFIG": settingsFile(t, "behaviour: "+behaviour+"\n")})
			r := p.register("A1")
			page := p.text(strings.TrimPrefix(r["page_url"].(string), p.base))
			if silent := strings.Contains(page, " data-silent"); silent == wanted {
				t.Errorf("the page is silent: %v", silent)
			}
			status, _ := p.call(http.MethodPost, "/v1/orders/A1/acts", object{
				"token": r["view_token"], "frames": []object{{"type": "act", "name": "left"}, {"type": "seen", "seq": 1}},
			})
			if status != http.StatusNoContent {
				t.Fatalf("report: %d", status)
			}
			if _, seen, err := a.engine.SeenAt(t.Context(), "A1", 1); err != nil || !seen {
				t.Errorf("proof of viewing is no behaviour: %v, %v", seen, err)
			}
			if !wanted && a.witness.behaviour != nil {
				t.Error("behaviour is collected")
			}
			await(t, "what is wanted is stored", func() bool {
				acts, err := a.store.Acts(t.Context(), "A1")
				return err == nil && (len(acts) == 1) == wanted
			})
		})
	}
}
