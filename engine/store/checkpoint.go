package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/sirupsen/logrus"
)

const (
	// copyEvery is after how many changed rows the log is copied. At a page or two each
	// this is some 16 MiB at most, a fraction of it where groups share pages.
	copyEvery = 4000
	// closeAt is from how many pages (4 KiB each) on the log is closed, so that it
	// starts anew: 32 MiB.
	closeAt = 8192
	// idleAfter is how long nothing must have been written for the log to be emptied.
	idleAfter = 2 * time.Second
)

// checkpointer moves commits from the log into the database, off the writer's way: it
// copies beside the writer, and only what came in meanwhile is copied by the writer
// itself when the log is closed.
type checkpointer struct {
	copier *sql.DB
	writer *writer
	log    logrus.FieldLogger
	quit   chan struct{}
	ended  chan struct{}
}

func newCheckpointer(copier *sql.DB, w *writer, log logrus.FieldLogger) *checkpointer {
	return &checkpointer{copier: copier, writer: w, log: log, quit: make(chan struct{}), ended: make(chan struct{})}
}

func (c *checkpointer) stop() {
	close(c.quit)
	<-c.ended
}

func (c *checkpointer) run(ctx context.Context) {
	defer close(c.ended)
	idle := time.NewTimer(idleAfter)
	defer idle.Stop()
	var copied int64 // of writer.changed
	for {
		select {
		case <-c.quit:
			return
		case <-c.writer.grown:
			idle.Reset(idleAfter)
			if changed := c.writer.changed.Load(); changed-copied >= copyEvery {
				copied = changed
				if c.copy(ctx) >= closeAt {
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
