// Package gateway hands messages to the merchant's own message gateway, which knows where
// to reach its payers: a Standard Webhook a message, and reports in the same form back.
package gateway
