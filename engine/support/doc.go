// Package support is what stands between a payer who needs help and the people who give
// it: what payers say of their page, with the state and the wording that they saw, and the
// way back to an order whose link is lost, by a one-time code sent to the payer's own
// contact.
//
// Whoever asks for an order by its number learns nothing from the answer: a code is made
// and stored for every number, and only for an order that has a contact does it reach
// anybody. So a number that does not exist takes the same way through the same writes.
package support
