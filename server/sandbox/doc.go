// Package sandbox is a whole simulated world around Anxin: a payment channel with its
// gateway and cashier, a shop that sells through it, and the shop's backend. No real
// money is involved.
//
// # How a simulated payment goes
//
// The shop registers the order at Anxin and sends the payer to the cashier. Paying
// decides the payment at once, as in life: what comes late, wrong or never is only the
// news of it. The cashier sends the payer back to the shop, which claims the order and
// shows Anxin's page. Meanwhile the channel owes a callback, which Run sends and sends
// again until it is accepted, and Anxin may ask the gateway. Results reach the shop's
// backend by webhook.
//
// # Faults
//
// A [Plan] says what goes wrong: with the callback, with the answers to queries, with
// the backend, with a refund. Scripts give it with POST /sandbox/v1/payments, people
// choose among presets in the shop and at the cashier. Faults in the answers are used
// up in a fixed order: timeouts, then "not found", then "processing", then the truth.
//
// # What it promises
//
// All of it goes over HTTP with signatures, nothing through memory: Anxin cannot tell
// it from a real channel. Its state is a file of its own: after a kill the channel still
// knows every payment and sends every callback that it owes.
package sandbox
