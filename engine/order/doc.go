// Package order is the pure heart of Anxin: what a payment to follow is, which
// evidence may move it, and what a payer may be told about it. It reads no clock,
// opens no socket and imports the standard library only, so every rule in it can be
// tested cell by cell.
//
// # What moves an order
//
// Only evidence does: a verified callback, the answer to a query, a settlement row
// or, in pushed mode, the authenticated backend. Time alone never settles anything;
// recovery that runs out opens a case and leaves the order pending.
//
//	          succeeded                         refunding          refunded
//	pending ─────────────▶ succeeded ──────────────▶ refunding ───────▶ refunded
//	   │                    ▲  ▲  ▲ └──────────────────────────────────────▲
//	   │ failed   late      │  │  └───── refund failed (+case) ──┘
//	   ├────────▶ failed ───┘  │
//	   │ closed   late         │
//	   └────────▶ closed ──────┘
//
// Evidence that contradicts a settled order (failed after succeeded, say) moves
// nothing and opens a case of kind conflict; so does evidence whose amount, currency
// or merchant differs from the order's. Evidence that repeats what is known changes
// nothing at all, which is what makes redelivery and reordering harmless; a success
// under another transaction of the channel is no repetition but a second charge, and
// opens a case.
//
// # Changes and seq
//
// Every method that changes an order returns a Change: the new order and the events
// that tell the change. Each event raises Seq by exactly one, so the sequence of an
// order has no gap, and a reader that knows seq n knows everything up to n. The
// caller commits order, events and the work they cause in one transaction, guarded by
// the Seq it read.
//
// # What the payer sees
//
// Progress is a function of the order alone. It holds nothing internal: no channel
// error, no evidence, no contact. Agents read Diagnosis and the internal part of the
// events beside it.
package order
