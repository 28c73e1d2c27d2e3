// Package stripe speaks to Stripe: signed events by webhook, and the API's payment
// intents and refunds. Signatures are verified and the API is called by stripe-go; what
// that library leaves open is closed here.
//
// # How an order is found
//
// The merchant writes the order's number into the metadata of the payment intent, and of
// each refund, as order_no ([OrderNo]); a checkout session may carry it as
// client_reference_id. An object without a number is about something else and tells
// nothing. Queries find the payment intent by the search for its metadata, whose index
// lags behind by a minute as a rule and by an hour in an outage, and then read the intent
// itself: what the search shows may be old. Where the engine knows the intent's id, it is
// read at once.
//
// # What an account is called
//
// Nothing that Stripe sends names the account that it belongs to, except events of
// connected accounts. But each thing says whether it is live or a test. So evidence names
// the mode ("live", "test") and, if there is one, the connected account
// ("live/acct_…"): a test's payment never pays a live order, and one account's never
// another's.
//
// # Signatures
//
// HMAC-SHA256 over "t.body" with the whole whsec_… text as the key; any v1 of the header
// may match any of the configured secrets, so that both can be rolled. The library takes
// times in the future and reads the clock; the time is judged here, both ways, by the
// time of receipt. Of the event's API version nothing is asked: what is read has meant
// the same in all of them.
//
// # States
//
// A payment intent goes by its status, in events and answers alike. Failed it never is: a
// declined attempt leaves it waiting for another one (requires_payment_method). Only a
// checkout session can end as failed, when a delayed method of payment did not come
// through: nobody can pay that session any more. A disputed payment stays paid.
// charge.refunded proves that the money had come; what was given back, and whether it
// arrived, the events and the list of refunds tell, each by its id.
package stripe
