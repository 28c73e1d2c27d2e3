package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"anxin/engine/channel"
	"anxin/engine/channel/standardhook/standardhooktest"
	"anxin/engine/order"
	"anxin/hub/client"
	"anxin/server/config"
)

// liveAccount is one provider's account as an operator configures it, with the provider
// played by its own test package: callbacks signed by an implementation other than the
// adapter's, and a gateway that checks what it is asked. Each provider has an entry in
// liveAccounts, and is put to every test of this file.
type liveAccount struct {
	provider string
	account  func(gateway string) object // channels.pay.account
	files    func() map[string]string    // beside the configuration
	env      []string
	// callback tells that an order was paid in full; wrong says whether with a key that is
	// not the provider's.
	callback func(t *testing.T, orderNo string, wrong bool) channel.Request
	// answer tells the same to whoever asks.
	answer  func(t *testing.T, w http.ResponseWriter, r *http.Request, orderNo string)
	success channel.Answer
	// marked are secrets, and what the provider tells of payers.
	marked []string
}

// merchantServer is a server with one account, and the provider's gateway.
type merchantServer struct {
	*process
	liveAccount
	asked atomic.Int64
}

// start runs a server for an account whose gateway knows of one paid order, or has an
// outage when silent.
func (a liveAccount) start(t *testing.T, orderNo string, silent bool) *merchantServer {
	t.Helper()
	m := &merchantServer{liveAccount: a}
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.asked.Add(1)
		if silent {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		a.answer(t, w, r, orderNo)
	}))
	t.Cleanup(gateway.Close)
	dir := t.TempDir()
	m.process = startServer(t, dir, append(a.environment(t, dir, gateway.URL), "ANXIN_LOG_LEVEL=debug")...)
	return m
}

// environment writes the account's configuration and files and says where they are.
func (a liveAccount) environment(t *testing.T, dir, gateway string) []string {
	t.Helper()
	for name, text := range a.files() {
		writeFile(t, filepath.Join(dir, name), text)
	}
	content, err := json.Marshal(object{"weigh_within": "10s", "channels": object{"pay": object{"provider": a.provider, "account": a.account(gateway)}}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "anxin.yaml")
	writeFile(t, path, string(content)) // JSON is YAML
	return append([]string{"ANXIN_CONFIG=" + path, "ANXIN_DATA_DIR=" + dir}, a.env...)
}

// policy opens the account as the server would.
func (a liveAccount) policy(t *testing.T) channel.Policy {
	t.Helper()
	env := make(map[string]string)
	for _, entry := range a.environment(t, t.TempDir(), "http://127.0.0.1:9") {
		name, value, _ := strings.Cut(entry, "=")
		env[name] = value
	}
	cfg, err := config.Load(func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	ch, err := openAccount("pay", cfg.Channels["pay"], log)
	if err != nil {
		t.Fatal(err)
	}
	return ch.Policy()
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// registerClaimed makes an order of the account, claimed, and returns its view token.
func (m *merchantServer) registerClaimed(orderNo string) string {
	m.t.Helper()
	r := registration(orderNo)
	r["channel"] = "pay"
	status, answer := m.call(http.MethodPost, "/v1/orders", r)
	if status != http.StatusCreated {
		m.t.Fatalf("register %s: %d %v", orderNo, status, answer)
	}
	m.call(http.MethodPost, "/v1/orders/"+orderNo+"/claim", nil)
	return answer["view_token"].(string)
}

// deliver brings a callback over HTTP and returns the answer.
func (m *merchantServer) deliver(r channel.Request) channel.Answer {
	m.t.Helper()
	req, err := http.NewRequestWithContext(m.t.Context(), http.MethodPost, m.base+"/v1/callbacks/pay", bytes.NewReader(r.Body))
	if err != nil {
		m.t.Fatal(err)
	}
	req.Header = r.Header.Clone()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		m.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		m.t.Fatal(err)
	}
	return channel.Answer{Status: resp.StatusCode, Body: body}
}

// wantNoMark looks for secrets and payers in everything that the server let out.
func (m *merchantServer) wantNoMark(frames []watched, orderNo, token string) {
	m.t.Helper()
	out := []string{m.logs(), m.text("/pay/" + orderNo + "?k=" + token), m.text("/metrics")}
	for _, f := range frames {
		out = append(out, string(f.frame.Data))
	}
	for _, mark := range m.marked {
		for _, text := range out {
			if strings.Contains(text, mark) {
				m.t.Errorf("%q came out:\n%s", mark, text)
			}
		}
	}
}

func eachAccount(t *testing.T, test func(t *testing.T, a liveAccount)) {
	t.Helper()
	for name, a := range liveAccounts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, a)
		})
	}
}

// awaitWatcher returns when a page is connected.
func (m *merchantServer) awaitWatcher() {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if strings.Contains(m.text("/metrics"), "anxin_live_subscriptions 1\n") {
			return
		}
	}
	m.t.Error("nobody watches")
}

// TestACallbackReachesThePage brings the provider's callback over HTTP to the payer's
// live frames; a forged one before it moves nothing, a repeated one after it neither.
func TestACallbackReachesThePage(t *testing.T) {
	t.Parallel()
	eachAccount(t, func(t *testing.T, a liveAccount) {
		const orderNo = "C10001"
		m := a.start(t, orderNo, true)
		token := m.registerClaimed(orderNo)
		if answer := m.deliver(a.callback(t, orderNo, true)); answer.Status < 400 {
			t.Errorf("a forged callback is answered %d %s", answer.Status, answer.Body)
		}
		if status := m.order(orderNo)["payment"]; status != string(order.Pending) {
			t.Errorf("a forged callback made the order %v", status)
		}
		var delivered sync.WaitGroup
		delivered.Go(func() {
			m.awaitWatcher()
			paid := a.callback(t, orderNo, false)
			for range 2 {
				if answer := m.deliver(paid); answer.Status != a.success.Status || !bytes.Equal(answer.Body, a.success.Body) {
					t.Errorf("a true callback is answered %d %s", answer.Status, answer.Body)
				}
			}
		})
		frames := m.watch(orderNo, token)
		delivered.Wait()
		if first, last := frames[0], frames[len(frames)-1]; first.Status != order.StatusConfirming || last.Status != order.StatusSucceeded || last.frame.Type != client.Update {
			t.Errorf("the page begins with %s and ends with %s", first.Status, last.Status)
		}
		if again := m.order(orderNo); again["seq"].(float64) != float64(frames[len(frames)-1].Seq) {
			t.Errorf("a repeated callback moved the order to %v", again["seq"])
		}
		m.wantNoMark(frames, orderNo, token)
	})
}

// TestALostCallbackIsFoundAtTheGateway asks the provider, which was paid and could not tell.
func TestALostCallbackIsFoundAtTheGateway(t *testing.T) {
	t.Parallel()
	eachAccount(t, func(t *testing.T, a liveAccount) {
		const orderNo = "C20001"
		m := a.start(t, orderNo, false)
		token := m.registerClaimed(orderNo)
		frames := m.watch(orderNo, token)
		if last := frames[len(frames)-1]; last.Status != order.StatusSucceeded {
			t.Errorf("the page ends with %s", last.Status)
		}
		if n := m.asked.Load(); n == 0 {
			t.Error("the gateway was not asked")
		}
		if fault := m.order(orderNo)["fault"]; fault != string(order.DiagnosisCallbackMissing) {
			t.Errorf("the fault is %v", fault)
		}
		m.wantNoMark(frames, orderNo, token)
	})
}

// TestChangedKeysNeedNoRestart replaces the secret's file: after SIGHUP the new key
// verifies and the old one does not; a file that cannot be used changes nothing.
func TestChangedKeysNeedNoRestart(t *testing.T) {
	t.Parallel()
	a := liveAccounts["standardhook"]
	m := a.start(t, "C30001", true)
	m.registerClaimed("C30001")
	replace := func(text string) {
		writeFile(t, filepath.Join(m.dir, "callback.secret"), text)
		if err := m.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	replace("not a key")
	m.awaitLog("cannot be used")
	if answer := m.deliver(a.callback(t, "C30001", true)); answer.Status != http.StatusUnauthorized {
		t.Errorf("another key's callback is answered %d", answer.Status)
	}
	replace(standardhooktest.Foreign)
	m.awaitLog("credentials loaded anew")
	if answer := m.deliver(a.callback(t, "C30001", false)); answer.Status != http.StatusUnauthorized {
		t.Errorf("the old key's callback is answered %d", answer.Status)
	}
	if answer := m.deliver(a.callback(t, "C30001", true)); answer.Status != http.StatusNoContent {
		t.Errorf("the new key's callback is answered %d", answer.Status)
	}
	if metrics := m.text("/metrics"); !strings.Contains(metrics, `anxin_channel_credential_reloads_total{channel="pay",result="taken"} 1`) ||
		!strings.Contains(metrics, `anxin_channel_credential_reloads_total{channel="pay",result="refused"} 1`) {
		t.Errorf("metrics do not tell:\n%s", metrics)
	}
}

func (m *merchantServer) awaitLog(text string) {
	m.t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-again.C {
		if strings.Contains(m.logs(), text) {
			return
		}
	}
	m.t.Fatalf("the log does not say %q:\n%s", text, m.logs())
}
