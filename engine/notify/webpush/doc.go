// Package webpush sends messages to browsers that opted in: the protocol of RFC 8030,
// encrypted by RFC 8291 so that the browser vendor's service cannot read them, and
// identified by RFC 8292 (VAPID).
package webpush
