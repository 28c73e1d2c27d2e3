// Package httpcall makes the HTTP calls of message providers. What a provider has to know
// of a failed call is whether the message may have gone out all the same; this package
// finds that out once for all of them.
package httpcall
