package hub_test

import (
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"anxin/hub"
	"anxin/hub/bustest"
	"anxin/hub/membus"
	"anxin/hub/redisbus"
)

// twins are two nodes over one truth.
func twins(t *testing.T, bus func() hub.Bus, sweepEvery time.Duration) (a, b *node) {
	t.Helper()
	shared := newTruth()
	start := func() *node {
		return setup(t, func(c *hub.Config, d *hub.Deps) {
			c.SweepEvery = sweepEvery
			d.Source, d.Bus = shared, bus()
		})
	}
	return start(), start()
}

func redisBus(t *testing.T, server *bustest.Redis) hub.Bus {
	t.Helper()
	log := logrus.New()
	log.SetOutput(t.Output())
	bus, err := redisbus.New(redisbus.Config{Client: server.Client(t), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	return bus
}

// watchEachOther subscribes a client at each node and brings updates across in
// both directions. The sweeps are off: only the bus can have brought them.
func watchEachOther(t *testing.T, a, b *node) {
	t.Helper()
	a.truth.set("order:A", 1)
	atA, atB := a.dial(t), b.dial(t)
	atA.subscribe("order:A", 0)
	atA.expect("snapshot", "order:A", 1)
	atB.subscribe("order:A", 0)
	atB.expect("snapshot", "order:A", 1)
	for seq := int64(2); seq < 20; seq += 2 {
		a.store("order:A", seq)
		b.store("order:A", seq+1)
		for _, p := range []*peer{atA, atB} {
			for reached := int64(0); reached < seq+1; { // one may be conflated into the other
				f := p.next()
				if f.Seq <= reached || f.Seq < seq {
					t.Fatalf("got %d after %d", f.Seq, reached)
				}
				reached = f.Seq
			}
		}
	}
}

func TestNodesInOneProcessBringEachOtherTheirUpdates(t *testing.T) {
	t.Parallel()
	network := membus.New()
	a, b := twins(t, func() hub.Bus { return network.Join() }, time.Hour)
	watchEachOther(t, a, b)
}

func TestNodesOverRedisBringEachOtherTheirUpdates(t *testing.T) {
	t.Parallel()
	server := bustest.StartRedis(t)
	a, b := twins(t, func() hub.Bus { return redisBus(t, server) }, time.Hour)
	watchEachOther(t, a, b)
}

func TestWithRedisDeadWatchersOfOtherNodesAreServedByTheSweep(t *testing.T) {
	t.Parallel()
	server := bustest.StartRedis(t)
	a, b := twins(t, func() hub.Bus { return redisBus(t, server) }, 20*time.Millisecond)
	a.truth.set("order:A", 1)
	p := b.dial(t)
	p.subscribe("order:A", 0)
	p.expect("snapshot", "order:A", 1)
	server.Kill()
	for seq := int64(2); seq < 6; seq++ {
		a.store("order:A", seq)
		p.expect("snapshot", "order:A", seq)
	}
	late := b.dial(t)
	late.subscribe("order:A", 0)
	late.expect("snapshot", "order:A", 5)
}

func TestStatesPublishedWhileRedisWasAwayAreFoundWhenItIsBack(t *testing.T) {
	t.Parallel()
	server := bustest.StartRedis(t)
	a, b := twins(t, func() hub.Bus { return redisBus(t, server) }, time.Hour)
	a.truth.set("order:A", 1)
	p := b.dial(t)
	p.subscribe("order:A", 0)
	p.expect("snapshot", "order:A", 1)
	server.Kill()
	a.truth.set("order:A", 2) // its message is lost
	server.Restart()
	p.expect("snapshot", "order:A", 2) // without any periodic sweep
	watchEachOther(t, a, b)
}

func TestUnreadablePayloadsAreCountedAndIgnored(t *testing.T) {
	t.Parallel()
	network := membus.New()
	n := setup(t, func(_ *hub.Config, d *hub.Deps) { d.Bus = network.Join() })
	n.truth.set("order:A", 1)
	p := n.dial(t)
	p.subscribe("order:A", 0)
	p.expect("snapshot", "order:A", 1)
	stranger := network.Join()
	for _, payload := range []string{"", "\x00", "\x01", "\x02\x01\x04\x00{}", "\x01\x01", "\x01\x01\x04\xff", "\x01\x01\x03\x00{}"} {
		stranger.Publish("order:A", []byte(payload))
	}
	eventually(t, "all are counted", func() bool { return n.Stats().Malformed == 7 })
	p.expectQuiet()
}
