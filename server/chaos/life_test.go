package chaos

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	wire "anxin/engine/channel/sandbox"
	"anxin/engine/order"
)

type object = map[string]any

// live lets one order go through its fate: its backend registers it, its payer pays,
// comes back and asks, and the channel calls, all in their own time.
func (w *world) live(f *fate) {
	var parts sync.WaitGroup
	registered := make(chan struct{})
	parts.Go(func() {
		if f.early {
			wait(w.ctx, time.Duration(f.index%2000)*time.Millisecond)
		}
		w.register(f)
		close(registered)
	})
	if !f.early {
		<-registered
	}
	if f.pushed {
		parts.Go(func() { <-registered; w.push(f) })
	} else {
		w.tellSteps(f, &parts)
	}
	if !f.stays {
		parts.Go(func() { <-registered; w.leaves(w.ctx, f) })
	}
	if f.claimed && !f.pushed {
		parts.Go(func() { <-registered; w.claim(f) })
	}
	parts.Wait()
}

func (w *world) registration(f *fate) object {
	r := object{
		"order_no": f.no, "channel": "sandbox", "mode": "managed", "amount": price, "subject": "Green tea, 250 g, for " + f.no,
		"payer": f.payer.contact(),
	}
	if f.pushed {
		r["mode"], r["channel"] = "pushed", "elsewhere"
	}
	if f.kind == abandoned {
		r["expires_at"] = order.At(time.Now().Add(time.Duration(4000+f.index%3000) * time.Millisecond))
	}
	return r
}

// register takes the order in, sometimes twice at once and again later.
func (w *world) register(f *fate) {
	body := w.registration(f)
	var twins sync.WaitGroup
	if f.index%10 == 0 && f.kind != abandoned {
		twins.Go(func() { w.wantStatus(f, "registration", body, http.StatusOK, http.StatusCreated) })
	}
	answer := w.wantStatus(f, "registration", body, http.StatusOK, http.StatusCreated)
	twins.Wait()
	if f.index%10 == 1 {
		body["subject"] = "something else"
		w.wantStatus(f, "another order of the same number", body, http.StatusConflict)
	}
	token := decode[struct {
		Token string `json:"view_token"`
	}](w, f, answer).Token
	f.mu.Lock()
	f.token = token
	f.mu.Unlock()
	w.payers.watch(f, token)
	w.optIn(f)
}

func (w *world) wantStatus(f *fate, what string, body any, want ...int) []byte {
	status, answer := w.insist(f, http.MethodPost, "/v1/orders", asBackend, body)
	for f.kind == abandoned && status == http.StatusUnprocessableEntity { // the server was away until the order had expired
		status, answer = w.insist(f, http.MethodPost, "/v1/orders", asBackend, w.registration(f))
	}
	for _, s := range want {
		if s == status || ended(w.ctx) {
			return answer
		}
	}
	w.wrongs.add("registration", "%s: %s was answered %d %s", f.no, what, status, answer)
	return answer
}

// claim is the payer coming back from the cashier, and pressing the button.
func (w *world) claim(f *fate) {
	wait(w.ctx, time.Duration(f.index*37%3000)*time.Millisecond)
	status, answer := w.insist(f, http.MethodPost, "/v1/orders/"+f.no+"/claim", asBackend, object{})
	if status != http.StatusOK {
		w.wrongs.add("claim", "%s was answered %d %s", f.no, status, answer)
	}
	f.mu.Lock()
	f.claim = true
	f.mu.Unlock()
	for range f.index % 3 {
		wait(w.ctx, 900*time.Millisecond)
		w.checkNow(f)
	}
}

// checkNow presses the button once; any answer will do that is one.
func (w *world) checkNow(f *fate) {
	if !w.server.await(w.ctx) {
		return
	}
	status, answer, err := w.try(f, http.MethodPost, "/v1/orders/"+f.no+"/query", asBackend, []byte("{}"))
	if err == nil && status != http.StatusAccepted && status != http.StatusTooManyRequests && status < 500 {
		w.wrongs.add("check now", "%s was answered %d %s", f.no, status, answer)
	}
}

// tellSteps lets the truth change step by step, and the channel call about each.
func (w *world) tellSteps(f *fate, calls *sync.WaitGroup) {
	f.mu.Lock()
	n := len(f.steps)
	f.mu.Unlock()
	if f.kind == abandoned {
		return // whatever happens, the server's own close brings about
	}
	for range n {
		wait(w.ctx, f.steps[f.reachedNow()].after)
		i, s := f.happen()
		if s.lost {
			continue
		}
		notice := wire.Notice{ID: fmt.Sprintf("%s-%d", f.no, i), Payment: s.payment}
		for range s.copies {
			calls.Go(func() { w.call(f, notice) })
		}
		if f.index%7 == i {
			calls.Go(func() { w.lie(f, notice) })
		}
	}
}

func (f *fate) reachedNow() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reached
}

const callbackPath = "/v1/callbacks/sandbox"

// dam is how long the channel holds back what it then lets go in a flood.
const dam = 2 * time.Second

// call brings a callback, late or at once, again and again until it is acknowledged.
func (w *world) call(f *fate, n wire.Notice) {
	switch what := w.faults.upTo(100); {
	case what < 30: // held back, and let go all at once
		wait(w.ctx, dam-time.Duration(time.Now().UnixNano())%dam)
	case what < 70:
		wait(w.ctx, time.Duration(w.faults.upTo(6000)%6000)*time.Millisecond)
	}
	body, err := json.Marshal(n)
	if err != nil {
		panic(err)
	}
	for w.server.await(w.ctx) {
		header := http.Header{}
		wire.Seal(header, w.gateway.secret, time.Now(), wire.NewNonce(), body)
		status, answer, err := w.try(f, http.MethodPost, callbackPath, header, body)
		if err == nil && status == http.StatusOK && strings.Contains(string(answer), "SUCCESS") {
			f.mu.Lock()
			f.acked = append(f.acked, n.ID)
			f.mu.Unlock()
			return
		}
		if err == nil && status < 500 {
			w.wrongs.add("callback refused", "%s: %d %s", n.ID, status, answer)
			return
		}
		wait(w.ctx, 100*time.Millisecond)
	}
}

// lie brings a callback that must not be believed: with a signature that is none, too
// old, about another amount or for another account.
func (w *world) lie(f *fate, n wire.Notice) {
	n.ID += "-lie"
	what := f.index % 4
	secret, at, kind := w.gateway.secret, time.Now(), order.CaseKind("")
	switch what {
	case 0, 1:
		n.Payment.State, n.Payment.Refunds = wire.StateFailed, nil
		if n.Payment = f.state(wire.StateFailed); f.kind == fails {
			n.Payment = f.state(wire.StateSucceeded)
		}
		if secret = "not the secret"; what == 1 {
			secret, at = w.gateway.secret, at.Add(-wire.Window-time.Minute)
		}
	case 2:
		n.Payment = f.state(wire.StateSucceeded)
		n.Payment.Amount, kind = &order.Money{Minor: 1, Currency: price.Currency}, order.CaseAmountMismatch
	case 3:
		n.Payment = f.state(wire.StateSucceeded)
		n.Payment.Merchant, kind = "somebody-else", order.CaseMerchantMismatch
	}
	if kind != "" {
		f.cause(kind)
		w.believed(f, n, kind)
		return
	}
	body, err := json.Marshal(n)
	if err != nil {
		panic(err)
	}
	header := http.Header{}
	wire.Seal(header, secret, at, wire.NewNonce(), body)
	if status, answer := w.insist(f, http.MethodPost, callbackPath, header, n); status != http.StatusUnauthorized && !ended(w.ctx) {
		w.wrongs.add("forgery", "%s was answered %d %s", n.ID, status, answer)
	}
}

// believed brings a callback that is authentic and wrong: it must be kept, and a person
// be told.
func (w *world) believed(f *fate, n wire.Notice, kind order.CaseKind) {
	w.call(f, n)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.must[kind] = true
}

// push tells the story of a pushed order, each update under a key, some twice.
func (w *world) push(f *fate) {
	updates := []object{{"type": "confirming"}, {"type": "retrying", "next_attempt_at": order.At(time.Now().Add(time.Minute))}}
	for i, s := range f.steps {
		update := object{"type": string(s.payment.State)}
		for _, r := range s.payment.Refunds {
			update = object{"type": "refunding", "refund": object{"id": r.RefundID, "amount": r.Amount}}
			if r.State == wire.RefundCredited {
				update["type"] = "refunded"
			}
		}
		f.steps[i].lost = true
		updates = append(updates, update)
	}
	for i, u := range updates {
		wait(w.ctx, time.Duration((f.index+i)*53%700)*time.Millisecond)
		w.update(f, i, u, http.StatusOK)
		if f.index%3 == 0 {
			w.update(f, i, u, http.StatusOK)
		}
		if f.index%5 == 0 {
			w.update(f, i, object{"type": "retrying", "attempt": 99}, http.StatusConflict)
		}
		f.mu.Lock()
		f.updates = i + 1
		f.mu.Unlock()
	}
}

func (w *world) update(f *fate, i int, content object, want int) {
	header := with(asBackend, "Idempotency-Key", fmt.Sprintf("%s-u%d", f.no, i))
	status, answer := w.insist(f, http.MethodPost, "/v1/orders/"+f.no+"/updates", header, content)
	if status != want && !ended(w.ctx) {
		w.wrongs.add("update", "%s: %v was answered %d %s, want %d", f.no, content, status, answer, want)
	}
}
