//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"anxin/engine"
	"anxin/engine/order"
	"anxin/hub"
	"anxin/server/auth"
	"anxin/server/config"
)

// crowdOrder is one that every client watches, besides its own.
const crowdOrder = "CROWD"

// measuredServer is a whole node as it is built for production: its own database file,
// tokens, limits and all. Updates are published in process; the store does not have them.
type measuredServer struct {
	app       *app
	dir       string
	addr      string
	greetings string
	stop      context.CancelFunc
	stopped   chan error

	seqs  []int64 // of each client's order
	crowd int64
}

func newMeasuredServer() (_ measured, err error) {
	engine.AddProcessors(os.Getenv)
	s := &measuredServer{seqs: make([]int64, liveClients), stopped: make(chan error, 1)}
	if s.dir, err = os.MkdirTemp("", "anxin-live"); err != nil {
		return nil, err
	}
	listen, err := freePort()
	if err != nil {
		return nil, err
	}
	settings := map[string]string{
		"ANXIN_LISTEN": listen, "ANXIN_DATA_DIR": s.dir, "ANXIN_LOG_LEVEL": "error", "ANXIN_SANDBOX": "off", "ANXIN_API_KEYS": "dev:dev",
	}
	cfg, err := config.Load(func(name string) string { return settings[name] })
	if err != nil {
		return nil, err
	}
	s.addr = cfg.Listen
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	if s.app, err = build(ctx, cfg, newLog(cfg.Log)); err != nil {
		return nil, err
	}
	go func() { s.stopped <- s.app.run(ctx) }()
	if err := s.awaitReady(); err != nil {
		return nil, err
	}
	return s, s.registerAll(cfg)
}

func freePort() (string, error) {
	f, err := newMeasuredFloor() // any listener will do
	if err != nil {
		return "", err
	}
	defer f.close()
	return f.ready().Addr, nil
}

func (s *measuredServer) awaitReady() error {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
		resp, err := http.Get("http://" + s.addr + "/readyz")
		if err != nil {
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			http.DefaultClient.CloseIdleConnections()
			return nil
		}
	}
	return errors.New("not ready")
}

// registerAll puts an order for each client into the store, and writes what each client
// says to watch its own and the crowd's.
func (s *measuredServer) registerAll(cfg config.Config) error {
	tokens, err := auth.NewTokens(reveal(cfg.TokenSecrets)...)
	if err != nil {
		return err
	}
	s.greetings = filepath.Join(s.dir, "greetings")
	file, err := os.Create(s.greetings)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	if err := s.registerOne(crowdOrder); err != nil {
		return err
	}
	const writers = 64
	var all sync.WaitGroup
	failed := make(chan error, writers)
	for w := range writers {
		all.Go(func() {
			for i := w; i < liveClients; i += writers {
				if err := s.registerOne(orderName(i)); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	all.Wait()
	select {
	case err := <-failed:
		return err
	default:
	}
	out := bufio.NewWriter(file)
	for i := range liveClients {
		for _, orderNo := range []string{orderName(i), crowdOrder} {
			if err := greet(out, tokens, orderNo); err != nil {
				return err
			}
		}
		s.seqs[i] = 1
	}
	s.crowd = 1
	return out.Flush()
}

func greet(out *bufio.Writer, tokens *auth.Tokens, orderNo string) error {
	token, err := tokens.Issue(auth.KindView, orderNo, time.Hour)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, `{"type":"subscribe","topic":"order:%s","token":"%s"}`+"\n", orderNo, token)
	return err
}

func (s *measuredServer) registerOne(orderNo string) error {
	_, _, err := s.app.engine.Register(context.Background(), order.Registration{
		OrderNo: orderNo, Backend: "dev", Channel: "bench", Mode: order.Pushed,
		Amount: order.Money{Minor: 8800, Currency: "CNY"}, Subject: "Green tea, 250 g", Payer: order.Payer{ID: "u-" + orderNo, Locale: "en"},
	})
	return err
}

func (s *measuredServer) ready() reply { return reply{Addr: s.addr, Greetings: s.greetings} }

func (s *measuredServer) update(i int) error {
	s.seqs[i]++
	s.publish(orderName(i), s.seqs[i])
	return nil
}

func (s *measuredServer) broadcast() error {
	s.crowd++
	s.publish(crowdOrder, s.crowd)
	return nil
}

func (s *measuredServer) publish(orderNo string, seq int64) {
	s.app.hub.Publish(hub.Message{
		Topic: orderTopic + orderNo, Seq: seq, Event: "retry.scheduled", Data: timedState(time.Now()),
	})
}

func (s *measuredServer) sweep() float64 {
	stats := s.app.hub.Stats()
	return stats.SweepTime.Seconds() * 1000 / float64(max(stats.Sweeps, 1))
}

func (s *measuredServer) close() {
	s.stop()
	if err := <-s.stopped; err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	_ = os.RemoveAll(s.dir)
}
