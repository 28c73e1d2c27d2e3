// Command server is Anxin: it tells payers the truth while a payment channel's callback
// is late, keeps asking the channel until the truth is known, and tells everyone who
// has to know.
//
//	server                      serve (settings: see docs/anxin.example.yaml)
//	server watch ORDER_NO       follow one order live in the terminal
//	server settle FILE CHANNEL  import a file of what a channel settled
//	server channels check       say whether the credentials of each channel are fit for use
//	server notify preview ORDER_NO  who would be told what about an order, and why
//	server notify check         say whether each provider accepts credentials, sign and templates
//	server healthcheck          ask the running server whether it is ready
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	_ "time/tzdata" // payers' time zones, also where the system has none

	"github.com/sirupsen/logrus"

	"anxin/engine"
	"anxin/server/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	engine.AddProcessors(os.Getenv)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, getenv func(string) string, out io.Writer) error {
	if len(args) == 0 {
		return serve(ctx, getenv)
	}
	switch args[0] {
	case "watch":
		return runWatch(ctx, args[1:], out)
	case "settle":
		return runSettle(ctx, args[1:], out)
	case "channels":
		return runChannels(args[1:], getenv, out)
	case "notify":
		return runNotify(ctx, args[1:], getenv, out)
	case "healthcheck":
		return runHealthcheck(ctx, getenv)
	}
	return fmt.Errorf("unknown command %q: use no command, watch, settle, channels, notify or healthcheck", args[0])
}

func serve(ctx context.Context, getenv func(string) string) error {
	cfg, err := config.Load(getenv)
	if err != nil {
		return err
	}
	log := newLog(cfg.Log)
	a, err := build(ctx, cfg, log)
	if err != nil {
		return err
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	a.hangup = hangup
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGHUP)
	defer signal.Stop(again)
	a.follower = planFollower{
		load: func() (config.Config, error) { return config.Load(getenv) },
		path: strings.TrimSpace(getenv("ANXIN_CONFIG")), hangup: again,
	}
	return a.run(ctx)
}

func newLog(cfg config.Log) *logrus.Logger {
	log := logrus.New()
	log.SetLevel(cfg.Level)
	if cfg.JSON {
		log.SetFormatter(&logrus.JSONFormatter{})
	} else {
		log.SetFormatter(&logrus.TextFormatter{FullTimestamp: true, TimestampFormat: "15:04:05.000"})
	}
	return log
}
