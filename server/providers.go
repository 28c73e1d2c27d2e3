package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"anxin/engine"
	"anxin/engine/notify"
	"anxin/engine/notify/aliyun"
	"anxin/engine/notify/apns"
	"anxin/engine/notify/email"
	"anxin/engine/notify/fcm"
	"anxin/engine/notify/gateway"
	"anxin/engine/notify/robot"
	"anxin/engine/notify/sandbox"
	"anxin/engine/notify/tencent"
	"anxin/engine/notify/twilio"
	"anxin/engine/notify/webpush"
	"anxin/engine/webhook"
	"anxin/server/config"
)

// messenger opens an account at one provider of messages. receipts is where it reports.
type messenger func(r *config.AccountReader, receipts string) (notify.Provider, error)

// messengers are the providers of messages by the kind that the configuration names. To
// add one, add one line with two functions, as for the providers of payments.
var messengers = map[string]messenger{
	"twilio":  messages(twilioAccount, twilio.New),
	"aliyun":  messages(aliyunAccount, aliyun.New),
	"tencent": messages(tencentAccount, tencent.New),
	"apns":    messages(apnsAccount, apns.New),
	"fcm":     messages(fcmAccount, fcm.New),
	"webpush": messages(webpushAccount, webpush.New),
	"email":   messages(emailAccount, email.New),
	"gateway": gatewayMessenger,
	"robot":   messages(robotAccount, robot.New),
}

// messages reads a provider's Config, and makes a provider of it when nothing is missing.
func messages[Config any, P notify.Provider](read func(r *config.AccountReader, receipts string) Config, open func(Config) (P, error)) messenger {
	return func(r *config.AccountReader, receipts string) (notify.Provider, error) {
		cfg := read(r, receipts)
		if err := r.Err(); err != nil {
			return nil, err
		}
		return open(cfg)
	}
}

func twilioAccount(r *config.AccountReader, receipts string) twilio.Config {
	return twilio.Config{
		AccountSID: r.Text("account_sid"), AuthToken: r.Secret("auth_token"), From: r.TextOr("from", ""), ServiceSID: r.TextOr("service_sid", ""),
		StatusURL: r.TextOr("status_url", receipts), BaseURL: r.URL("base_url", ""),
	}
}

func aliyunAccount(r *config.AccountReader, _ string) aliyun.Config {
	return aliyun.Config{
		AccessKeyID: r.Text("access_key_id"), AccessKeySecret: r.Secret("access_key_secret"), SignName: r.Text("sign_name"),
		ReceiptSecret: optional(r, "receipt_secret"), BaseURL: r.URL("base_url", ""),
	}
}

func tencentAccount(r *config.AccountReader, _ string) tencent.Config {
	return tencent.Config{
		SecretID: r.Text("secret_id"), SecretKey: r.Secret("secret_key"), AppID: r.Text("app_id"), SignName: r.TextOr("sign_name", ""),
		Region: r.TextOr("region", ""), ReceiptSecret: optional(r, "receipt_secret"), BaseURL: r.URL("base_url", ""),
	}
}

func apnsAccount(r *config.AccountReader, _ string) apns.Config {
	return apns.Config{
		KeyID: r.Text("key_id"), TeamID: r.Text("team_id"), Key: []byte(r.Secret("key")), Topic: r.Text("topic"), BaseURL: r.URL("base_url", ""),
	}
}

func fcmAccount(r *config.AccountReader, _ string) fcm.Config {
	return fcm.Config{ServiceAccount: []byte(r.Secret("service_account")), BaseURL: r.URL("base_url", ""), TokenURL: r.URL("token_url", "")}
}

func webpushAccount(r *config.AccountReader, _ string) webpush.Config {
	return webpush.Config{Key: []byte(r.Secret("key")), Subject: r.Text("subject"), AllowPrivate: r.Flag("allow_private")}
}

func emailAccount(r *config.AccountReader, _ string) email.Config {
	port, err := strconv.Atoi(r.TextOr("port", "587"))
	if err != nil {
		port = -1 // which New refuses by its name
	}
	return email.Config{
		Host: r.Text("host"), Port: port, Security: email.Security(r.TextOr("security", "")), Username: r.TextOr("username", ""),
		Password: optional(r, "password"), From: r.Text("from"), ReplyTo: r.TextOr("reply_to", ""), ReturnPath: r.TextOr("return_path", ""),
		BounceSecret: optional(r, "bounce_secret"), AllowInsecure: r.Flag("allow_insecure"),
	}
}

func robotAccount(r *config.AccountReader, _ string) robot.Config {
	return robot.Config{Kind: r.Text("kind"), URL: r.Secret("url"), Secret: optional(r, "secret")}
}

func gatewayMessenger(r *config.AccountReader, _ string) (notify.Provider, error) {
	cfg := gateway.Config{URL: r.URL("url", ""), AllowPrivate: r.Flag("allow_private")}
	texts := r.Secrets("secrets")
	if err := r.Err(); err != nil {
		return nil, err
	}
	for _, text := range texts {
		secret, err := webhook.ParseSecret(text)
		if err != nil {
			return nil, fmt.Errorf("secrets: %w", err)
		}
		cfg.Secrets = append(cfg.Secrets, secret)
	}
	return gateway.New(cfg)
}

// optional reads a secret that need not be there.
func optional(r *config.AccountReader, key string) string {
	if !r.Has(key) {
		return ""
	}
	return r.Secret(key)
}

// outboxes are the simulated providers, which stand in for those that are not configured.
var outboxes = []struct {
	name    string
	channel notify.Channel
}{{"outbox", notify.SMS}, {"outbox-email", notify.Email}, {"outbox-push", notify.Push}}

// openProvider makes one provider. It dials nobody.
func openProvider(cfg config.Config, p config.Provider) (notify.Provider, error) {
	open, ok := messengers[p.Kind]
	if !ok {
		return nil, fmt.Errorf("kind must be one of %s", strings.Join(slices.Sorted(maps.Keys(messengers)), ", "))
	}
	return open(p.Account.Reader(config.ReadCredential), cfg.PublicURL+"/v1/receipts/"+p.Name)
}

// messageProviders makes the configured providers. With the sandbox on, messages of
// channels that have none go to its outbox.
func (a *app) messageProviders() ([]engine.MessageProvider, error) {
	var list []engine.MessageProvider
	served := map[notify.Channel]bool{}
	for i, p := range a.cfg.Notifications.Providers {
		provider, err := openProvider(a.cfg, p)
		if err != nil {
			return nil, fmt.Errorf("notifications.providers[%d] (%s): %w", i, p.Name, err)
		}
		served[provider.Traits().Channel] = true
		list = append(list, engine.MessageProvider{Name: p.Name, QPS: p.QPS, Provider: provider})
	}
	for _, o := range outboxes {
		if a.sandbox == nil || served[o.channel] {
			continue
		}
		outbox, err := a.outbox(o.channel)
		if err != nil {
			return nil, err
		}
		list = append(list, engine.MessageProvider{Name: o.name, Provider: outbox})
	}
	if a.sandbox != nil && !served[notify.WebPush] {
		outbox, err := a.outboxBrowsers()
		if err != nil {
			return nil, err
		}
		list = append(list, engine.MessageProvider{Name: "outbox-browsers", Provider: outbox})
	}
	for _, p := range list {
		if closes, ok := p.Provider.(interface{ Close() }); ok {
			a.closers = append(a.closers, closes.Close)
		}
	}
	return list, nil
}

// outbox makes a simulated provider of a channel.
func (a *app) outbox(c notify.Channel) (*sandbox.Provider, error) {
	p, err := sandbox.New(sandbox.Config{GatewayURL: a.sandbox.GatewayURL(), Secret: a.cfg.Sandbox.ChannelSecret.Reveal(), Channel: c})
	if err != nil {
		return nil, fmt.Errorf("sandbox outbox: %w", err)
	}
	return p, nil
}
