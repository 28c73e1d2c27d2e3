// Package httpapi is everything that Anxin answers over HTTP: the API of backends and
// payers, the intake of callbacks, the payer's page and its forms, and what operators
// look at.
//
// # The way of a request
//
// The outermost middleware gives the request an id and, when it has been answered,
// writes one log line from the pattern of its route, never from its URL, headers or
// body. A handler says who may call it, reads its input strictly, asks the engine and
// returns either a value or an error; nothing else decides about status codes: each
// error is turned into its problem (RFC 9457) in one place, problem.go, and what is
// not expected becomes a 500 that tells the caller nothing and the log everything.
//
// # Who may see what
//
// An api key sees the orders that it registered; somebody else's are not found. A view
// token sees the one order that it names. Whether that order exists is looked up only
// after the token has been found genuine, so that nobody can probe for orders.
//
// # Memory
//
// Fiber reuses the memory of a request for the next one. Strings that outlive the
// handler (everything that is given to the engine) are copied first.
package httpapi
