package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"anxin/engine/order"
	"anxin/engine/settlement"
)

const (
	// MaxSettlement bounds a file, in bytes.
	MaxSettlement = 50 << 20
	// MaxSettlementRows bounds its lines: a day of six payments a second.
	MaxSettlementRows = 500_000
	// loadBatch is how many rows one commit stores: some 5 ms of the writer's time, so
	// that callbacks do not wait behind a file.
	loadBatch = 500
)

// ErrTooManyRows refuses a file with more than MaxSettlementRows lines.
var ErrTooManyRows = errors.New("the file has too many rows")

// SettlementFile is a file to import.
type SettlementFile struct {
	Channel  string
	Currency string // of a file that names none, else ""
	Actor    string
	Content  []byte // not kept
}

// id is the same for the same file, so that importing it again finds the first import.
func (f SettlementFile) id() string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\x00%s\x00", f.Channel, f.Currency)
	_, _ = sum.Write(f.Content) // a hash never fails
	return "st_" + hex.EncodeToString(sum.Sum(nil)[:12])
}

// ImportSettlement makes the rows of a file durable and owes the weighing of them; the
// orders follow while it is running. The same file again changes nothing and is answered
// with the import that there is (created false); one whose upload was cut off goes on.
// It fails with ErrUnknownChannel, ErrTooManyRows or a *settlement.HeaderError.
func (e *Engine) ImportSettlement(ctx context.Context, f SettlementFile) (s Settlement, created bool, err error) {
	if !e.HasChannel(f.Channel) {
		return Settlement{}, false, fmt.Errorf("%w: %q", ErrUnknownChannel, f.Channel)
	}
	id := f.id()
	s, err = e.deps.Store.Settlement(ctx, id)
	switch {
	case err == nil && s.State != SettlementLoading:
		return s, false, nil
	case err == nil, errors.Is(err, ErrNotFound):
	default:
		return Settlement{}, false, fmt.Errorf("load settlement: %w", err)
	}
	if bytes.Count(f.Content, []byte{'\n'}) > MaxSettlementRows {
		return Settlement{}, false, ErrTooManyRows
	}
	rows, err := settlement.NewReader(bytes.NewReader(f.Content), f.Currency)
	if err != nil {
		return Settlement{}, false, err
	}
	s = Settlement{ID: id, Channel: f.Channel, Actor: f.Actor, State: SettlementLoading, CreatedAt: now()}
	if err := e.load(ctx, &s, rows); err != nil {
		return Settlement{}, false, err
	}
	s.State = SettlementRunning
	c := Commit{Settlement: &s, Audit: &Audit{At: now(), Actor: f.Actor, Action: "settlement.import", Target: id, Reason: f.Channel}}
	c.addTask(settleTask(s), now())
	if err := e.commit(ctx, c); err != nil {
		return Settlement{}, false, fmt.Errorf("store settlement: %w", err)
	}
	return s, true, nil
}

func settleTask(s Settlement) TaskKey { return TaskKey{s.ID, TaskSettle, s.Channel} }

// load stores the rows in batches and notes the range of their times.
func (e *Engine) load(ctx context.Context, s *Settlement, rows *settlement.Reader) error {
	batch := Commit{Settlement: s}
	for {
		row, err := rows.Next()
		var bad *settlement.RowError
		switch {
		case errors.Is(err, io.EOF):
			return e.loadBatch(ctx, &batch)
		case errors.As(err, &bad):
			batch.SettlementRows = append(batch.SettlementRows, SettlementRow{
				SettlementID: s.ID, Row: settlement.Row{Line: bad.Line}, Outcome: RowBad, Code: bad.Code,
			})
		case err != nil:
			return err
		default:
			s.From, s.Until = earlier(s.From, row.At), max(s.Until, row.At)
			batch.SettlementRows = append(batch.SettlementRows, SettlementRow{SettlementID: s.ID, Row: row, Outcome: RowWaiting})
		}
		if len(batch.SettlementRows) == loadBatch {
			if err := e.loadBatch(ctx, &batch); err != nil {
				return err
			}
		}
	}
}

func (e *Engine) loadBatch(ctx context.Context, batch *Commit) error {
	if err := e.commit(ctx, *batch); err != nil {
		return fmt.Errorf("store rows: %w", err)
	}
	batch.SettlementRows = nil
	return nil
}

func earlier(a, b order.Time) order.Time {
	if a == 0 {
		return b
	}
	return min(a, b)
}
