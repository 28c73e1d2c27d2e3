// Package settlement reads the files in which a channel lists what it settled.
//
// A file is CSV (RFC 4180) in UTF-8 with a header that names its columns, in any order:
//
//	order_no     our number of the order, the channel's out_trade_no
//	channel_txn  the channel's own number; may be empty
//	amount       decimal, in the currency's major unit: 88.00; or instead of it
//	amount_minor integer, in the minor unit: 8800
//	currency     ISO 4217; left out when the whole file is in one that the caller names
//	status       pending, processing, succeeded, failed, closed, refunding, refunded or refund_failed
//	at           when it happened, RFC 3339
//	refund_id    our number of the refund; may be left out or empty
//
// The amount of a refund's row is the amount that goes back. A column that is not here is
// refused: a mistyped one must not be taken for one that is absent. A row that cannot be
// read is named by line and code, and the rows after it are read all the same.
package settlement
