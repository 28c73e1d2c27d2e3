package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"anxin/engine/order"
	"anxin/hub/client"
)

// watched is one frame with its decoded state.
type watched struct {
	frame client.Frame
	order.Progress
}

// watch collects an order's frames until it is final.
func (p *process) watch(orderNo, token string) []watched {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	var frames []watched
	c, err := client.New(client.Config{
		URL:   "ws" + strings.TrimPrefix(p.base, "http") + "/v1/live",
		Token: func(context.Context, string) (string, error) { return token, nil },
		Handle: func(f client.Frame) {
			w := watched{frame: f}
			if f.Type == client.Error {
				p.t.Errorf("refused: %s %s", f.Code, f.Message)
				cancel()
				return
			}
			if err := json.Unmarshal(f.Data, &w.Progress); err != nil {
				p.t.Errorf("frame without state: %v", err)
			}
			frames = append(frames, w)
			if w.Status.Final() {
				cancel()
			}
		},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	c.Subscribe("order:" + orderNo)
	_ = c.Run(ctx)
	if len(frames) == 0 || !frames[len(frames)-1].Status.Final() {
		p.t.Fatalf("no result for %s:\n%s", orderNo, p.logs())
	}
	return frames
}

// TestLostCallbackIsToldLive is the main job over the API: the callback never comes,
// each check is announced, starts at its time, and the third finds the payment.
func TestLostCallbackIsToldLive(t *testing.T) {
	t.Parallel()
	p := startServer(t, t.TempDir())
	token := p.register("A1")["view_token"].(string)
	p.pay("A1", object{"callback": object{"lost": true}, "query": object{"processing": 2}})
	p.call(http.MethodPost, "/v1/orders/A1/claim", nil)
	frames := p.watch("A1", token)

	promised, started := order.Time(0), 0
	for i, f := range frames {
		if i > 0 && f.frame.Seq <= frames[i-1].frame.Seq {
			t.Errorf("frame %d: seq %d after %d", i, f.frame.Seq, frames[i-1].frame.Seq)
		}
		switch f.frame.Event {
		case "retry.scheduled":
			if f.NextAttemptAt == 0 {
				t.Error("a scheduled retry without its time")
			}
		case "retry.started":
			started++
			if f.Attempt != started || !f.Attempting {
				t.Errorf("retry %d is told as %d", started, f.Attempt)
			}
			if promised == 0 || f.UpdatedAt < promised {
				t.Errorf("retry %d began at %s, promised for %s", started, f.UpdatedAt, promised)
			}
		}
		promised = f.NextAttemptAt
		if !f.DoNotPayAgain {
			t.Errorf("frame %d (%s) says that paying again is fine", i, f.frame.Event)
		}
	}
	if last := frames[len(frames)-1]; started != 3 || last.Status != order.StatusSucceeded {
		t.Errorf("%d retries, then %s; want 3, then succeeded", started, last.Status)
	}
}

// TestBackendFailure shows "callback received, processing failed" and its recovery.
func TestBackendFailure(t *testing.T) {
	t.Parallel()
	p := startServer(t, t.TempDir())
	token := p.register("A2")["view_token"].(string)
	p.call(http.MethodPost, "/v1/orders/A2/claim", nil)
	p.pay("A2", object{"backend": object{"fail": 1}})
	received := false
	for _, f := range p.watch("A2", token) {
		received = received || f.Status == order.StatusConfirming && f.Step == order.StepReceived && f.NextAttemptAt != 0
	}
	if !received {
		t.Error("the payer was not told that the money has arrived while the order was being updated")
	}
	told := false
	for _, ev := range p.order("A2")["timeline"].([]any) {
		detail, _ := ev.(object)["detail"].(object)
		told = told || detail["diagnosis"] == string(order.DiagnosisProcessingFailed)
	}
	if !told {
		t.Error("no event was diagnosed as processing_failed")
	}
}

// TestOutcomes walks through what life does to payments, each to its end.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	p := startServer(t, t.TempDir())
	tests := map[string]struct {
		plan object
		want order.Status
	}{
		"in-time":       {object{}, order.StatusSucceeded},
		"late":          {object{"callback": object{"delay": "4s"}, "query": object{"processing": 9}}, order.StatusSucceeded},
		"twice":         {object{"callback": object{"times": 2}}, order.StatusSucceeded},
		"forged":        {object{"callback": object{"bad_signature": true}}, order.StatusSucceeded},
		"unknown":       {object{"callback": object{"lost": true}, "query": object{"not_found": 1}}, order.StatusSucceeded},
		"query-timeout": {object{"callback": object{"lost": true}, "query": object{"timeout": 1}}, order.StatusSucceeded},
		"declined":      {object{"outcome": "declined"}, order.StatusFailed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := p.reportingTo(t)
			token := q.register(name)["view_token"].(string)
			q.call(http.MethodPost, "/v1/orders/"+name+"/claim", nil)
			q.pay(name, test.plan)
			frames := q.watch(name, token)
			if last := frames[len(frames)-1]; last.Status != test.want {
				t.Errorf("ends as %s, want %s", last.Status, test.want)
			}
		})
	}
}

// TestWrongAmountIsNeverPaid holds that a truly signed callback about another amount
// opens a case and moves nothing; the query finds the truth.
func TestWrongAmountIsNeverPaid(t *testing.T) {
	t.Parallel()
	p := startServer(t, t.TempDir())
	token := p.register("A3")["view_token"].(string)
	p.call(http.MethodPost, "/v1/orders/A3/claim", nil)
	p.pay("A3", object{"callback": object{"wrong_amount": true}, "query": object{"processing": 1}})
	opened := false
	for _, f := range p.watch("A3", token) {
		opened = opened || f.Status == order.StatusConfirming && f.Review != nil // in a snapshot, where it opened before we watched
	}
	if !opened {
		t.Error("the mismatch opened no case before the truth was found")
	}
}

// TestRefund follows a refund from its acceptance to the credit.
func TestRefund(t *testing.T) {
	t.Parallel()
	p := startServer(t, t.TempDir())
	token := p.register("A4")["view_token"].(string)
	p.call(http.MethodPost, "/v1/orders/A4/claim", nil)
	p.pay("A4", object{"refund": object{"after": "1s", "credited_after": "2s"}})
	seen := map[order.Status]bool{}
	after := int64(0)
	for deadline := time.Now().Add(patience); !seen[order.StatusRefunded]; {
		if time.Now().After(deadline) {
			t.Fatalf("not refunded, saw %v", seen)
		}
		state := p.poll("A4", token, after)
		seen[state.Status], after = true, max(after, state.Seq)
	}
	if !seen[order.StatusRefunding] {
		t.Error("the acceptance of the refund was not told")
	}
}

// poll long-polls for the next state as an app without sockets does.
func (p *process) poll(orderNo, token string, after int64) order.Progress {
	p.t.Helper()
	address := p.base + "/v1/orders/" + orderNo + "?wait=20s&after=" + order.Money{Minor: after, Currency: "JPY"}.Decimal()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	var state order.Progress
	switch resp.StatusCode {
	case http.StatusNoContent:
	case http.StatusOK:
		if err := json.NewDecoder(resp.Body).Decode(&state); err != nil {
			p.t.Fatal(err)
		}
	default:
		p.t.Fatalf("long poll: %s", resp.Status)
	}
	return state
}

// TestWatchCommand runs what the README runs.
func TestWatchCommand(t *testing.T) {
	t.Parallel()
	p := startServer(t, t.TempDir())
	p.register("A5")
	p.pay("A5", object{"callback": object{"lost": true}})
	p.call(http.MethodPost, "/v1/orders/A5/claim", nil)
	var out bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := run(ctx, []string{"watch", "-url", p.base, "A5"}, func(string) string { return "" }, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"snapshot", "retry.started", "check #1 is running", "succeeded"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("output lacks %q:\n%s", want, out.String())
		}
	}
	if err := run(ctx, []string{"watch", "-url", p.base, "NOPE"}, func(string) string { return "" }, &out); err == nil {
		t.Error("watching an unknown order succeeds")
	}
}
