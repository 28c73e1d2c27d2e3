package hub_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"anxin/hub"
)

func (p *peer) subscribeWith(token, topic string) {
	p.t.Helper()
	p.send(fmt.Sprintf(`{"type":"subscribe","topic":%q,"token":%q}`, topic, token))
}

func TestATokenIsGoodForAsManyWatchersAsItMay(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *hub.Config, _ *hub.Deps) { c.Limits.MaxPerToken = 3 })
	n.truth.set("order:A", 1)
	n.truth.set("order:B", 1)
	first, second := n.dial(t), n.dial(t)
	for _, p := range []*peer{first, second} {
		p.subscribe("order:A", 0)
		p.expect("snapshot", "order:A", 1)
	}
	r, _ := n.open(t, "order:A", -1, "good")
	r.expect("snapshot", 1)

	third := n.dial(t)
	third.subscribe("order:A", 0)
	third.expectError("order:A", hub.ErrorTooManyWatchers)
	_, refused := n.open(t, "order:A", -1, "good")
	wantProblem(t, refused, http.StatusTooManyRequests, "connections_per_token")
	if _, err := n.Wait(context.Background(), hub.Visit{Topic: "order:A", Token: "good", After: -1}); refusalCode(err) != "connections_per_token" {
		t.Errorf("long poll: %v", err)
	}
	third.subscribeWith("staff", "order:A") // another token
	third.expect("snapshot", "order:A", 1)
	third.subscribe("order:A", 0) // must not lose what it has
	third.expectError("order:A", hub.ErrorTooManyWatchers)
	n.store("order:A", 2)
	third.expect("update", "order:A", 2)
	first.expect("update", "order:A", 2)

	first.subscribe("order:A", 2) // again is no further one
	first.expect("current", "order:A", 2)
	first.subscribeWith("staff", "order:A") // and frees its place with a new token
	first.expect("snapshot", "order:A", 2)
	third.subscribe("order:A", 0)
	third.expect("snapshot", "order:A", 2)
}

func TestEndsOfAllKindsFreeTheirPlacesUnderTheToken(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *hub.Config, _ *hub.Deps) { c.Limits.MaxPerToken = 1 })
	n.truth.set("order:A", 1)
	p := n.dial(t)
	p.subscribe("order:X", 0)
	p.expectError("order:X", hub.ErrorNoTopic)
	p.subscribe("order:A", 0)
	p.expect("snapshot", "order:A", 1)
	p.send(`{"type":"unsubscribe","topic":"order:A"}`)
	p.expectQuiet()
	r, _ := n.open(t, "order:A", -1, "good")
	r.expect("snapshot", 1)
	_ = r.body.Close()
	eventually(t, "the stream is gone", func() bool { return n.Stats().Connections == 1 })
	if m, err := n.Wait(context.Background(), hub.Visit{Topic: "order:A", Token: "good", After: -1}); err != nil || m.Seq != 1 {
		t.Errorf("long poll: %+v, %v", m, err)
	}
	_ = p.NetConn().Close()
	eventually(t, "the socket is gone", func() bool { return n.Stats().Connections == 0 })
	q := n.dial(t)
	q.subscribe("order:A", 0)
	q.expect("snapshot", "order:A", 1)
}

func TestSubscriptionEndsWithItsToken(t *testing.T) {
	t.Parallel()
	n := setup(t)
	for _, topic := range []string{"order:A", "order:B", "order:C"} {
		n.truth.set(topic, 1)
	}
	p := n.dial(t)
	for topic, token := range map[string]string{"order:A": "short", "order:B": "short", "order:C": "good"} {
		p.subscribeWith(token, topic)
		p.expect("snapshot", topic, 1)
	}
	p.subscribe("order:B", 1) // with a fresh one, before the old one ends
	p.expect("current", "order:B", 1)
	n.BeatAt(time.Now())
	p.expectQuiet()
	n.BeatAt(time.Now().Add(shortLife + time.Second))
	p.expectError("order:A", hub.ErrorTokenExpired)
	n.store("order:A", 2)
	n.store("order:B", 2)
	p.expect("update", "order:B", 2) // and nothing of A
	n.store("order:C", 2)
	p.expect("update", "order:C", 2)
	p.subscribe("order:A", 1)
	p.expect("snapshot", "order:A", 2)
}

func TestStreamEndsWithItsToken(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.truth.set("order:A", 1)
	r, _ := n.open(t, "order:A", -1, "short")
	r.expect("snapshot", 1)
	n.BeatAt(time.Now().Add(shortLife + time.Second))
	events := r.expectEnd()
	if len(events) != 1 || events[0].comment != ": token expired" && events[0].comment != ":token expired" {
		t.Errorf("the end is told by %+v", events)
	}
	eventually(t, "it is counted", func() bool { return n.Stats().Closes[hub.CloseExpired] == 1 })
}
