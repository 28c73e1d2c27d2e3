package redisbus_test

import (
	"context"
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"anxin/hub/bustest"
)

// patiently bounds a question by what no test reaches.
func patiently(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bustest.Patience)
	t.Cleanup(cancel)
	return ctx
}

func TestNobodyWaitsForAnswersOverADeadRedis(t *testing.T) {
	t.Parallel()
	server := bustest.StartRedis(t)
	a, b := bustest.Start(t, newBus(t, server.Client(t), "p")), bustest.Start(t, newBus(t, server.Client(t), "p"))
	a.Subscribe("t")
	b.Subscribe("t")
	a.Reach(t, b, "t")
	b.Reach(t, a, "t")
	server.Kill()
	ctx := patiently(t)
	if answers, err := a.Ask(ctx, "t"); err == nil || len(answers) != 0 || ctx.Err() != nil {
		t.Errorf("got %q, %v", answers, err)
	}
	server.Restart()
	a.Reach(t, b, "t")
	b.Reach(t, a, "t")
	if answers, err := a.Ask(patiently(t), "t"); err != nil || len(answers) != 1 {
		t.Errorf("got %q, %v", answers, err)
	}
}

// stranger is subscribed to a topic as a node is, and does not answer by itself.
func stranger(t *testing.T, client *redis.Client) *redis.PubSub {
	t.Helper()
	ps := client.Subscribe(t.Context(), "p:t")
	t.Cleanup(func() { _ = ps.Close() })
	if _, err := ps.Receive(patiently(t)); err != nil {
		t.Fatal(err)
	}
	return ps
}

func TestWhoHangsIsWaitedForUntilTheDeadlineAndTheOthersCount(t *testing.T) {
	t.Parallel()
	server := bustest.StartRedis(t)
	a, b := bustest.Start(t, newBus(t, server.Client(t), "p")), bustest.Start(t, newBus(t, server.Client(t), "p"))
	b.Subscribe("t")
	b.Reach(t, a, "t")
	stranger(t, server.Client(t))
	for deadline := time.Now().Add(bustest.Patience); ; {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		answers, err := a.Ask(ctx, "t")
		cancel()
		if err == nil {
			t.Fatal("nothing is said of who did not answer")
		}
		if len(answers) == 1 && errors.Is(err, context.DeadlineExceeded) {
			return
		}
		if time.Now().After(deadline) { // b has been slow each time
			t.Fatalf("got %q, %v", answers, err)
		}
	}
}

// TestAnAnswerGivenTwiceCountsOnce since the client library repeats a batch after a broken
// connection. It speaks as a node of another version would have to.
func TestAnAnswerGivenTwiceCountsOnce(t *testing.T) {
	t.Parallel()
	server := bustest.StartRedis(t)
	client := server.Client(t)
	a := bustest.Start(t, newBus(t, server.Client(t), "p"))
	a.Subscribe("ready")
	a.Reach(t, newBusRunning(t, client, "p"), "ready")
	first, second := stranger(t, client), stranger(t, client)
	type result struct {
		answers [][]byte
		err     error
	}
	results := make(chan result, 1)
	ctx := patiently(t)
	go func() {
		answers, err := a.Ask(ctx, "t")
		results <- result{answers, err}
	}()
	reply := func(ps *redis.PubSub, name string, times int) {
		msg, err := ps.ReceiveMessage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		const idSize, number = 8, 16
		channel := "p:\x00" + hex.EncodeToString([]byte(msg.Payload[:idSize]))
		for range times {
			if err := client.Publish(ctx, channel, name+msg.Payload[number:]+"here").Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	reply(first, "foreign1", 3)
	reply(second, "foreign2", 1)
	if r := <-results; r.err != nil || len(r.answers) != 2 || string(r.answers[0]) != "here" {
		t.Errorf("got %q, %v", r.answers, r.err)
	}
}
