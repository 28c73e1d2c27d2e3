// Package auth decides who may ask what: backends by api keys, payers by tokens.
//
// A token is a capability: it names one order (or one payer's inbox) and an end, and it
// is signed, so that it is checked without a look into the store. Whoever holds the
// link may look; nobody can make one, change one or guess which orders exist.
package auth
