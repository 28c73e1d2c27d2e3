// Package email sends e-mail by SMTP to the merchant's mail server, which signs it (DKIM)
// and passes it on, and reads the bounces that come back.
package email
