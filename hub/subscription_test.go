package hub_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"anxin/hub"
)

func TestSubscriptionBeginsWithASnapshotAndGoesOnWithUpdates(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.truth.set("order:A", 3)
	p := n.dial(t)
	p.subscribe("order:A", 0)
	if f := p.expect("snapshot", "order:A", 3); f.Event != nil {
		t.Errorf("a snapshot names the event %q", *f.Event)
	}
	n.store("order:A", 4)
	if f := p.expect("update", "order:A", 4); f.Event == nil || *f.Event != "status.changed" {
		t.Errorf("the update lacks its event")
	}
}

func TestSubscriptionAfterTheNewestSeqIsToldThatItIsCurrent(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.truth.set("order:A", 7)
	p := n.dial(t)
	p.subscribe("order:A", 7)
	p.expect("current", "order:A", 7)
	n.store("order:A", 8)
	p.expect("update", "order:A", 8)
}

func TestSubscriptionAfterAnOlderSeqGetsTheWholeState(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.truth.set("order:A", 7)
	p := n.dial(t)
	p.subscribe("order:A", 5)
	p.expect("snapshot", "order:A", 7)
}

func TestSubscribingAgainAnswersAgainAndAddsNothing(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.truth.set("order:A", 1)
	p := n.dial(t)
	for range 3 {
		p.subscribe("order:A", 0)
		p.expect("snapshot", "order:A", 1)
	}
	if s := n.Stats(); s.Subscriptions != 1 {
		t.Errorf("%d subscriptions", s.Subscriptions)
	}
	n.store("order:A", 2)
	p.expect("update", "order:A", 2)
	p.expectQuiet()
}

func TestUnsubscribeEndsTheFrames(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.truth.set("order:A", 1)
	p := n.dial(t)
	p.subscribe("order:A", 0)
	p.expect("snapshot", "order:A", 1)
	p.send(`{"type":"unsubscribe","topic":"order:A"}`)
	p.expectQuiet()
	n.store("order:A", 2)
	p.expectQuiet()
	if s := n.Stats(); s.Subscriptions != 0 || s.Topics != 0 {
		t.Errorf("left behind: %+v", s)
	}
}

func TestOneConnectionCarriesManyTopics(t *testing.T) {
	t.Parallel()
	n := setup(t)
	p := n.dial(t)
	for i := range 50 {
		topic := fmt.Sprintf("order:%d", i)
		n.truth.set(topic, 1)
		p.subscribe(topic, 0)
		p.expect("snapshot", topic, 1)
	}
	for i := range 50 {
		n.store(fmt.Sprintf("order:%d", i), 2)
		p.expect("update", fmt.Sprintf("order:%d", i), 2)
	}
}

func TestAllWatchersOfATopicGetItsUpdates(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.truth.set("announcements", 1)
	var peers []*peer
	for range 20 {
		p := n.dial(t)
		p.send(`{"type":"subscribe","topic":"announcements"}`)
		p.expect("snapshot", "announcements", 1)
		peers = append(peers, p)
	}
	n.store("announcements", 2)
	for _, p := range peers {
		p.expect("update", "announcements", 2)
	}
}

func TestStatePublishedDuringTheFirstReadIsNotLost(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.truth.set("order:A", 1)
	var once bool
	n.truth.holdWith(func(hub.Message) {
		if !once { // only the subscription's read; it has read seq 1
			once = true
			n.store("order:A", 2)
		}
	})
	p := n.dial(t)
	p.subscribe("order:A", 0)
	p.expect("snapshot", "order:A", 2)
	p.expectQuiet()
}

func TestSeqNeverGoesBack(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.truth.set("order:A", 1)
	p := n.dial(t)
	p.subscribe("order:A", 0)
	p.expect("snapshot", "order:A", 1)
	n.truth.set("order:A", 6)
	for _, seq := range []int64{5, 3, 4, 5, 1} {
		n.Publish(state("order:A", seq))
	}
	p.expect("update", "order:A", 5)
	n.Publish(state("order:A", 6))
	p.expect("update", "order:A", 6)
	p.expectQuiet()
}

func TestInternalEventMovesSeqWithoutAFrame(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *hub.Config, _ *hub.Deps) { c.SweepEvery = time.Hour })
	n.truth.set("order:A", 1)
	p := n.dial(t)
	p.subscribe("order:A", 0)
	p.expect("snapshot", "order:A", 1)
	n.Publish(hub.Message{Topic: "order:A", Seq: 2, Event: "internal"})
	p.expectQuiet()
	n.store("order:A", 3)
	p.expect("update", "order:A", 3)
	if s := n.Stats(); s.Repairs != 0 {
		t.Errorf("%d repairs", s.Repairs)
	}
}

func TestInternalEventBeyondAGapMakesTheHubReadTheTruth(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *hub.Config, _ *hub.Deps) { c.SweepEvery = time.Hour })
	n.truth.set("order:A", 1)
	p := n.dial(t)
	p.subscribe("order:A", 0)
	p.expect("snapshot", "order:A", 1)
	n.truth.set("order:A", 3) // 2 changed what is seen and was lost
	n.Publish(hub.Message{Topic: "order:A", Seq: 3, Event: "internal"})
	p.expect("snapshot", "order:A", 3)
}

func TestSweepFindsWhatNoMessageBrought(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *hub.Config, _ *hub.Deps) { c.SweepEvery = 5 * time.Millisecond })
	n.truth.set("order:A", 1)
	p := n.dial(t)
	p.subscribe("order:A", 0)
	p.expect("snapshot", "order:A", 1)
	n.truth.set("order:A", 2)
	p.expect("snapshot", "order:A", 2)
	if s := n.Stats(); s.Repairs == 0 {
		t.Error("the repair was not counted")
	}
	p.expectQuiet()
}

func TestSweepGoesOnAfterTheSourceFailed(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *hub.Config, _ *hub.Deps) { c.SweepEvery = 5 * time.Millisecond })
	n.truth.set("order:A", 1)
	p := n.dial(t)
	p.subscribe("order:A", 0)
	p.expect("snapshot", "order:A", 1)
	n.truth.fail(errors.New("database is away"))
	eventually(t, "the failing sweep is logged", func() bool { return n.log.LastEntry() != nil })
	n.truth.set("order:A", 2)
	n.truth.fail(nil)
	p.expect("snapshot", "order:A", 2)
}

func TestLongStatesArriveWhole(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.truth.set("order:A", 1)
	p := n.dial(t)
	p.subscribe("order:A", 0)
	p.expect("snapshot", "order:A", 1)
	for i, size := range []int{1, 50, 125, 126, 200, 65_300, 65_535, 65_536, 300_000} {
		data := make([]byte, size+2)
		for j := range data {
			data[j] = 'x'
		}
		data[0], data[size+1] = '"', '"'
		n.Publish(hub.Message{Topic: "order:A", Seq: int64(i) + 2, Event: "e", Data: data})
		if f := p.next(); string(f.Data) != string(data) {
			t.Errorf("a state of %d bytes came as %d", len(data), len(f.Data))
		}
	}
}

func TestTopicsAndEventsAreQuotedInFrames(t *testing.T) {
	t.Parallel()
	n := setup(t)
	topic := `inbox:"张三"\</script>`
	n.truth.set(topic, 1)
	p := n.dial(t)
	p.subscribe(topic, 0)
	p.expect("snapshot", topic, 1)
	n.Publish(hub.Message{Topic: topic, Seq: 2, Event: "\"\n", Data: state(topic, 2).Data})
	if f := p.expect("update", topic, 2); *f.Event != "\"\n" {
		t.Errorf("event %q", *f.Event)
	}
}
