package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"modernc.org/sqlite"
)

// link is the connection that writes, as the driver gives it. What database/sql does for
// each statement on behalf of many users of many connections costs as much as a short
// statement itself; this connection has one user, the writer's goroutine.
type link struct {
	conn driver.Conn
	kept []*prepared
	args []driver.NamedValue // of the statement that runs: the driver copies them
}

func openLink(ctx context.Context, dsn string) (*link, error) {
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	conn, err := connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &link{conn: conn}, nil
}

// Close ends the statements that were kept first: one that is left keeps the database open.
func (l *link) Close() error {
	var err error
	for _, p := range l.kept {
		err = errors.Join(err, p.Close())
	}
	return errors.Join(err, l.conn.Close())
}

// keep prepares a statement that is there until the link closes.
func (l *link) keep(text string) (*prepared, error) {
	p, err := l.prepare(text)
	if err == nil {
		l.kept = append(l.kept, p)
	}
	return p, err
}

// once runs a statement that is too rare to be kept.
func (l *link) once(ctx context.Context, text string, args ...any) (changed int64, err error) {
	p, err := l.prepare(text)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	return p.run(ctx, args...)
}

// oneOf is prepared.one of such a statement.
func (l *link) oneOf(ctx context.Context, text string, args ...any) row {
	p, err := l.prepare(text)
	if err != nil {
		return record{err: err}
	}
	first := p.one(ctx, args...)
	if err := p.Close(); err != nil {
		return record{err: err}
	}
	return first
}

// prepared is a statement of a link.
type prepared struct {
	link      *link
	statement driver.Stmt
	exec      driver.StmtExecContext
	query     driver.StmtQueryContext
}

func (l *link) prepare(text string) (*prepared, error) {
	statement, err := l.conn.Prepare(positional(text))
	if err != nil {
		return nil, fmt.Errorf("prepare %q: %w", text, err)
	}
	p := &prepared{link: l, statement: statement}
	var executes, queries bool
	p.exec, executes = statement.(driver.StmtExecContext)
	p.query, queries = statement.(driver.StmtQueryContext)
	if !executes || !queries {
		return nil, errors.Join(errors.New("the driver lacks statements with a context"), statement.Close())
	}
	return p, nil
}

func (p *prepared) Close() error { return p.statement.Close() }

// run executes the statement to its end and returns how many rows it changed.
func (p *prepared) run(ctx context.Context, args ...any) (int64, error) {
	values, err := p.link.bind(args)
	if err != nil {
		return 0, err
	}
	result, err := p.exec.ExecContext(ctx, values)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// one returns the first row, or a row whose Scan returns sql.ErrNoRows.
func (p *prepared) one(ctx context.Context, args ...any) row {
	first := record{err: sql.ErrNoRows}
	err := p.read(ctx, args, func(values []driver.Value) bool {
		first = record{values: values}
		return false
	})
	if err != nil {
		first.err = err
	}
	return first
}

// each has all rows scanned. What a row holds is the scanner's only until it returns.
func (p *prepared) each(ctx context.Context, args []any, scan func(row) error) error {
	var failed error
	err := p.read(ctx, args, func(values []driver.Value) bool {
		failed = scan(record{values: values})
		return failed == nil
	})
	return errors.Join(failed, err)
}

// read hands over rows, always the same slice, until next wants no more.
func (p *prepared) read(ctx context.Context, args []any, next func([]driver.Value) bool) (err error) {
	values, err := p.link.bind(args)
	if err != nil {
		return err
	}
	rows, err := p.query.QueryContext(ctx, values)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	into := make([]driver.Value, len(rows.Columns()))
	for {
		switch err := rows.Next(into); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if !next(into) {
			return nil
		}
	}
}

func (l *link) bind(args []any) ([]driver.NamedValue, error) {
	l.args = l.args[:0]
	for i, arg := range args {
		value := arg
		switch arg := arg.(type) {
		case int64, string, []byte:
		case int:
			value = int64(arg)
		default:
			var err error
			if value, err = driver.DefaultParameterConverter.ConvertValue(arg); err != nil {
				return nil, fmt.Errorf("argument %d: %w", i+1, err)
			}
		}
		l.args = append(l.args, driver.NamedValue{Ordinal: i + 1, Value: value})
	}
	return l.args, nil
}

// record is a row of a link.
type record struct {
	values []driver.Value
	err    error
}

var _ row = record{}

// Scan knows the types that the writer reads.
func (r record) Scan(into ...any) error {
	if r.err != nil {
		return r.err
	}
	if len(into) != len(r.values) {
		return fmt.Errorf("scan %d of %d columns", len(into), len(r.values))
	}
	for i, value := range r.values {
		ok := false
		switch to := into[i].(type) {
		case *int64:
			*to, ok = value.(int64)
		case *int:
			var n int64
			n, ok = value.(int64)
			*to = int(n)
		case *string:
			*to, ok = value.(string)
		case *[]byte:
			*to, ok = value.([]byte)
		}
		if !ok {
			return fmt.Errorf("scan a %T into a %T", value, into[i])
		}
	}
	return nil
}
