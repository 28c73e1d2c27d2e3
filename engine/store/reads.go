package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"anxin/engine"
)

const (
	sqlOrder     = `SELECT state, contact FROM orders WHERE order_no = $1`
	sqlEvents    = `SELECT seq, type, at, event FROM events WHERE order_no = $1 AND seq > $2 ORDER BY seq LIMIT $3`
	sqlKey       = `SELECT hash, seq, at FROM idempotency_keys WHERE order_no = $1 AND key = $2`
	sqlCallbacks = `SELECT channel, dedupe_key, notification, raw FROM callbacks WHERE order_no = $1 AND state = $2 ORDER BY id LIMIT $3`
	sqlWebhook   = `SELECT id, seq, type, body, created_at FROM webhooks
WHERE order_no = $1 AND seq > $2 AND accepted_at = 0 AND given_up_at = 0 ORDER BY seq, id LIMIT 1`
	sqlOfPayer = `SELECT o.state, o.contact FROM payers AS p JOIN orders AS o ON o.order_no = p.order_no
WHERE p.backend = $1 AND p.payer_id = $2 AND p.created_at >= $3 ORDER BY p.created_at DESC, p.order_no DESC LIMIT $4`
	sqlAudits   = `SELECT id, at, actor, action, target, reason FROM audit WHERE id < $1 ORDER BY id DESC LIMIT $2`
	sqlPing     = `SELECT COUNT(*) FROM schema_migrations`
	sqlWebhooks = `SELECT id, seq, type, body, created_at, accepted_at FROM webhooks
WHERE order_no = $1 AND (seq > $2 OR (seq = $2 AND id > $3)) ORDER BY seq, id LIMIT $4`
	sqlPlace = `SELECT seq FROM webhooks WHERE id = $1 AND order_no = $2`
	sqlTries = `SELECT d.webhook_id, d.at, d.duration_ms, d.code, d.status, d.body FROM webhooks AS w
JOIN deliveries AS d ON d.webhook_id = w.id
WHERE w.order_no = $1 AND (w.seq > $2 OR (w.seq = $2 AND w.id > $3)) AND w.seq <= $4 ORDER BY w.seq, w.id, d.n`
	sqlEndpoint  = `SELECT gone_at, disabled_at FROM endpoints WHERE backend = $1`
	sqlEndpoints = `SELECT backend, gone_at, disabled_at FROM endpoints`
	sqlParked    = `SELECT order_no, due_at, tries FROM tasks
WHERE due_at >= $1 AND kind = $2 AND target = $3 ORDER BY due_at, order_no LIMIT $4`
)

// maxRows bounds what one call returns, so that no caller can make the store hold a
// whole table in memory. A limit of 0 asks for as many.
const maxRows = 1000

func bounded(limit int) int {
	if limit <= 0 {
		return maxRows
	}
	return min(limit, maxRows)
}

// How many orders one statement asks for. A list is padded up to the next size, so that
// four prepared statements serve every length.
const (
	one    = 1
	few    = 16
	dozens = 64
	many   = 256
)

// reads are the prepared statements of the reading pool.
type reads struct {
	pool *sql.DB

	order, events, key, callbacks, webhook, audits, pinged *sql.Stmt
	record, rejected, quarantined                          *sql.Stmt
	webhooks, place, tries, endpoint, endpoints, parked    *sql.Stmt
	seqs, byNo, views                                      map[int]*sql.Stmt // by size
	pauses                                                 *sql.Stmt
	caseByID, settlement, settlements, settlementCounts    *sql.Stmt
	allRows, outcomeRows, unsettled                        *sql.Stmt

	promises, ofPayer, sighting, acts *sql.Stmt

	messagesOf, message, messageByProvider, inbox, inboxPage *sql.Stmt
	optIns, optInsTo, optOuts, deadAddress, unsealed         *sql.Stmt
	templatesUsed, templatesChange                           *sql.Stmt

	announcements, boardVersion *sql.Stmt
}

func prepareReads(ctx context.Context, pool *sql.DB) (*reads, error) {
	r := &reads{pool: pool, seqs: make(map[int]*sql.Stmt), byNo: make(map[int]*sql.Stmt), views: make(map[int]*sql.Stmt)}
	for text, into := range map[string]**sql.Stmt{
		sqlOrder: &r.order, sqlEvents: &r.events, sqlKey: &r.key,
		sqlCallbacks: &r.callbacks, sqlWebhook: &r.webhook, sqlAudits: &r.audits, sqlPing: &r.pinged,
		sqlPauses: &r.pauses,
		sqlCase:   &r.caseByID, sqlSettlement: &r.settlement, sqlSettlements: &r.settlements, sqlSettlementCounts: &r.settlementCounts,
		sqlAllRows: &r.allRows, sqlOutcomeRows: &r.outcomeRows, sqlUnsettled: &r.unsettled,

		sqlPromises: &r.promises, sqlOfPayer: &r.ofPayer, sqlSighting: &r.sighting, sqlActs: &r.acts,

		sqlMessagesOf: &r.messagesOf, sqlMessage: &r.message, sqlMessageByProvider: &r.messageByProvider,
		sqlInbox: &r.inbox, sqlInboxPage: &r.inboxPage,
		sqlOptIns: &r.optIns, sqlOptInsTo: &r.optInsTo, sqlOptOuts: &r.optOuts, sqlDeadAddress: &r.deadAddress, sqlTemplatesUsed: &r.templatesUsed, sqlTemplatesChange: &r.templatesChange, sqlUnsealed: &r.unsealed,
		sqlAnnouncements: &r.announcements, sqlBoardVersion: &r.boardVersion,
		sqlRecord: &r.record, sqlRejected: &r.rejected, sqlQuarantined: &r.quarantined,
		sqlWebhooks: &r.webhooks, sqlPlace: &r.place, sqlTries: &r.tries,
		sqlEndpoint: &r.endpoint, sqlEndpoints: &r.endpoints, sqlParked: &r.parked,
	} {
		statement, err := pool.PrepareContext(ctx, positional(text)) //nolint:sqlclosecheck // closed with pool
		if err != nil {
			return nil, fmt.Errorf("prepare %q: %w", text, err)
		}
		*into = statement
	}
	for columns, into := range map[string]map[int]*sql.Stmt{`order_no, seq`: r.seqs, `state, contact`: r.byNo, `state`: r.views} {
		for _, size := range []int{one, few, dozens, many} {
			//nolint:sqlclosecheck // closed with pool
			statement, err := pool.PrepareContext(ctx, positional(`SELECT `+columns+` FROM orders WHERE order_no IN (`+placeholders(size)+`)`))
			if err != nil {
				return nil, fmt.Errorf("prepare list of %d: %w", size, err)
			}
			into[size] = statement
		}
	}
	return r, nil
}

// placeholders returns "$1, $2, ... $n".
func placeholders(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = "$" + strconv.Itoa(i+1)
	}
	return strings.Join(list, ", ")
}

func (r *reads) ping(ctx context.Context) error {
	var n int
	return r.pinged.QueryRowContext(ctx).Scan(&n)
}

// row is what both a single row and one of many can do.
type row interface{ Scan(into ...any) error }

// collect reads all rows and closes them.
func collect[T any](rows *sql.Rows, scan func(row) (T, error)) (list []T, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		item, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("read row: %w", err)
		}
		list = append(list, item)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read rows: %w", err)
	}
	return list, nil
}

// notFound turns the absence of a row into the port's error.
func notFound(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return engine.ErrNotFound
	}
	return err
}
