package main

import (
	"context"
	"strings"
	"testing"

	"anxin/hub/bustest"
	"anxin/hub/client"
)

// TestWhoWatchesAtAnotherNodeIsThere: a message's sender asks its own node, and the payer
// may be connected to any.
func TestWhoWatchesAtAnotherNodeIsThere(t *testing.T) {
	t.Parallel()
	redis := bustest.StartRedis(t)
	here, p := startNode(t, map[string]string{"ANXIN_REDIS_URL": redis.URL()})
	there, q := startNode(t, map[string]string{"ANXIN_REDIS_URL": redis.URL()})
	if here.engine.Watching(t.Context(), "A1") {
		t.Error("somebody watches")
	}
	watchAs := func(p *process, orderNo string) {
		token := p.register(orderNo)["view_token"].(string)
		first := make(chan struct{}, 100)
		c, err := client.New(client.Config{
			URL:   "ws" + strings.TrimPrefix(p.base, "http") + "/v1/live",
			Token: func(context.Context, string) (string, error) { return token, nil }, Handle: func(client.Frame) { first <- struct{}{} },
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Subscribe("order:" + orderNo)
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan struct{})
		go func() { _ = c.Run(ctx); close(left) }()
		t.Cleanup(func() { leave(); <-left })
		<-first
	}
	watchAs(q, "A1")
	watchAs(p, "A2")
	await(t, "each is known to both nodes", func() bool {
		for _, node := range []*app{here, there} {
			if !node.engine.Watching(t.Context(), "A1") || !node.engine.Watching(t.Context(), "A2") || node.engine.Watching(t.Context(), "A3") {
				return false
			}
		}
		return true
	})
	redis.Kill()
	if here.engine.Watching(t.Context(), "A1") || !here.engine.Watching(t.Context(), "A2") || !there.engine.Watching(t.Context(), "A1") {
		t.Error("without Redis each node knows its own")
	}
	if here.hub.Stats().Partial == 0 {
		t.Error("nothing tells that the answer was partial")
	}
}
