package engine_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"anxin/engine"
	"anxin/engine/channel"
	"anxin/engine/notify"
	"anxin/engine/order"
)

// phone is a notify.Provider that does what a test tells it and remembers what it took.
type phone struct {
	mu      sync.Mutex
	traits  notify.Traits
	does    func(ctx context.Context, n int, m notify.Message) (notify.Receipt, error) // n counts calls from 1
	calls   int
	taken   []notify.Message
	at      []time.Time
	running int
	most    int                   // calls at once
	updates []notify.StatusUpdate // that ParseReceipts reads out of any request
}

func (p *phone) ParseReceipts(context.Context, channel.Request) ([]notify.StatusUpdate, error) {
	if p.updates[0].Status == "refused" {
		return nil, channel.ErrSignature
	}
	return p.updates, nil
}

func (p *phone) AnswerReceipts(err error) channel.Answer {
	if err != nil {
		return channel.Answer{Status: 403}
	}
	return channel.Answer{Status: 200}
}

func (p *phone) Traits() notify.Traits { return p.traits }

func (p *phone) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	p.mu.Lock()
	p.calls++
	n, does := p.calls, p.does
	p.running++
	p.most = max(p.most, p.running)
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.running--
	}()
	r := notify.Receipt{ProviderID: fmt.Sprint("p", n)}
	if does != nil {
		var err error
		if r, err = does(ctx, n, m); err != nil {
			return r, err
		}
	}
	p.take(m)
	return r, nil
}

// do has calls from now on behave so; nil = they are taken.
func (p *phone) do(f func(context.Context, int, notify.Message) (notify.Receipt, error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.does = f
}

func (p *phone) take(m notify.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken, p.at = append(p.taken, m), append(p.at, time.Now())
}

func (p *phone) sent() []notify.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.taken)
}

func (p *phone) notices() []notify.Notice {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []notify.Notice
	for _, m := range p.taken {
		list = append(list, m.Notice)
	}
	return list
}

func fails(kind notify.ErrorKind, code string) func(context.Context, int, notify.Message) (notify.Receipt, error) {
	return func(context.Context, int, notify.Message) (notify.Receipt, error) {
		return notify.Receipt{}, &notify.SendError{Kind: kind, Code: code}
	}
}

type plainLinks struct{}

func (plainLinks) Page(o order.Order) string { return "https://pay.example/pay/" + o.OrderNo }
func (plainLinks) Unsubscribe(payer string, c notify.Channel) string {
	return "https://pay.example/unsubscribe?k=" + payer + string(c)
}

// screens are what payers look at.
type screens struct {
	mu       sync.Mutex
	watching map[string]bool
}

func (s *screens) watch(orderNo string, watches bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watching[orderNo] = watches
}

func (s *screens) Watching(_ context.Context, orderNo string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.watching[orderNo]
}

// office is a house that tells payers: by SMS over one or two providers, and the inbox.
type office struct {
	*house
	sms, second, push *phone
	screens           *screens
	plan              *notify.Plan
}

func simplePlan() *notify.Plan {
	steps := []notify.Step{{Channel: notify.Inbox, EvenIfSeen: true}, {Channel: notify.SMS}}
	return &notify.Plan{Zone: time.UTC, Delayed: time.Minute, Rules: []notify.Rule{
		{Notices: []notify.Notice{notify.NoticeDelayed, notify.NoticeProlonged}, Claimed: true, Steps: steps},
		{Notices: []notify.Notice{notify.NoticeSucceeded, notify.NoticeFailed, notify.NoticeClosed}, Waited: true, Steps: steps},
		{Notices: []notify.Notice{notify.NoticeRefunding, notify.NoticeRefunded}, Steps: steps},
	}}
}

func (o *office) deps() *engine.MessageDeps {
	catalogue, err := notify.NewCatalogue(nil)
	fatal(o.t, err)
	return &engine.MessageDeps{
		Plan: o.plan, Catalogue: catalogue, Key: notify.Key("k"), Links: plainLinks{}, Brand: func(string) (string, string) { return "Tea & Co", "" },
		Providers: []engine.MessageProvider{
			{Name: "one", Provider: o.sms}, {Name: "two", Provider: o.second}, {Name: "app", Provider: o.push},
		},
	}
}

// opened runs f in a bubble with an office; change may alter it before it opens.
func opened(t *testing.T, f func(t *testing.T, o *office), change ...func(*office)) {
	t.Helper()
	bubble(t, func(t *testing.T, h *house) {
		sms := notify.Traits{Channel: notify.SMS}
		o := &office{
			house: h, plan: simplePlan(), sms: &phone{traits: sms}, second: &phone{traits: sms},
			push:    &phone{traits: notify.Traits{Channel: notify.Push, Repeatable: true}},
			screens: &screens{watching: map[string]bool{}},
		}
		for _, c := range change {
			c(o)
		}
		h.messages, h.presence = o.deps, o.screens
		h.reopen()
		f(t, o)
	})
}

func reachable(r *order.Registration) {
	r.Payer.Phone, r.Payer.Push = "+8613800138000", []string{"apns:token-1", "apns:token-2"}
}

func (o *office) records(orderNo string, c notify.Channel) []notify.Record {
	o.t.Helper()
	all, err := o.store.MessagesOf(context.Background(), orderNo)
	fatal(o.t, err)
	return slices.DeleteFunc(all, func(r notify.Record) bool { return r.Channel != c })
}

// waits registers and claims an order whose channel knows nothing.
func (o *office) waits(orderNo string, change ...func(*order.Registration)) {
	o.t.Helper()
	o.register(orderNo, append([]func(*order.Registration){reachable}, change...)...)
	o.claim(orderNo)
}

func (o *office) pays(orderNo string) {
	o.t.Helper()
	o.callback(note{OrderNo: orderNo, Key: "k-" + orderNo, Evidence: order.Evidence{Claims: order.ClaimsSucceeded, Amount: &price, Merchant: merchant}})
	synctest.Wait()
}

func (o *office) expect(p *phone, want ...notify.Notice) {
	o.t.Helper()
	if got := p.notices(); !slices.Equal(got, want) {
		o.t.Errorf("told %v, want %v", got, want)
	}
}
