package hub_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"anxin/hub"
)

func TestDrainTellsEveryClientWhenToReconnectAndThenCloses(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.truth.set("order:A", 1)
	const spread = 200 * time.Millisecond
	var peers []*peer
	for range 10 {
		p := n.dial(t)
		p.subscribe("order:A", 0)
		p.expect("snapshot", "order:A", 1)
		peers = append(peers, p)
	}
	n.Drain(context.Background(), spread)
	delays := map[int64]bool{}
	for _, p := range peers {
		frames := p.expectClose(hub.CloseRestart)
		if len(frames) != 1 || frames[0].Type != "reconnect" || frames[0].AfterMS == nil {
			t.Fatalf("got %+v before the close", frames)
		}
		after := *frames[0].AfterMS
		if after < 0 || after >= spread.Milliseconds() {
			t.Errorf("reconnect after %d ms", after)
		}
		delays[after] = true
	}
	if len(delays) == 1 {
		t.Error("all were given the same delay")
	}
	wantProblem(t, n.knock(t, nil), http.StatusServiceUnavailable, "draining")
	eventually(t, "all are gone", func() bool { return n.Stats().Connections == 0 })
	if got := n.Stats().Closes[hub.CloseRestart]; got != 10 {
		t.Errorf("%d closes were counted", got)
	}
}

func TestDrainEndsWithItsContextAndRunClosesTheRest(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.truth.set("order:A", 1)
	p := n.dial(t)
	p.subscribe("order:A", 0)
	p.expect("snapshot", "order:A", 1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	n.Drain(ctx, time.Hour)
	if f := p.next(); f.Type != "reconnect" {
		t.Errorf("got %s", f.Type)
	}
	stopped := make(chan struct{})
	go func() { n.stop(); close(stopped) }()
	p.expectClose(hub.CloseGoingAway)
	<-stopped
}

func TestRunClosesEveryoneWhenItEnds(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.truth.set("order:A", 1)
	p, silent := n.dial(t), n.dial(t)
	silent.expectQuiet() // it is served
	p.subscribe("order:A", 0)
	p.expect("snapshot", "order:A", 1)
	stopped := make(chan struct{})
	go func() { n.stop(); close(stopped) }()
	p.expectClose(hub.CloseGoingAway)
	silent.expectClose(hub.CloseGoingAway)
	<-stopped
	if s := n.Stats(); s.Connections != 0 || s.Subscriptions != 0 || s.Topics != 0 {
		t.Errorf("left behind: %+v", s)
	}
	wantProblem(t, n.knock(t, nil), http.StatusServiceUnavailable, "draining")
}

func TestNothingIsLeftOfAClientThatLeft(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.truth.set("order:A", 1)
	n.truth.set("order:B", 1)
	for i := range 6 {
		p := n.dial(t)
		p.subscribe("order:A", 0)
		p.expect("snapshot", "order:A", 1)
		p.subscribe("order:B", 0)
		p.expect("snapshot", "order:B", 1)
		if i%2 == 0 { // cut
			_ = p.NetConn().Close()
		} else { // polite
			_ = p.Close()
		}
	}
	eventually(t, "all is released", func() bool {
		s := n.Stats()
		return s.Connections == 0 && s.Subscriptions == 0 && s.Topics == 0 && s.PeerCloses == 6
	})
}

func TestWaitReturnsAtOnceWhatIsNewer(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.truth.set("order:A", 5)
	m, err := n.Wait(context.Background(), hub.Visit{Topic: "order:A", After: 4})
	if err != nil || m.Seq != 5 || string(m.Data) != `{"n":5}` {
		t.Errorf("got %+v, %v", m, err)
	}
}

func TestWaitReturnsTheStateThatIsPublishedMeanwhile(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.truth.set("order:A", 5)
	n.truth.holdWith(func(hub.Message) { // after the read, before the wait
		n.Publish(state("order:A", 6))
		n.Publish(state("order:A", 8))
		n.Publish(state("order:A", 7))
	})
	m, err := n.Wait(context.Background(), hub.Visit{Topic: "order:A", After: 5})
	if err != nil || m.Seq != 8 || m.Event != "status.changed" {
		t.Errorf("got %+v, %v", m, err)
	}
	if s := n.Stats(); s.Waits != 0 || s.Topics != 0 {
		t.Errorf("left behind: %+v", s)
	}
}

func TestWaitEndsForItsReasons(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *hub.Config, _ *hub.Deps) { c.Limits.MaxWaits = 1 })
	n.truth.set("order:A", 5)

	if _, err := n.Wait(context.Background(), hub.Visit{Topic: "order:X", After: 0}); !errors.Is(err, hub.ErrNoTopic) {
		t.Errorf("unknown topic: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n.truth.holdWith(func(hub.Message) { cancel() })
	if _, err := n.Wait(ctx, hub.Visit{Topic: "order:A", After: 5}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	n.truth.holdWith(nil)

	waiting := make(chan error, 1)
	go func() {
		_, err := n.Wait(context.Background(), hub.Visit{Topic: "order:A", After: 5})
		waiting <- err
	}()
	eventually(t, "the wait began", func() bool { return n.Stats().Topics == 1 })
	if _, err := n.Wait(context.Background(), hub.Visit{Topic: "order:A", After: 5}); refusalCode(err) != "connections" {
		t.Errorf("beyond the limit: %v", err)
	}
	n.Drain(context.Background(), 0)
	if err := <-waiting; !errors.Is(err, hub.ErrDraining) {
		t.Errorf("drained: %v", err)
	}
	if _, err := n.Wait(context.Background(), hub.Visit{Topic: "order:A", After: 0}); !errors.Is(err, hub.ErrDraining) {
		t.Errorf("after the drain: %v", err)
	}
}
