package stripe

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"anxin/engine/channel"
	"anxin/engine/channel/stripe/stripetest"
	"anxin/engine/order"
)

// standIn is Stripe's own stand-in for its API, built from the module that go.mod names: it
// refuses questions that Stripe's specification does not know.
type standIn struct {
	binary  string
	samples []byte // its objects
}

func buildStandIn(t *testing.T) standIn {
	t.Helper()
	run := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go %v: %v", args, err)
		}
		return strings.TrimSpace(string(out))
	}
	const module = "github.com/stripe/stripe-mock"
	s := standIn{binary: filepath.Join(t.TempDir(), "stripe-mock")}
	run("build", "-o", s.binary, module)
	raw, err := os.ReadFile(filepath.Join(run("list", "-m", "-f", "{{.Dir}}", module), "embedded/openapi/fixtures3.json"))
	if err != nil {
		t.Fatal(err)
	}
	s.samples = raw
	return s
}

// start starts it with sample objects that edit has changed, and returns its address.
func (s standIn) start(t *testing.T, edit func(map[string]object)) (gateway string) {
	t.Helper()
	var all struct {
		Resources map[string]object `json:"resources"`
	}
	if err := json.Unmarshal(s.samples, &all); err != nil {
		t.Fatal(err)
	}
	edit(all.Resources)
	raw, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	samples := filepath.Join(t.TempDir(), "fixtures.json")
	if err := os.WriteFile(samples, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), s.binary, "-http-addr", "127.0.0.1:0", "-https-addr", "127.0.0.1:0", "-fixtures", samples)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() }) // killed with the test's context
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if _, address, ok := strings.Cut(lines.Text(), "HTTP at address: "); ok {
			return "http://" + address
		}
	}
	t.Fatal("stripe-mock listens nowhere")
	return ""
}

func TestAgainstStripesOwnStandIn(t *testing.T) {
	t.Parallel()
	s := buildStandIn(t)
	t.Run("queries are answered", s.testQueries)
	t.Run("sample objects are read", s.testSamples)
}

func (s standIn) testQueries(t *testing.T) {
	t.Parallel()
	var intent, refund string
	gateway := s.start(t, func(samples map[string]object) {
		i, r := samples["payment_intent"], samples["refund"]
		intent, refund = i["id"].(string), r["id"].(string)
		i["status"], i["amount_received"], i["metadata"], i["currency"] = "succeeded", i["amount"], object{OrderNo: "A1001"}, "jpy"
		r["payment_intent"], r["currency"] = intent, "jpy"
	})
	price := order.Money{Minor: 1099, Currency: "JPY"}
	q := channel.Query{OrderNo: "A1001", Amount: price, ExpiresAt: time.Now().Add(time.Hour)}
	for _, account := range []string{"", stripetest.Account} {
		c := open(t, config(gateway, account))
		for _, txn := range []string{"", intent} {
			q.ChannelTxn, q.RefundIDs = txn, nil
			if ev := ask(t, c, q); ev.Claims != order.ClaimsSucceeded || *ev.Amount != price || ev.ChannelTxn != intent || ev.Merchant != merchant(false, account) {
				t.Errorf("payment: %+v", ev)
			}
			q.RefundIDs = []string{refund}
			if ev := ask(t, c, q); ev.Claims != order.ClaimsRefunded || ev.Refund.ID != refund || ev.Refund.Amount.Minor != 100 {
				t.Errorf("refund: %+v", ev)
			}
		}
	}
	q.OrderNo, q.ChannelTxn = "A1002", ""
	if _, err := open(t, config(gateway, "")).Query(t.Context(), q); codeOf(err) != channel.CodeOtherOrder {
		t.Errorf("another order: %v", err)
	}
	wrong := config(gateway, "")
	wrong.APIKey = stripetest.LiveKey // the stand-in takes test keys only
	if _, err := open(t, wrong).Query(t.Context(), q); codeOf(err) != "http_401" || strings.Contains(err.Error(), stripetest.LiveKey) {
		t.Errorf("a key that it does not know: %v", err)
	}
}

func (s standIn) testSamples(t *testing.T) {
	t.Parallel()
	var intent object
	gateway := s.start(t, func(samples map[string]object) {
		intent = samples["payment_intent"]
		intent["metadata"] = object{OrderNo: "A1001"}
	})
	c := open(t, config(gateway, ""))
	q := channel.Query{OrderNo: "A1001"}
	if ev := ask(t, c, q); ev.Claims != order.ClaimsPending || ev.Amount.Currency != "USD" {
		t.Errorf("payment: %+v", ev)
	}
	notes, err := verify(t, stripetest.Event("evt_1", "payment_intent.payment_failed", paidAt, intent))
	if err != nil || len(notes) != 1 || notes[0].Evidence.Claims != order.ClaimsPending {
		t.Errorf("event: %+v, %v", notes, err)
	}
	if err := c.Close(t.Context(), q); err != nil {
		t.Errorf("close: %v", err)
	}
}
