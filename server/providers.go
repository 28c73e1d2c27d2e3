package main

import (
	"fmt"

	"anxin/engine"
	"anxin/engine/notify"
	"anxin/engine/notify/sandbox"
)

// outboxName is the simulated SMS provider, which stands in where none is configured.
const outboxName = "outbox"

// messageProviders makes the configured providers. With the sandbox on and no SMS provider
// configured, messages go to its outbox.
func (a *app) messageProviders() ([]engine.MessageProvider, error) {
	var list []engine.MessageProvider
	sms := false
	for _, p := range a.cfg.Notifications.Providers {
		provider, err := p.New()
		if err != nil {
			return nil, fmt.Errorf("provider %s: %w", p.Name, err)
		}
		sms = sms || provider.Traits().Channel == notify.SMS
		list = append(list, engine.MessageProvider{Name: p.Name, QPS: p.QPS, Provider: provider})
	}
	if a.sandbox != nil && !sms {
		outbox, err := sandbox.New(sandbox.Config{GatewayURL: a.sandbox.GatewayURL(), Secret: a.cfg.Sandbox.ChannelSecret.Reveal(), Channel: notify.SMS})
		if err != nil {
			return nil, fmt.Errorf("sandbox outbox: %w", err)
		}
		list = append(list, engine.MessageProvider{Name: outboxName, Provider: outbox})
	}
	for _, p := range list {
		if closes, ok := p.Provider.(interface{ Close() }); ok {
			a.closers = append(a.closers, closes.Close)
		}
	}
	return list, nil
}
