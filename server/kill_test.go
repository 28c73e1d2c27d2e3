package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"anxin/engine/channel/sandbox"
	"anxin/engine/order"
)

// channelSecret reads what the server generated, as the sandbox's channel holds it.
func (p *process) channelSecret() string {
	p.t.Helper()
	raw, err := os.ReadFile(filepath.Join(p.dir, "secrets.json"))
	if err != nil {
		p.t.Fatal(err)
	}
	var secrets struct {
		Channel string `json:"sandbox_channel_secret"`
	}
	if err := json.Unmarshal(raw, &secrets); err != nil || secrets.Channel == "" {
		p.t.Fatalf("secrets.json: %v", err)
	}
	return secrets.Channel
}

// callback is a signed success for an order, made outside of the simulator.
func (p *process) callback(ctx context.Context, secret, orderNo string) (*http.Request, error) {
	body, err := json.Marshal(sandbox.Notice{ID: "evt_" + orderNo, Payment: sandbox.Payment{
		OutTradeNo: orderNo, Merchant: sandboxMerchant, TransactionID: "tx_" + orderNo, State: sandbox.StateSucceeded,
		Amount: &order.Money{Minor: 8800, Currency: "CNY"}, At: order.At(time.Now()),
	}})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.base+"/v1/callbacks/sandbox", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	sandbox.Seal(req.Header, secret, time.Now(), rand.Text(), body)
	return req, nil
}

// TestKillDuringCallbacks cuts the power while 200 callbacks arrive at once. After the
// restart every acknowledged one is there, and the orders whose callback was lost are
// found by queries that nobody has to ask for again.
func TestKillDuringCallbacks(t *testing.T) {
	t.Parallel()
	const callbacks, lost = 200, 10
	dir := t.TempDir()
	p := startServer(t, dir)
	for i := range callbacks {
		p.register(fmt.Sprintf("K%d", i))
	}
	for i := range lost { // these are paid, claimed, and will never hear of it
		no := fmt.Sprintf("L%d", i)
		p.register(no)
		p.pay(no, object{"callback": object{"lost": true}, "query": object{"processing": 1}})
		p.call(http.MethodPost, "/v1/orders/"+no+"/claim", nil)
	}
	acknowledged := p.callbacksUntilKilled(callbacks, callbacks/3)
	t.Logf("%d of %d callbacks were acknowledged before the kill", len(acknowledged), callbacks)

	p = startServerAt(t, dir, p.base[len("http://"):])
	for _, no := range acknowledged { // some of them were only stored: they are weighed now
		await(t, no+", which was acknowledged, is paid", func() bool { return p.order(no)["payment"] == "succeeded" })
	}
	for i := range lost {
		no := fmt.Sprintf("L%d", i)
		token := p.register200(no)
		if frames := p.watch(no, token); frames[len(frames)-1].Status != order.StatusSucceeded {
			t.Errorf("%s does not go on after the restart", no)
		}
	}
}

// bring has the channel's callback of a success come now.
func (p *process) bring(orderNo string) {
	p.t.Helper()
	req, err := p.callback(p.t.Context(), p.channelSecret(), orderNo)
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		p.t.Fatalf("callback of %s: %s", orderNo, resp.Status)
	}
}

// register200 registers the same again, which gives fresh tokens.
func (p *process) register200(orderNo string) string {
	p.t.Helper()
	status, answer := p.call(http.MethodPost, "/v1/orders", registration(orderNo))
	if status != http.StatusOK {
		p.t.Fatalf("register %s again: %d %v", orderNo, status, answer)
	}
	return answer["view_token"].(string)
}

// callbacksUntilKilled sends n callbacks at once and kills the server when `after` of
// them have been acknowledged. It returns the orders of all acknowledged ones.
func (p *process) callbacksUntilKilled(n, after int) []string {
	p.t.Helper()
	secret := p.channelSecret()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: n}, Timeout: patience}
	defer client.CloseIdleConnections()
	var (
		all    sync.WaitGroup
		mu     sync.Mutex
		acked  []string
		count  atomic.Int64
		signal = make(chan struct{})
	)
	for i := range n {
		all.Go(func() {
			no := fmt.Sprintf("K%d", i)
			req, err := p.callback(p.t.Context(), secret, no)
			if err != nil {
				p.t.Error(err)
				return
			}
			resp, err := client.Do(req)
			if err != nil {
				return // killed
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				p.t.Errorf("callback of %s: %s", no, resp.Status)
				return
			}
			mu.Lock()
			acked = append(acked, no)
			mu.Unlock()
			if count.Add(1) == int64(after) {
				close(signal)
			}
		})
	}
	select {
	case <-signal:
	case <-time.After(patience):
		p.t.Fatalf("only %d callbacks were acknowledged:\n%s", count.Load(), p.logs())
	}
	p.kill()
	all.Wait()
	return acked
}
