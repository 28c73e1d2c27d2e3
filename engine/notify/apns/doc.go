// Package apns sends push messages to the merchant's app on Apple devices by the Apple Push
// Notification service: HTTP/2 with an authentication token.
package apns
