package redisbus_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"go.uber.org/goleak"

	"anxin/hub"
	"anxin/hub/bustest"
	"anxin/hub/redisbus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newBus(t *testing.T, client redis.UniversalClient, prefix string) *redisbus.Bus {
	t.Helper()
	log, _ := logtest.NewNullLogger()
	b, err := redisbus.New(redisbus.Config{Client: client, Prefix: prefix, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// prefixOf separates tests that share a server.
func prefixOf(t *testing.T) string { return strings.ReplaceAll(t.Name(), "/", ".") }

func TestBusKeepsItsPromises(t *testing.T) {
	t.Parallel()
	server := bustest.StartRedis(t)
	bustest.Run(t, func(t *testing.T) func() hub.Bus {
		return func() hub.Bus { return newBus(t, server.Client(t), prefixOf(t)) }
	})
}

func TestBusKeepsItsPromisesOverACluster(t *testing.T) {
	t.Parallel()
	addrs := bustest.StartRedisCluster(t)
	bustest.Run(t, func(t *testing.T) func() hub.Bus {
		return func() hub.Bus {
			client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs})
			t.Cleanup(func() {
				if err := client.Close(); err != nil {
					t.Errorf("close cluster client: %v", err)
				}
			})
			return newBus(t, client, prefixOf(t))
		}
	})
}

func TestBusJoinsItsTopicsAgainAfterRedisCrashed(t *testing.T) {
	t.Parallel()
	server := bustest.StartRedis(t)
	publisher := newBus(t, server.Client(t), "p")
	a, b := bustest.Start(t, publisher), bustest.Start(t, newBus(t, server.Client(t), "p"))
	b.Subscribe("t")
	b.Reach(t, a, "t")

	server.Kill()
	before := joins(t, b, "t")
	for i := range 10_000 { // more than the queue holds: it must drop, not block
		a.Publish("t", fmt.Appendf(nil, "%d", i))
	}
	b.Subscribe("meanwhile")
	server.Restart()

	b.Until(t, "the bus says that it joined again", func(_ map[string][]string, joined map[string]int) bool {
		return joined["t"] > before && joined["meanwhile"] > 0
	})
	b.Reach(t, a, "t")
	b.Reach(t, a, "meanwhile")
	if publisher.Stats().Dropped == 0 {
		t.Error("no payload was counted as dropped")
	}
}

func joins(t *testing.T, n *bustest.Node, topic string) (count int) {
	t.Helper()
	n.Until(t, "joined is told", func(_ map[string][]string, joined map[string]int) bool {
		count = joined[topic]
		return count > 0
	})
	return count
}

func TestForeignPayloadsOnTheChannelAreIgnored(t *testing.T) {
	t.Parallel()
	server := bustest.StartRedis(t)
	a, b := bustest.Start(t, newBus(t, server.Client(t), "p")), bustest.Start(t, newBus(t, server.Client(t), "p"))
	b.Subscribe("t")
	b.Reach(t, a, "t")
	if err := server.Client(t).Publish(context.Background(), "p:t", "short").Err(); err != nil {
		t.Fatal(err)
	}
	a.Publish("t", []byte("real"))
	b.Until(t, "the real payload arrives alone", func(received map[string][]string, _ map[string]int) bool {
		return len(received["t"]) == 1 && received["t"][0] == "real"
	})
}

func TestRepeatedPayloadArrivesOnce(t *testing.T) {
	t.Parallel()
	server := bustest.StartRedis(t)
	client := server.Client(t)
	b := bustest.Start(t, newBus(t, client, "p"))
	b.Subscribe("t")
	b.Reach(t, newBusRunning(t, client, "p"), "t")
	send := func(number byte, payload string) {
		raw := append([]byte("foreign8"), 0, 0, 0, 0, 0, 0, 0, number)
		if err := client.Publish(context.Background(), "p:t", append(raw, payload...)).Err(); err != nil {
			t.Fatal(err)
		}
	}
	send(1, "one")
	send(2, "two")
	send(1, "one")
	send(2, "two")
	send(3, "three")
	b.Until(t, "the third arrives", func(received map[string][]string, _ map[string]int) bool {
		r := received["t"]
		if len(r) > 0 && r[len(r)-1] == "three" && fmt.Sprint(r) != "[one two three]" {
			t.Errorf("received %v", r)
		}
		return len(r) > 0 && r[len(r)-1] == "three"
	})
}

func newBusRunning(t *testing.T, client redis.UniversalClient, prefix string) hub.Bus {
	t.Helper()
	return bustest.Start(t, newBus(t, client, prefix))
}

func TestNewRefusesMissingParts(t *testing.T) {
	t.Parallel()
	if _, err := redisbus.New(redisbus.Config{Log: logrus.New()}); err == nil {
		t.Error("a bus without a client was built")
	}
}
