package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"anxin/engine"
	"anxin/engine/notify"
)

// person is a payer: of one order, or of several.
type person struct {
	id    string
	phone string // "" = not reached by SMS
	email string
	// device is the merchant's app on the payer's phone.
	device string
	// asks says that the backend does not know phone and e-mail: the payer leaves them on
	// the page.
	asks bool
	// dead says that number, mailbox and app are gone: each provider refuses them for good.
	dead bool
	// weary payers unsubscribe with the first mail that lets them.
	weary bool

	mu       sync.Mutex // guards what follows
	optedIn  map[notify.Channel]time.Time
	optedOut map[notify.Channel]time.Time
}

// sharing payers have some of each ten orders that begin together; all others have one.
const (
	sharing = 3
	ofEach  = 10
)

// payerOf returns the index of the order whose payer has this one too.
func payerOf(i int) int {
	if i%ofEach < sharing {
		return i - i%ofEach
	}
	return i
}

func newPerson(seed uint64, i int) *person {
	rng := rand.New(rand.NewPCG(seed, uint64(i)+1<<40))
	p := &person{
		id: fmt.Sprintf("u%x-%d", seed&0xffff, i), optedIn: make(map[notify.Channel]time.Time), optedOut: make(map[notify.Channel]time.Time),
		asks: rng.IntN(100) < 15, dead: rng.IntN(100) < 4, weary: rng.IntN(100) < 40,
	}
	if rng.IntN(100) < 50 {
		p.phone = fmt.Sprintf("+1415%07d", i)
	}
	if rng.IntN(100) < 30 {
		p.email = p.id + "@mail.example"
	}
	if rng.IntN(100) < 35 {
		p.device = "token-" + p.id
	}
	return p
}

// contact is what the backend registers of the payer.
func (p *person) contact() object {
	c := object{"id": p.id, "locale": "en"}
	if p.phone != "" && !p.asks {
		c["phone"] = p.phone
	}
	if p.email != "" && !p.asks {
		c["email"] = p.email
	}
	if p.device != "" {
		c["push"] = []string{"fcm:" + p.device}
	}
	return c
}

// at is where a channel reaches the payer, "" for nowhere.
func (p *person) at(c notify.Channel) string {
	switch c {
	case notify.SMS:
		return p.phone
	case notify.Email:
		return p.email
	case notify.Push:
		return p.device
	case notify.Inbox:
		return p.id
	case notify.WebPush, notify.Gateway, notify.Robot:
	}
	return ""
}

// reachedSince returns since when a channel reaches the payer.
func (p *person) reachedSince(c notify.Channel) (since time.Time, ok bool) {
	if p.at(c) == "" || (p.dead && c != notify.Inbox) {
		return time.Time{}, false
	}
	if !p.asks || (c != notify.SMS && c != notify.Email) {
		return time.Time{}, true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	since, ok = p.optedIn[c]
	return since, ok
}

// outSince returns when the payer had unsubscribed from a channel.
func (p *person) outSince(c notify.Channel) (since time.Time, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	since, ok = p.optedOut[c]
	return since, ok
}

// optIn leaves on the page what the backend does not know.
func (w *world) optIn(f *fate) {
	p := f.payer
	if !p.asks {
		return
	}
	for c, wish := range map[notify.Channel]object{
		notify.SMS: {"kind": "sms", "phone": p.phone, "locale": "en"}, notify.Email: {"kind": "email", "email": p.email},
	} {
		if p.at(c) == "" {
			continue
		}
		if _, out := p.outSince(c); out {
			continue // who has just unsubscribed does not ask again
		}
		status, answer := w.insist(f, http.MethodPost, "/v1/orders/"+f.no+"/optin", asBackend, wish)
		if status != http.StatusOK && !ended(w.ctx) {
			w.wrongs.add("opt-in", "%s: %s was answered %d %s", f.no, c, status, answer)
			continue
		}
		p.mu.Lock()
		if p.optedIn[c].IsZero() {
			p.optedIn[c] = time.Now()
		}
		p.mu.Unlock()
	}
}

// optOut follows the link of a mail, as a mail program does for the payer (RFC 8058).
func (w *world) optOut(f *fate, link string) {
	u, err := url.Parse(link)
	if err != nil || !strings.HasPrefix(link, w.server.base()+"/") {
		w.wrongs.add("unsubscribe link", "%s: %q", f.no, link)
		return
	}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	body := []byte("List-Unsubscribe=One-Click")
	for w.server.await(w.ctx) {
		status, answer, err := w.try(f, http.MethodPost, u.RequestURI(), header, body)
		switch {
		case err == nil && status == http.StatusOK:
			f.payer.mu.Lock()
			if f.payer.optedOut[notify.Email].IsZero() {
				f.payer.optedOut[notify.Email] = time.Now()
			}
			f.payer.mu.Unlock()
			return
		case err == nil && status < 500 && status != http.StatusTooManyRequests:
			w.wrongs.add("unsubscribe", "%s was answered %d %s", f.no, status, answer)
			return
		}
		wait(w.ctx, 100*time.Millisecond)
	}
}

// inboxOf names the payer's message centre.
func (p *person) inboxOf() string { return engine.InboxID(backendName, p.id) }

// leaves lets the payer look at the page for a while and go.
func (w *world) leaves(ctx context.Context, f *fate) {
	wait(ctx, f.looks)
	w.payers.leave(f)
}
