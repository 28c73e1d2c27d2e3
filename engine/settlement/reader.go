package settlement

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"anxin/engine/order"
)

// Row is one line of a file that could be read.
type Row struct {
	Line       int // 1 is the header
	OrderNo    string
	ChannelTxn string
	RefundID   string
	Amount     order.Money
	Claims     order.Claimed
	At         order.Time
}

// RowError names a line that could not be read.
type RowError struct {
	Line int
	Code string
}

func (e *RowError) Error() string { return "line " + strconv.Itoa(e.Line) + ": " + e.Code }

// The codes of lines that cannot be read.
const (
	BadCSV        = "bad_csv"    // quotes that do not match
	BadFields     = "bad_fields" // another number of fields than the header
	BadOrderNo    = "bad_order_no"
	BadChannelTxn = "bad_channel_txn"
	BadRefundID   = "bad_refund_id"
	BadAmount     = "bad_amount"
	BadCurrency   = "bad_currency"
	BadStatus     = "bad_status"
	BadTime       = "bad_at"
)

// HeaderError says why a file cannot be read at all.
type HeaderError struct{ Reason string }

func (e *HeaderError) Error() string { return e.Reason }

var columns = []string{"order_no", "channel_txn", "amount", "amount_minor", "currency", "status", "at", "refund_id"}

var statuses = []order.Claimed{
	order.ClaimsPending, order.ClaimsProcessing, order.ClaimsSucceeded, order.ClaimsFailed, order.ClaimsClosed,
	order.ClaimsRefunding, order.ClaimsRefunded, order.ClaimsRefundFailed,
}

// Reader reads a file row by row.
type Reader struct {
	csv      *csv.Reader
	columns  map[string]int
	currency string // of all rows; "" = each row names its own
}

// NewReader reads the header, or returns a *HeaderError. currency is that of a file
// which names none, else "".
func NewReader(r io.Reader, currency string) (*Reader, error) {
	buffered := bufio.NewReader(r)
	if mark, err := buffered.Peek(3); err == nil && string(mark) == "\ufeff" { // what Excel writes
		_, _ = buffered.Discard(len(mark))
	}
	lines := csv.NewReader(buffered)
	lines.ReuseRecord = true
	header, err := lines.Read()
	if err != nil {
		return nil, &HeaderError{"the file has no readable header"}
	}
	file := &Reader{csv: lines, columns: make(map[string]int, len(header)), currency: currency}
	for i, name := range header {
		name = strings.Clone(strings.TrimSpace(name))
		if _, twice := file.columns[name]; twice || !slices.Contains(columns, name) {
			return nil, &HeaderError{fmt.Sprintf("column %d is unknown or there twice", i+1)}
		}
		file.columns[name] = i
	}
	return file, file.check()
}

func (r *Reader) has(column string) bool {
	_, ok := r.columns[column]
	return ok
}

func (r *Reader) check() error {
	for _, name := range []string{"order_no", "channel_txn", "status", "at"} {
		if !r.has(name) {
			return &HeaderError{"the column " + name + " is missing"}
		}
	}
	_, known := order.Digits(r.currency)
	switch {
	case r.has("amount") == r.has("amount_minor"):
		return &HeaderError{"there must be a column amount or a column amount_minor, and not both"}
	case r.has("currency") && r.currency != "":
		return &HeaderError{"the file names its currencies, so the request must not"}
	case !r.has("currency") && r.currency == "":
		return &HeaderError{"the column currency is missing, and the request names none"}
	case r.currency != "" && !known:
		return &HeaderError{"the currency of the request is unknown"}
	}
	return nil
}

// Next returns the next row, a *RowError for one that cannot be read (the next call goes
// on behind it), io.EOF at the end, or the error of the underlying reader.
func (r *Reader) Next() (Row, error) {
	fields, err := r.csv.Read()
	if err != nil {
		var broken *csv.ParseError
		switch {
		case errors.Is(err, csv.ErrFieldCount) && errors.As(err, &broken):
			return Row{}, &RowError{broken.StartLine, BadFields}
		case errors.As(err, &broken):
			return Row{}, &RowError{broken.StartLine, BadCSV}
		case errors.Is(err, io.EOF):
			return Row{}, io.EOF
		}
		return Row{}, fmt.Errorf("read settlement file: %w", err)
	}
	row := Row{}
	row.Line, _ = r.csv.FieldPos(0)
	if code := r.fill(&row, fields); code != "" {
		return Row{}, &RowError{row.Line, code}
	}
	return row, nil
}

// fill reads the fields of a row and returns the code of the first that is wrong.
func (r *Reader) fill(row *Row, fields []string) string {
	field := func(column string) string {
		if i, ok := r.columns[column]; ok {
			return strings.Clone(strings.TrimSpace(fields[i]))
		}
		return ""
	}
	row.OrderNo, row.ChannelTxn, row.RefundID = field("order_no"), field("channel_txn"), field("refund_id")
	row.Claims = order.Claimed(field("status"))
	switch {
	case !order.ValidOrderNo(row.OrderNo):
		return BadOrderNo
	case !isNumber(row.ChannelTxn):
		return BadChannelTxn
	case !isNumber(row.RefundID):
		return BadRefundID
	case !slices.Contains(statuses, row.Claims):
		return BadStatus
	case row.At.UnmarshalJSON([]byte(strconv.Quote(field("at")))) != nil || row.At == 0:
		return BadTime
	}
	return r.readAmount(row, field)
}

func (r *Reader) readAmount(row *Row, field func(string) string) string {
	currency := r.currency
	if currency == "" {
		currency = field("currency")
	}
	if _, ok := order.Digits(currency); !ok {
		return BadCurrency
	}
	var err error
	if r.has("amount") {
		row.Amount, err = order.ParseDecimal(field("amount"), currency)
	} else {
		row.Amount.Currency = currency
		row.Amount.Minor, err = strconv.ParseInt(field("amount_minor"), 10, 64)
	}
	if err != nil || row.Amount.Validate() != nil {
		return BadAmount
	}
	return ""
}

// maxNumber bounds the numbers of channels: WeChat Pay's and Alipay's have up to 64
// characters, and those of others fit as well.
const maxNumber = 128

func isNumber(s string) bool {
	return len(s) <= maxNumber && !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' })
}
