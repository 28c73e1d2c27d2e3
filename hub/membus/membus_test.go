package membus_test

import (
	"testing"

	"go.uber.org/goleak"

	"anxin/hub"
	"anxin/hub/bustest"
	"anxin/hub/membus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBusKeepsItsPromises(t *testing.T) {
	t.Parallel()
	bustest.Run(t, func(*testing.T) func() hub.Bus {
		network := membus.New()
		return func() hub.Bus { return network.Join() }
	})
}

func TestSlowNodeLosesTheOldestPayloads(t *testing.T) {
	t.Parallel()
	network := membus.New()
	publisher, slow := network.Join(), network.Join()
	slow.Subscribe("t")
	const published = 3000
	for i := range published {
		publisher.Publish("t", []byte{byte(i >> 8), byte(i)})
	}
	newest := string([]byte{byte((published - 1) >> 8), byte((published - 1) & 0xff)})
	var first string
	bustest.Start(t, slow).Until(t, "the newest payload arrives", func(received map[string][]string, _ map[string]int) bool {
		r := received["t"]
		if len(r) == 0 || r[len(r)-1] != newest {
			return false
		}
		first = r[0]
		return uint64(len(r))+slow.Dropped() == published
	})
	if first == "\x00\x00" || slow.Dropped() == 0 {
		t.Error("the oldest payload was kept")
	}
}
