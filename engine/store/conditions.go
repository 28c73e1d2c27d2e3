package store

import (
	"strconv"
	"strings"

	"anxin/engine/order"
)

// conditions select the rows of a list. No value becomes part of a statement's text.
type conditions struct {
	all  []string
	args []any
}

// add demands a condition, in which each ? stands for one of the values.
func (c *conditions) add(condition string, values ...any) {
	for _, v := range values {
		condition = strings.Replace(condition, "?", c.value(v), 1)
	}
	c.all = append(c.all, condition)
}

// value keeps one for the statement and returns what stands for it there ($1, $2, ...).
func (c *conditions) value(v any) string {
	c.args = append(c.args, v)
	return "$" + strconv.Itoa(len(c.args))
}

// equal demands that a column has a value, "" = any.
func (c *conditions) equal(column, value string) {
	if value != "" {
		c.add(column+" = ?", value)
	}
}

// within demands that a time is not before since and before until; 0 = no such bound.
func (c *conditions) within(column string, since, until order.Time) {
	if since != 0 {
		c.add(column+" >= ?", int64(since))
	}
	if until != 0 {
		c.add(column+" < ?", int64(until))
	}
}

// behind demands that a row of a list, newest first, stands behind the end of the page
// before, so that pages stay whole while rows come in; "" = the first page.
func (c *conditions) behind(at, id, cursor string, of fields) error {
	if cursor == "" {
		return nil
	}
	after, err := parseMark(cursor, of, mark{})
	if err != nil {
		return err
	}
	c.add(at+" <= ?", int64(after.at))
	c.add("("+at+" < ? OR "+id+" > ?)", int64(after.at), after.id)
	return nil
}

// list returns the statement that reads the first rows in an order, and its arguments.
func (c *conditions) list(read, order string, limit int) (string, []any) {
	text := read + c.where() + " ORDER BY " + order + " LIMIT " + c.value(limit)
	return text, c.args
}

// where returns the clause, "" without conditions.
func (c *conditions) where() string {
	if len(c.all) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.all, " AND ")
}
