// Package store keeps the truth in one SQL database. Today that is SQLite, embedded;
// the statements are written so that PostgreSQL can share them.
//
// # The way of a commit
//
// The caller's goroutine checks and encodes what it wants written and puts it into a
// bounded queue. One goroutine owns the only connection that writes. It takes whatever
// is queued, up to a bound, into one transaction and makes that durable with one fsync;
// only then do the callers return. It uses the driver without database/sql (link.go). An
// idle store commits at once, a busy one pays one fsync for many commits, and nobody ever
// waits for a timer.
//
//	caller: check, encode ─▶ queue ─▶ writer: BEGIN, each: checks then writes, COMMIT (fsync) ─▶ callers return
//	                                    ▲ closes the log                  │ signals growth
//	                                  checkpointer: copies the log into the database
//
// Commits of one group must not harm one another. Each one's checks (callback, key, fence)
// precede its first write, or are part of it (seq), so a refused commit has written nothing
// and its neighbours go on. One request may stand for many commits (CommitEach), which
// spares their callers the waiting for one another. When a statement fails for any other
// reason, the transaction is rolled back and run again without the culprit.
//
// # The journal of callbacks
//
// Callbacks that cannot be weighed at once are made durable apart from the database, in a
// folder beside it: see the package journal. What leaves the journal is in the database by
// then, and what comes back after a crash is known there by its key, so that the two need
// no transaction in common. An orderly end with nothing left to weigh removes the files.
//
// # The log
//
// SQLite appends commits to a write-ahead log and has to copy them into the database
// some time. By default the unlucky writer that reaches 1,000 pages does it. Here a
// checkpointer with a connection of its own copies while the writer goes on, and the
// writer only closes the log (what is left to copy is little by then), so the log is
// bounded under constant load too.
//
// # One process
//
// A SQLite store belongs to one process, which a lock file beside the database
// enforces. So the leases of tasks are worth nothing once it has ended, and are kept in
// memory (leases.go): to claim a task is no write, to check a fence no read, and a
// process that starts waits for no lease of one that is dead. Leases and rows change
// together: what a transaction did to leases is undone when it is rolled back. For the
// same reason the newest seqs of orders can be remembered (seqs.go): the hub asks for those
// of all watched orders every few seconds. A database that several processes write to has
// to be asked, and has to keep its leases in rows.
package store
