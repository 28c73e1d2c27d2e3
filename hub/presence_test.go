package hub_test

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"

	"anxin/hub"
	"anxin/hub/bustest"
	"anxin/hub/membus"
)

// watch brings a watcher to a node.
func (n *node) watch(t *testing.T, topic, token string) {
	t.Helper()
	p := n.dial(t)
	p.send(`{"type":"subscribe","topic":"` + topic + `","token":"` + token + `"}`)
	p.expect("snapshot", topic, 1)
}

type counts map[hub.Audience]int

// untilPresence waits for an answer, since watchers are known to Redis a little later, and
// an answer of a busy node may take too long.
func (n *node) untilPresence(t *testing.T, what string, want counts, partial bool) {
	t.Helper()
	eventually(t, what, func() bool {
		p := n.Presence(t.Context(), "order:A")
		return maps.Equal(p.Watchers, want) && p.Partial == partial
	})
}

// sumUp holds that each of two nodes counts the watchers of both, and only one's when the
// other is gone.
func sumUp(t *testing.T, a, b *node) {
	t.Helper()
	a.truth.set("order:A", 1)
	a.truth.set("order:B", 1)
	a.untilPresence(t, "nobody is there", counts{}, false)
	b.watch(t, "order:A", "good")
	b.watch(t, "order:A", "staff")
	b.watch(t, "order:B", "good")
	a.untilPresence(t, "all are at the other node", counts{"payer": 1, "agent": 1}, false)
	a.watch(t, "order:A", "good")
	a.untilPresence(t, "both nodes have some", counts{"payer": 2, "agent": 1}, false)
	b.untilPresence(t, "the other node says the same", counts{"payer": 2, "agent": 1}, false)
	if own := a.Watchers("order:A"); !maps.Equal(own, counts{"payer": 1}) {
		t.Errorf("its own are %v", own)
	}
	b.stop()
	a.untilPresence(t, "the other node is gone", counts{"payer": 1}, false)
}

func TestPresenceIsTheSumOverTheNodesOfAProcess(t *testing.T) {
	t.Parallel()
	network := membus.New()
	a, b := twins(t, func() hub.Bus { return network.Join() }, time.Hour)
	sumUp(t, a, b)
}

func TestPresenceIsTheSumOverTheNodesOfARedis(t *testing.T) {
	t.Parallel()
	server := bustest.StartRedis(t)
	a, b := twins(t, func() hub.Bus { return redisBus(t, server) }, time.Hour)
	sumUp(t, a, b)
}

func TestWithRedisDeadANodeCountsItsOwnWatchersAndSaysSo(t *testing.T) {
	t.Parallel()
	server := bustest.StartRedis(t)
	a, b := twins(t, func() hub.Bus { return redisBus(t, server) }, time.Hour)
	a.truth.set("order:A", 1)
	a.watch(t, "order:A", "good")
	b.watch(t, "order:A", "staff")
	a.untilPresence(t, "both nodes have some", counts{"payer": 1, "agent": 1}, false)
	server.Kill()
	a.untilPresence(t, "there is no answer", counts{"payer": 1}, true)
	if s := a.Stats(); s.Partial == 0 || s.Asked < s.Partial {
		t.Errorf("%d of %d answers were partial", s.Partial, s.Asked)
	}
	server.Restart()
	a.untilPresence(t, "redis is back", counts{"payer": 1, "agent": 1}, false)
}

// TestANodeThatHangsIsNotWaitedFor: it is subscribed, and there is nobody to answer.
func TestANodeThatHangsIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	server := bustest.StartRedis(t)
	a, b := twins(t, func() hub.Bus { return redisBus(t, server) }, time.Hour)
	a.truth.set("order:A", 1)
	b.watch(t, "order:A", "good")
	a.untilPresence(t, "both nodes answer", counts{"payer": 1}, false)
	hung := server.Client(t).Subscribe(t.Context(), "anxin:order:A")
	t.Cleanup(func() { _ = hung.Close() })
	a.untilPresence(t, "the others are counted", counts{"payer": 1}, true)
}

// asked is a bus with the answers of nodes that never were.
type asked struct {
	hub.Bus

	answers []string
	err     error
}

func (a asked) Ask(context.Context, string) (answers [][]byte, err error) {
	for _, answer := range a.answers {
		answers = append(answers, []byte(answer))
	}
	return answers, a.err
}

func TestAnswersAreCountedAsFarAsTheyMakeSense(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		bus       asked
		want      counts
		partial   bool
		malformed uint64
	}{
		"none":     {asked{}, counts{"payer": 1}, false, 0},
		"two":      {asked{answers: []string{`{"payer":2}`, `{"payer":1,"agent":3}`}}, counts{"payer": 4, "agent": 3}, false, 0},
		"some":     {asked{answers: []string{`{"agent":1}`}, err: errors.New("one is missing")}, counts{"payer": 1, "agent": 1}, true, 0},
		"nonsense": {asked{answers: []string{`{"payer":`, `{"agent":1}`, ``}}, counts{"payer": 1, "agent": 1}, true, 2},
		"too few":  {asked{answers: []string{`{"agent":1,"payer":-1}`, `{"payer":0}`}}, counts{"payer": 1}, true, 2},
		"too many": {asked{answers: []string{`{"payer":9223372036854775807}`}}, counts{"payer": 1}, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := setup(t, func(_ *hub.Config, d *hub.Deps) {
				c.bus.Bus = d.Bus
				d.Bus = c.bus
			})
			n.truth.set("order:A", 1)
			n.watch(t, "order:A", "good")
			p := n.Presence(t.Context(), "order:A")
			if !maps.Equal(p.Watchers, c.want) || p.Partial != c.partial {
				t.Errorf("got %+v", p)
			}
			if s := n.Stats(); s.Malformed != c.malformed || s.Asked != 1 || (s.Partial == 1) != c.partial {
				t.Errorf("counted %+v", s)
			}
		})
	}
}

func TestANodeWithoutOthersKnowsAll(t *testing.T) {
	t.Parallel()
	n := setup(t, func(_ *hub.Config, d *hub.Deps) { d.Bus = nil })
	n.truth.set("order:A", 1)
	n.watch(t, "order:A", "good")
	if p := n.Presence(t.Context(), "order:A"); p.Partial || !maps.Equal(p.Watchers, counts{"payer": 1}) {
		t.Errorf("got %+v", p)
	}
}
