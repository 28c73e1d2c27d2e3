// Package fcm sends push messages to the merchant's app by Firebase Cloud Messaging, HTTP
// v1, with the token of a service account.
package fcm
