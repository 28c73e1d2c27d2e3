package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/sirupsen/logrus"
)

// logLimits bound the log. defaultLogLimits returns those that stores run with; tests
// use smaller ones.
type logLimits struct {
	// copyEvery is after how many changed rows the log is copied into the database.
	copyEvery int64
	// closeAt is from how many pages (4 KiB each) on the log is closed.
	closeAt int64
	// idleAfter is how long nothing must have been written for the log to be emptied.
	idleAfter time.Duration
}

// catchUps is how often what came in during a copy is copied before the writer has to copy
// the rest: each time it is less, and every commit waits for the writer.
const catchUps = 3

// A copy of 1,000 rows is too short to be felt by many commits and long enough to cost
// few syncs. A short log (8 MiB) is overwritten in place from early on; a long one keeps
// growing its file, which makes each commit's sync slower: with 32 MiB the p99 of 1,000
// commits a second was half as high again.
func defaultLogLimits() logLimits {
	return logLimits{copyEvery: 1000, closeAt: 2048, idleAfter: 2 * time.Second}
}

// checkpointer moves commits from the log into the database, off the writer's way: it
// copies beside the writer, and only what came in meanwhile is copied by the writer
// itself when the log is closed.
type checkpointer struct {
	copier *sql.DB
	writer *writer
	limits logLimits
	log    logrus.FieldLogger
	quit   chan struct{}
	ended  chan struct{}
}

func newCheckpointer(copier *sql.DB, w *writer, limits logLimits, log logrus.FieldLogger) *checkpointer {
	return &checkpointer{
		copier: copier, writer: w, limits: limits, log: log,
		quit: make(chan struct{}), ended: make(chan struct{}),
	}
}

func (c *checkpointer) stop() {
	close(c.quit)
	<-c.ended
}

func (c *checkpointer) run(ctx context.Context) {
	defer close(c.ended)
	idle := time.NewTimer(c.limits.idleAfter)
	defer idle.Stop()
	var copied int64 // of writer.changed
	for {
		select {
		case <-c.quit:
			return
		case <-c.writer.grown:
			idle.Reset(c.limits.idleAfter)
			if changed := c.writer.changed.Load(); changed-copied >= c.limits.copyEvery {
				copied = changed
				if c.copy(ctx) >= c.limits.closeAt {
					for range catchUps {
						c.copy(ctx)
					}
					c.close(sqlCloseLog)
				}
			}
		case <-idle.C:
			c.close(sqlTruncateLog)
		}
	}
}

// copy moves the log's pages beside the writer and returns how many the log has.
func (c *checkpointer) copy(ctx context.Context) int64 {
	var busy, pages, copied int64
	if err := c.copier.QueryRowContext(ctx, sqlCopyLog).Scan(&busy, &pages, &copied); err != nil {
		c.log.WithError(err).Warn("copying the write-ahead log failed; it grows until the next try")
	}
	return pages
}

func (c *checkpointer) close(pragma string) {
	c.writer.pause(func(ctx context.Context) {
		if err := c.writer.statements.closeLog(ctx, pragma); err != nil {
			c.log.WithError(err).Warn("closing the write-ahead log failed; it grows until the next try")
		}
	})
}
