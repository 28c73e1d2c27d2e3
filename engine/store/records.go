package store

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"anxin/engine"
	"anxin/engine/order"
)

const (
	sqlRecord      = `SELECT channel, dedupe_key, order_no, state, received_at, notification, raw FROM callbacks WHERE id = $1`
	sqlRejected    = `SELECT channel, order_no, reason, received_at, raw FROM rejected_callbacks WHERE id = $1`
	sqlQuarantined = `SELECT COUNT(*) FROM callbacks WHERE state = 'quarantined' AND state <> 'processed'`
)

// recordID names a callback in one of the two tables: "c_17" is stored, "r_17" refused.
type recordID struct {
	rejected bool
	number   int64
}

func (id recordID) String() string {
	if id.rejected {
		return "r_" + strconv.FormatInt(id.number, 10)
	}
	return "c_" + strconv.FormatInt(id.number, 10)
}

// idOf reads an id. There is one spelling of each.
func idOf(text string) (recordID, bool) {
	kind, digits, _ := strings.Cut(text, "_")
	n, err := strconv.ParseInt(digits, 10, 64)
	id := recordID{kind == "r", n}
	return id, err == nil && n > 0 && id.String() == text
}

// CallbackRecord returns a callback with its contents; see engine.CallbackLog.
func (s *Store) CallbackRecord(ctx context.Context, id string) (engine.CallbackRecord, error) {
	at, ok := idOf(id)
	if !ok {
		return engine.CallbackRecord{}, fmt.Errorf("read callback: %w", engine.ErrNotFound)
	}
	rec := engine.CallbackRecord{ID: id, State: engine.CallbackRejected}
	var received int64
	var notification string
	var raw []byte
	var err error
	if at.rejected {
		err = s.reads.rejected.QueryRowContext(ctx, at.number).Scan(&rec.Channel, &rec.OrderNo, &rec.Reason, &received, &raw)
	} else {
		err = s.reads.record.QueryRowContext(ctx, at.number).
			Scan(&rec.Channel, &rec.DedupeKey, &rec.OrderNo, &rec.State, &received, &notification, &raw)
	}
	if err != nil {
		return engine.CallbackRecord{}, fmt.Errorf("read callback: %w", notFound(err))
	}
	if rec.Raw, err = decodeRaw(raw); err != nil {
		return engine.CallbackRecord{}, fmt.Errorf("read callback: %w", err)
	}
	rec.ReceivedAt = order.Time(received)
	if notification != "" {
		err = decode(notification, &rec.Notification)
	}
	return rec, err
}

// Quarantined counts the callbacks that wait for their orders; see engine.CallbackLog.
func (s *Store) Quarantined(ctx context.Context) (n int64, err error) {
	if err := s.reads.quarantined.QueryRowContext(ctx).Scan(&n); err != nil {
		return 0, fmt.Errorf("count quarantine: %w", err)
	}
	return n, nil
}

// CallbackRecords lists callbacks of both tables, newest first; see engine.CallbackLog.
// Each table is read in the order of its own index, and the two lists are merged.
func (s *Store) CallbackRecords(ctx context.Context, f engine.CallbackFilter) ([]engine.CallbackRecord, string, error) {
	after := place{at: math.MaxInt64}
	if f.Cursor != "" {
		var err error
		if after, err = parsePlace(f); err != nil {
			return nil, "", err
		}
	}
	limit := bounded(f.Limit)
	var list []placed
	for _, rejected := range []bool{false, true} {
		if f.State != "" && rejected != (f.State == engine.CallbackRejected) {
			continue
		}
		part, err := s.recordsOf(ctx, f, rejected, after, limit+1)
		if err != nil {
			return nil, "", fmt.Errorf("list callbacks: %w", err)
		}
		list = append(list, part...)
	}
	slices.SortFunc(list, func(a, b placed) int { return a.compare(b.place) })
	next := ""
	if len(list) > limit {
		list = list[:limit]
		next = list[limit-1].cursor(f)
	}
	records := make([]engine.CallbackRecord, len(list))
	for i, p := range list {
		records[i] = p.record
	}
	return records, next, nil
}

// place is where a callback stands in the list: newest first, of one instant the stored
// before the refused, each the last stored first.
type place struct {
	at order.Time
	id recordID
}

type placed struct {
	place
	record engine.CallbackRecord
}

func (p place) compare(q place) int {
	if p.at != q.at {
		return cmp.Compare(q.at, p.at)
	}
	if p.id.rejected != q.id.rejected {
		return cmp.Compare(table(p.id), table(q.id))
	}
	return cmp.Compare(q.id.number, p.id.number)
}

func table(id recordID) byte {
	if id.rejected {
		return 1
	}
	return 0
}

// below returns the number that ids of a table must stay below at the place's instant.
func (p place) below(rejected bool) int64 {
	switch {
	case p.id.rejected == rejected:
		return p.id.number
	case rejected:
		return math.MaxInt64 // the stored ones come first: all refused ones are still to come
	}
	return 0
}

// recordsOf reads at most limit callbacks of one table behind a place.
func (s *Store) recordsOf(ctx context.Context, f engine.CallbackFilter, rejected bool, after place, limit int) ([]placed, error) {
	c := conditions{args: []any{int64(after.at), after.below(rejected)}, all: []string{"received_at <= $1", "(received_at < $1 OR id < $2)"}}
	c.equal("channel", f.Channel)
	c.equal("order_no", f.OrderNo)
	c.within("received_at", f.Since, f.Until)
	columns := "'', order_no, 'rejected', reason FROM rejected_callbacks"
	if !rejected {
		columns = "dedupe_key, order_no, state, '' FROM callbacks"
		c.equal("state", string(f.State))
		if f.State == engine.CallbackPending || f.State == engine.CallbackQuarantined {
			c.add("state <> 'processed'") // says that the index of the unsettled serves
		}
	}
	query, args := c.list("SELECT id, received_at, channel, "+columns, "received_at DESC, id DESC", limit)
	rows, err := s.reads.pool.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(r row) (placed, error) {
		p := placed{place: place{id: recordID{rejected: rejected}}}
		rec := &p.record
		err := r.Scan(&p.id.number, (*int64)(&p.at), &rec.Channel, &rec.DedupeKey, &rec.OrderNo, &rec.State, &rec.Reason)
		rec.ID, rec.ReceivedAt = p.id.String(), p.at
		return p, err
	})
}

// cursor writes the place as text that means something only with the same filter.
func (p place) cursor(f engine.CallbackFilter) string {
	body := binary.AppendVarint([]byte{table(p.id)}, int64(p.at))
	body = binary.AppendVarint(body, p.id.number)
	return callbackFields(f).seal(body)
}

func parsePlace(f engine.CallbackFilter) (place, error) {
	body, err := callbackFields(f).open(f.Cursor)
	if err != nil {
		return place{}, err
	}
	at, n := binary.Varint(body[1:])
	if n <= 0 || body[0] > 1 {
		return place{}, errBadCursor()
	}
	number, m := binary.Varint(body[1+n:])
	if m <= 0 || number <= 0 || len(body) != 1+n+m {
		return place{}, errBadCursor()
	}
	return place{order.Time(at), recordID{body[0] == 1, number}}, nil
}

func callbackFields(f engine.CallbackFilter) fields {
	return fields{"callbacks", string(f.State), f.Channel, f.OrderNo, f.Since.String(), f.Until.String(), ""}
}
