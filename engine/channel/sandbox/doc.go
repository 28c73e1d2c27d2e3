// Package sandbox speaks to the simulated payment channel that comes with Anxin. It is
// a channel like any other: callbacks are signed and verified, queries go over HTTP and
// their answers are checked, nothing is shared with the simulator but this wire format.
//
// # Signatures
//
// Both sides hold one secret. A message carries Sandbox-Timestamp (Unix seconds),
// Sandbox-Nonce and Sandbox-Signature, the lower-case hex HMAC-SHA256 of
// "timestamp.nonce.message". The message is
//
//   - of a callback and of an answer: the raw body;
//   - of a request to the gateway: method, path below the gateway and body, so that a
//     recorded question cannot be turned into one about another order.
//
// An answer repeats the nonce of its question: an older answer, truly signed, does not
// pass for a new one. Timestamps may be off by Window either way.
//
// # Evidence
//
// A callback ([Notice]) and an answer tell the whole [Payment], refunds included, and
// both are read by the same rule: the statement that matters most is taken, a credited
// refund before an accepted one before the payment itself.
package sandbox
