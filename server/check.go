package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"anxin/engine/channel"
	"anxin/server/config"
)

var (
	errChannelsUsage = errors.New("usage: server channels check")
	// errFindings ends the command with a failure that scripts see.
	errFindings = errors.New("channels: not all of them can work")
)

// runChannels looks at the credentials of every configured channel and says what it
// found. It dials nobody, so that it can be run before the first start.
func runChannels(args []string, getenv func(string) string, out io.Writer) error {
	if len(args) != 1 || args[0] != "check" {
		return errChannelsUsage
	}
	cfg, err := config.Load(getenv)
	if err != nil {
		return err
	}
	quiet := logrus.New()
	quiet.SetOutput(io.Discard)
	failed := false
	for _, name := range slices.Sorted(maps.Keys(cfg.Channels)) {
		if name == sandboxName {
			continue
		}
		found := check(name, cfg.Channels[name], quiet)
		fmt.Fprintf(out, "%s (%s)\n", name, cfg.Channels[name].Provider)
		for _, f := range found {
			fmt.Fprintf(out, "  %-5s  %s: %s\n", f.Level, f.Subject, f.Text)
			failed = failed || f.Level == channel.LevelError
		}
	}
	if failed {
		return errFindings
	}
	return nil
}

// check opens one account. That it cannot be opened is a finding like any other.
func check(name string, c config.Channel, log logrus.FieldLogger) []channel.Finding {
	ch, err := openAccount(name, c, log)
	if err == nil {
		return ch.Inspect(time.Now())
	}
	refused, ok := errors.AsType[*config.Error](err)
	if !ok {
		return []channel.Finding{{Subject: "account", Level: channel.LevelError, Text: err.Error()}}
	}
	var list []channel.Finding
	for _, problem := range refused.Problems {
		list = append(list, channel.Finding{Subject: "account", Level: channel.LevelError, Text: problem})
	}
	return list
}
