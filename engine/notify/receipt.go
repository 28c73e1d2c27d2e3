package notify

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"

	"anxin/engine/channel"
)

// MinReceiptSecret is the least length of a secret that stands in an address.
const MinReceiptSecret = 24

// CheckReceiptSecret authenticates reports of a service that signs nothing: the address
// that it was given ends in ?secret=, and who does not know the secret is not the service.
func CheckReceiptSecret(query, secret string) error {
	values, err := url.ParseQuery(query)
	if err != nil || secret == "" {
		return channel.ErrSignature
	}
	given, wanted := sha256.Sum256([]byte(values.Get("secret"))), sha256.Sum256([]byte(secret))
	if subtle.ConstantTimeCompare(given[:], wanted[:]) != 1 {
		return channel.ErrSignature
	}
	return nil
}

// ReceiptStatus is the HTTP status by which a request with reports is answered, for
// services that look at nothing else: any but 2xx makes them report again.
func ReceiptStatus(err error) int {
	switch {
	case err == nil:
		return http.StatusOK
	case errors.Is(err, channel.ErrSignature), errors.Is(err, channel.ErrStale):
		return http.StatusForbidden
	case errors.Is(err, channel.ErrMalformed):
		return http.StatusBadRequest
	}
	return http.StatusServiceUnavailable
}
