// Package standardhook makes a payment channel of whatever signs by Standard Webhooks
// (https://www.standardwebhooks.com): a backend of one's own, an aggregator, a bank
// behind a small gateway. Nothing but HTTP, JSON and one of the many libraries of that
// specification is needed on the other side.
//
// # Callbacks
//
// A callback is a webhook with the headers webhook-id, webhook-timestamp and
// webhook-signature, signed v1 (HMAC-SHA256) or v1a (Ed25519) by any of the configured
// keys. webhook-id stays the same when it is sent again, and has no dot in it, so that
// one signature has one reading. The body is an [Event]: a payment.updated tells of the
// payment, a refund.updated of one refund. Other types are acknowledged and say nothing.
//
// # Questions
//
// With a query URL the payment can be asked about. The question is a POST of a
// [Question], signed as a webhook with the question keys; the answer is a [Payment],
// signed as a webhook with one of the callback's keys and with the question's
// webhook-id, so that no older answer passes for a new one. With a close URL an order can
// be closed: the answer is the closed Payment, or 409 with the code already_paid. 404
// with the code order_not_found says that there is no such order. Both are signed too;
// 401, 403, 429 and 5xx need no signature, as nothing is concluded from them but whether
// to ask again.
package standardhook
