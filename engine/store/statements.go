package store

import (
	"context"
	"errors"
	"fmt"
)

// The statements of the writer, in the SQL that SQLite and PostgreSQL share.
const (
	sqlInsertOrder = `INSERT INTO orders (order_no, seq, status, channel, diagnosis, stage, created_at, updated_at, state, contact, backend, live)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (order_no) DO NOTHING`
	// What an update names makes SQLite write its index entries again, and those of the
	// indexes whose condition it is in, even if nothing of it changes. Channel, backend
	// and created_at never do; status and live seldom.
	sqlTurnOrder = `UPDATE orders SET seq = $1, diagnosis = $2, stage = $3, updated_at = $4, state = $5, contact = $6, status = $7, live = $8
WHERE order_no = $9 AND seq = $10`
	sqlUpdateOrder = `UPDATE orders SET seq = $1, diagnosis = $2, stage = $3, updated_at = $4, state = $5, contact = $6
WHERE status = $7 AND live = $8 AND order_no = $9 AND seq = $10`
	sqlInsertEvent = `INSERT INTO events (order_no, seq, type, at, event) VALUES ($1, $2, $3, $4, $5)`

	sqlInsertCallback = `INSERT INTO callbacks (channel, dedupe_key, order_no, state, notification, raw, received_at)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (channel, dedupe_key) DO NOTHING`
	sqlDropCallback   = `DELETE FROM callbacks WHERE channel = $1 AND dedupe_key = $2`
	sqlSettleCallback = `UPDATE callbacks SET state = $1 WHERE channel = $2 AND dedupe_key = $3`

	sqlInsertRejected = `INSERT INTO rejected_callbacks (channel, order_no, reason, received_at, expires_at, size, raw)
VALUES ($1, $2, $3, $4, $5, $6, $7)`
	// What an expiry brought is authentic and does not count: see engine.Rejections.
	sqlTrimRejected = `DELETE FROM rejected_callbacks WHERE id IN (SELECT id FROM (
SELECT id, ROW_NUMBER() OVER (ORDER BY id DESC) AS place, SUM(size) OVER (ORDER BY id DESC) AS bytes
FROM rejected_callbacks WHERE channel = $1 AND reason <> $4) AS newest WHERE place > $2 OR bytes > $3)`
	sqlDropRejected   = `DELETE FROM rejected_callbacks WHERE id = $1`
	sqlExpireRejected = `DELETE FROM rejected_callbacks WHERE id IN (
SELECT id FROM rejected_callbacks WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)`
	sqlMoveExpired = `INSERT INTO rejected_callbacks (channel, order_no, reason, received_at, expires_at, size, raw)
SELECT channel, order_no, $3, received_at, $4, LENGTH(raw), raw FROM callbacks WHERE id IN (` + sqlExpired + `)`
	sqlDropExpired = `DELETE FROM callbacks WHERE id IN (` + sqlExpired + `)`
	sqlExpired     = `SELECT id FROM callbacks WHERE state = 'quarantined' AND state <> 'processed' AND received_at < $1
ORDER BY received_at, id LIMIT $2`

	sqlInsertWebhook = `INSERT INTO webhooks (id, order_no, seq, type, body, created_at) VALUES ($1, $2, $3, $4, $5, $6)`
	sqlEndWebhook    = `UPDATE webhooks SET accepted_at = $2, given_up_at = $3 WHERE id = $1 AND accepted_at = 0 AND given_up_at = 0`

	sqlInsertDelivery = `INSERT INTO deliveries (webhook_id, n, at, duration_ms, code, status, body)
SELECT $1, COALESCE(MAX(n), 0) + 1, $2, $3, $4, $5, $6 FROM deliveries WHERE webhook_id = $1 RETURNING n`
	sqlTrimDeliveries  = `DELETE FROM deliveries WHERE webhook_id = $1 AND n <= $2`
	sqlPruneDeliveries = `DELETE FROM deliveries WHERE webhook_id IN (` + sqlOldWebhooks + `)`
	sqlPruneWebhooks   = `DELETE FROM webhooks WHERE id IN (` + sqlOldWebhooks + `)`
	sqlOldWebhooks     = `SELECT id FROM webhooks WHERE accepted_at <> 0 AND accepted_at < $1 ORDER BY accepted_at, id LIMIT $2`
	sqlPutEndpoint     = `INSERT INTO endpoints (backend, gone_at, disabled_at) VALUES ($1, $2, $3)
ON CONFLICT (backend) DO UPDATE SET gone_at = excluded.gone_at, disabled_at = excluded.disabled_at`

	sqlKeyExists   = `SELECT 1 FROM idempotency_keys WHERE order_no = $1 AND key = $2`
	sqlInsertAudit = `INSERT INTO audit (at, actor, action, target, reason) VALUES ($1, $2, $3, $4, $5)`

	sqlInsertKey = `INSERT INTO idempotency_keys (order_no, key, hash, seq, at) VALUES ($1, $2, $3, $4, $5)`
)

// writes are the prepared statements of the one connection that writes. Only the
// writer's goroutine uses them. The context that they are given
// never ends: a transaction of many callers is not broken off for one of them.
type writes struct {
	link    *link
	changed int64 // rows since the store was opened
	newest  *newest
	written []orderSeq // by the transaction that is open
	leases  *leases

	beginTx, commitTx, rollbackTx                   *prepared
	insertOrder, insertEvent                        *prepared
	turnOrder                                       *prepared // status or live may change
	updateOrder                                     *prepared // neither does
	readDueTasks, putTask, moveTask                 *prepared
	deleteTask, deleteRow                           *prepared
	insertCallback, dropCallback, settleCallback    *prepared
	insertRejected, trimRejected, dropRejected      *prepared
	expireRejected, moveExpired, dropExpired        *prepared
	insertWebhook, endWebhook, keyExists, insertKey *prepared
	putPause, recallTasks                           *prepared
	insertAudit                                     *prepared
	putCase, putSettlement, putSettlementRow        *prepared
	putPayment                                      *prepared

	insertPromise, endPromise, sweepPromises          *prepared
	insertPayer, paidTwice, putPurchase, dropPurchase *prepared
	insertDelivery, trimDeliveries, putEndpoint       *prepared
	pruneDeliveries, pruneWebhooks                    *prepared
	putSighting, sweepSightings, addAct, sweepActs    *prepared

	counted, count, putMessage, sweepMessages, sweepCounts        *prepared
	raiseInbox, insertItem, readUpTo, readOne, wasRead            *prepared
	putOptIn, endOptIns, dropOptOut, putOptOut, putDead, dropDead *prepared
	templateChange, addTemplate, changeTemplate, reseal           *prepared
	renewOptIn                                                    *prepared
}

func prepareWrites(link *link, seqs *newest) (*writes, error) {
	w := &writes{link: link, newest: seqs, leases: newLeases()}
	for text, into := range map[string]**prepared{
		sqlBegin: &w.beginTx, `COMMIT`: &w.commitTx, `ROLLBACK`: &w.rollbackTx,
		sqlInsertOrder: &w.insertOrder, sqlInsertEvent: &w.insertEvent,
		sqlTurnOrder: &w.turnOrder, sqlUpdateOrder: &w.updateOrder,
		sqlDueTasks: &w.readDueTasks, sqlPutTask: &w.putTask, sqlMoveTask: &w.moveTask,
		sqlDeleteTask: &w.deleteTask, sqlDeleteRow: &w.deleteRow,
		sqlInsertCallback: &w.insertCallback, sqlDropCallback: &w.dropCallback, sqlSettleCallback: &w.settleCallback,
		sqlInsertRejected: &w.insertRejected, sqlTrimRejected: &w.trimRejected, sqlDropRejected: &w.dropRejected,
		sqlExpireRejected: &w.expireRejected, sqlMoveExpired: &w.moveExpired, sqlDropExpired: &w.dropExpired,
		sqlInsertWebhook: &w.insertWebhook, sqlEndWebhook: &w.endWebhook,
		sqlKeyExists: &w.keyExists, sqlInsertKey: &w.insertKey, sqlInsertAudit: &w.insertAudit,
		sqlPutPause: &w.putPause, sqlRecallTasks: &w.recallTasks,
		sqlPutCase: &w.putCase, sqlPutSettlement: &w.putSettlement, sqlPutSettlementRow: &w.putSettlementRow,
		sqlPutPayment: &w.putPayment,

		sqlInsertPromise: &w.insertPromise, sqlEndPromise: &w.endPromise, sqlSweepPromises: &w.sweepPromises,
		sqlInsertPayer: &w.insertPayer, sqlPaidTwice: &w.paidTwice, sqlPutPurchase: &w.putPurchase, sqlDropPurchase: &w.dropPurchase,
		sqlInsertDelivery: &w.insertDelivery, sqlTrimDeliveries: &w.trimDeliveries, sqlPutEndpoint: &w.putEndpoint,
		sqlPruneDeliveries: &w.pruneDeliveries, sqlPruneWebhooks: &w.pruneWebhooks,
		sqlPutSighting: &w.putSighting, sqlSweepSightings: &w.sweepSightings, sqlAddAct: &w.addAct, sqlSweepActs: &w.sweepActs,

		sqlCounted: &w.counted, sqlCount: &w.count, sqlPutMessage: &w.putMessage, sqlSweepMessages: &w.sweepMessages, sqlSweepCounts: &w.sweepCounts,
		sqlRaiseInbox: &w.raiseInbox, sqlInsertItem: &w.insertItem, sqlReadUpTo: &w.readUpTo, sqlReadOne: &w.readOne, sqlWasRead: &w.wasRead,
		sqlPutOptIn: &w.putOptIn, sqlEndOptIns: &w.endOptIns, sqlDropOptOut: &w.dropOptOut, sqlPutOptOut: &w.putOptOut, sqlPutDead: &w.putDead, sqlDropDead: &w.dropDead,
		sqlTemplateChange: &w.templateChange, sqlAddTemplate: &w.addTemplate, sqlChangeTemplate: &w.changeTemplate, sqlReseal: &w.reseal,
		sqlRenewOptIn: &w.renewOptIn,
	} {
		var err error
		if *into, err = link.keep(text); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (w *writes) begin(ctx context.Context) error {
	if _, err := w.beginTx.run(ctx); err != nil {
		w.rollback(ctx) // should the group before have left one open, it ends here
		return fmt.Errorf("begin: %w", err)
	}
	w.written = w.written[:0]
	w.leases.begin()
	return nil
}

func (w *writes) commit(ctx context.Context) error {
	if _, err := w.commitTx.run(ctx); err != nil {
		w.newest.forget()
		return fmt.Errorf("commit: %w", err)
	}
	w.newest.note(w.written)
	return nil
}

// rollback has no error to report: SQLite may have rolled back by itself (disk full),
// and what is left open is seen by the next begin.
func (w *writes) rollback(ctx context.Context) {
	_, _ = w.rollbackTx.run(ctx)
	w.leases.rollback()
}

// run executes a statement that returns no rows and says how many it changed.
func (w *writes) run(ctx context.Context, step string, statement *prepared, args ...any) (int64, error) {
	changed, err := statement.run(ctx, args...)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", step, err)
	}
	w.changed += changed
	return changed, nil
}

// exec runs a statement that is too rare to be kept prepared; see run.
func (w *writes) exec(ctx context.Context, step, text string, args ...any) (int64, error) {
	changed, err := w.link.once(ctx, text, args...)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", step, err)
	}
	w.changed += changed
	return changed, nil
}

// closeLog runs a pragma that starts the log anew, without waiting long for readers.
func (w *writes) closeLog(ctx context.Context, pragma string) error {
	if _, err := w.link.once(ctx, sqlWaitShort); err != nil {
		return fmt.Errorf("shorten wait: %w", err)
	}
	_, err := w.link.once(ctx, pragma) // that readers were in the way is no error
	if err != nil {
		err = fmt.Errorf("close log: %w", err)
	}
	if _, restore := w.link.once(ctx, sqlWaitLong); restore != nil {
		err = errors.Join(err, fmt.Errorf("restore wait: %w", restore))
	}
	return err
}
