package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"anxin/engine/notify"
	"anxin/server/config"
)

// planEvery is how often the configuration file is looked at: an operator who edits the
// plan waits no longer than that.
const planEvery = 2 * time.Second

// planFollower has the notification plan and templates of the configuration file hold as
// soon as they are written. Everything else of the file holds from the next start.
type planFollower struct {
	load   func() (config.Config, error) // nil = nothing is followed
	path   string
	hangup <-chan os.Signal
}

// followPlan looks at the file until ctx ends, at once when somebody hangs up. A file that
// cannot be taken leaves the plan as it is, and the log says why.
func (a *app) followPlan(ctx context.Context) error {
	if a.follower.load == nil || a.follower.path == "" {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(planEvery)
	defer tick.Stop()
	for seen := stampOf(a.follower.path); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-a.follower.hangup:
		case <-tick.C:
			stamp := stampOf(a.follower.path)
			if stamp == seen {
				continue
			}
			seen = stamp
		}
		if err := a.takePlan(); err != nil {
			a.log.WithError(err).Error("the notification plan stays as it was")
			continue
		}
		a.log.Info("the notification plan was read anew")
	}
}

// stamp tells whether a file was written.
type stamp struct {
	at   time.Time
	size int64
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{} // being replaced; what is wrong for longer the next load tells
	}
	return stamp{info.ModTime(), info.Size()}
}

func (a *app) takePlan() error {
	cfg, err := a.follower.load()
	if err != nil {
		return err
	}
	catalogue, err := notify.NewCatalogue(cfg.Notifications.Templates)
	if err != nil {
		return err
	}
	if err := a.engine.SetPlan(cfg.Notifications.Plan); err != nil {
		return fmt.Errorf("take plan: %w", err)
	}
	return a.engine.SetCatalogue(catalogue)
}
