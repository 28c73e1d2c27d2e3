package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"anxin/engine/order"
)

// A payment that wins the race against the close is found, whoever was told "closed".
func TestAnExpiredOrderIsClosedAndMayStillTurnOutPaid(t *testing.T) {
	t.Parallel()
	p := startServer(t, t.TempDir())
	p.pay("A1", object{"outcome": "unpaid", "close": object{"paid_after": "1s"}})
	body := registration("A1")
	body["expires_at"] = time.Now().Add(2 * time.Second).UTC().Format(time.RFC3339Nano)
	status, answer := p.call(http.MethodPost, "/v1/orders", body)
	if status != http.StatusCreated {
		t.Fatalf("register: %d %v", status, answer)
	}
	token := answer["view_token"].(string)
	frames := p.watch("A1", token)
	closed := frames[len(frames)-1]
	if closed.Status != order.StatusClosed {
		t.Fatalf("it is %s when it has expired", closed.Status)
	}
	after := p.poll("A1", token, closed.frame.Seq)
	// The backend is told that it is closed, then that it is paid.
	for after.Status == order.StatusClosed || after.Status == order.StatusConfirming {
		after = p.poll("A1", token, after.Seq)
	}
	if after.Status != order.StatusSucceeded || !after.DoNotPayAgain {
		t.Errorf("then it is %s", after.Status)
	}
}

// A channel that does not answer is left alone, the page is told the time of the probe,
// and the probe finds the payment.
func TestASickChannelIsProbedAtTheTimeThatThePageShows(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "anxin.yaml")
	settings := "channels: {sandbox: {qps: 20, schedule: [1s, 2s, 30s, 60s], breaker: {failures: 1, cooldown: 2s}}}\n"
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startServer(t, dir, "ANXIN_CONFIG="+file)
	token := p.register("A1")["view_token"].(string)
	p.pay("A1", object{"callback": object{"lost": true}, "query": object{"timeout": 1}})
	p.call(http.MethodPost, "/v1/orders/A1/claim", nil)
	promised, started := order.Time(0), 0
	for _, f := range p.watch("A1", token) {
		if f.frame.Event == "retry.started" {
			started++
			if late := f.UpdatedAt.Sub(promised); late < 0 || late > time.Second {
				t.Errorf("attempt %d began %v after its time", started, late)
			}
		}
		promised = f.NextAttemptAt
	}
	if started < 2 {
		t.Errorf("%d attempts", started)
	}
	if text := p.text("/metrics"); !strings.Contains(text, `anxin_channel_breaker_open{channel="sandbox"} 0`) {
		t.Errorf("metrics:\n%s", text)
	}
}
