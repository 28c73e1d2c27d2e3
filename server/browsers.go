package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"anxin/engine/notify"
	"anxin/engine/notify/sandbox"
	"anxin/engine/notify/webpush"
)

// browsers sends to browsers in the sandbox. Key, checks, encryption and signature are the
// real ones. What a browser's own push service would get goes to the sandbox's in its place,
// so that nothing leaves the machine, and to the outbox as the payer would read it.
type browsers struct {
	*webpush.Provider

	service string // the sandbox's push service, without a trailing slash
	outbox  *sandbox.Provider
}

var _ notify.Provider = (*browsers)(nil)

// outboxBrowsers makes the provider that stands in for a configured one.
func (a *app) outboxBrowsers() (*browsers, error) {
	sealing, err := webpush.New(webpush.Config{
		Key: []byte(a.cfg.Sandbox.PushKey.Reveal()), Subject: "mailto:sandbox@localhost.invalid", AllowPrivate: true,
	})
	if err != nil {
		return nil, fmt.Errorf("sandbox browsers: %w", err)
	}
	outbox, err := a.outbox(notify.WebPush)
	if err != nil {
		return nil, err
	}
	return &browsers{sealing, a.sandbox.GatewayURL() + "/v1/push", outbox}, nil
}

// Send implements notify.Provider.
func (b *browsers) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	here := m
	name := sha256.Sum256([]byte(m.To.WebPush.Endpoint))
	here.To.WebPush.Endpoint = b.service + "/" + hex.EncodeToString(name[:16])
	if receipt, err := b.Provider.Send(ctx, here); err != nil {
		return receipt, err
	}
	return b.outbox.Send(ctx, m)
}

// Close ends idle connections.
func (b *browsers) Close() {
	b.Provider.Close()
	b.outbox.Close()
}
