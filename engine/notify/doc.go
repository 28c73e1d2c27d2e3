// Package notify decides what payers are told and in which words, and names the port
// through which messages leave. It holds no clock and no store: the engine asks it what
// is to be said, tells it to whom, and keeps the record.
//
// # The way of a message
//
// A change of an order owes a task in the same commit. When the task is due the order is
// read again, and the plan is asked what it would send now: what is true no more is not
// said. The text is made from the template of the payer's language, a record is written,
// and only then is a [Provider] called, with the record's id as its idempotency key. What
// comes of it is written into the record. A call whose outcome nobody knows (a timeout
// after the request went out, a crash in between) is recorded as maybe sent; where the
// provider cannot tell a repeat from a new message it is never sent again.
//
// # Providers
//
// One folder below this one for each provider, with a Config of secrets that were read
// already and a New that checks them and dials nothing. providertest is the suite that all
// of them pass. What a provider reports later (delivered, bounced) comes as a raw request
// that its [ReceiptParser] verifies and reads.
package notify
