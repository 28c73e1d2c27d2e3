package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"anxin/engine"
	"anxin/engine/channel"
	"anxin/engine/channel/alipay"
	"anxin/engine/channel/standardhook"
	"anxin/engine/channel/stripe"
	"anxin/engine/channel/wechatpay"
	"anxin/server/config"
)

// provider opens an account at one payment provider.
type provider func(*config.AccountReader) (channel.Channel, error)

// providers are the payment providers by the name that `channels.NAME.provider` has. To
// add one, add one line with two functions: what its Config is read from, and its New.
// The keys of the account are what the first asks for (see config.AccountReader: Secret
// refuses values that stand in the file itself), and docs/channels.md explains them. A
// second account of a provider is another entry of the file, not of this map.
var providers = map[string]provider{
	"alipay":       account(alipayAccount, alipay.New),
	"standardhook": account(standardhookAccount, standardhook.New),
	"stripe":       account(stripeAccount, stripe.New),
	"wechatpay":    account(wechatpayAccount, wechatpay.New),
}

// account reads a provider's Config, and makes an adapter of it when nothing is missing.
func account[Config any, Channel channel.Channel](read func(*config.AccountReader) Config, open func(Config) (Channel, error)) provider {
	return func(r *config.AccountReader) (channel.Channel, error) {
		cfg := read(r)
		if err := r.Err(); err != nil {
			return nil, err
		}
		return open(cfg)
	}
}

func alipayAccount(r *config.AccountReader) alipay.Config {
	return alipay.Config{
		AppID: r.Text("app_id"), SellerID: r.Text("seller_id"), PrivateKey: r.Secret("private_key"),
		AlipayPublicKey: r.TextOr("alipay_public_key", ""),
		AppCert:         r.TextOr("app_cert", ""),
		AlipayCert:      strings.Join(r.Texts("alipay_cert"), "\n"),
		RootCert:        r.TextOr("root_cert", ""),
		GatewayURL:      r.URL("gateway", ""),
	}
}

func standardhookAccount(r *config.AccountReader) standardhook.Config {
	return standardhook.Config{
		Merchant:     r.TextOr("merchant", ""),
		CallbackKeys: slices.Concat(r.Secrets("callback_secrets"), r.Texts("callback_public_keys")),
		QueryURL:     r.URL("query_url", ""),
		CloseURL:     r.URL("close_url", ""),
		QuestionKeys: r.Secrets("question_keys"),
	}
}

// accounts are the channels of the configuration, each built anew when its files change.
type accounts map[string]*channel.Reloading

// openAccounts opens all channels of the configuration but the simulated one. The error
// tells what is wrong with each.
func openAccounts(cfg config.Config, log logrus.FieldLogger) (accounts, error) {
	open := make(accounts)
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(cfg.Channels)) {
		if name == sandboxName {
			continue
		}
		ch, err := openAccount(name, cfg.Channels[name], log)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		open[name] = ch
	}
	return open, errors.Join(errs...)
}

func openAccount(name string, c config.Channel, log logrus.FieldLogger) (*channel.Reloading, error) {
	build, ok := providers[c.Provider]
	if !ok {
		return nil, fmt.Errorf("channels.%s.provider must be one of %s", name, strings.Join(slices.Sorted(maps.Keys(providers)), ", "))
	}
	ch, err := channel.NewReloading(channel.ReloadConfig{
		Name: name, Read: config.ReadCredential, Log: log,
		Build: func(read channel.ReadFile) (channel.Channel, error) { return build(c.Account.Reader(read)) },
	})
	if _, told := errors.AsType[*config.Error](err); err != nil && !told { // which names the setting
		err = fmt.Errorf("channels.%s.account: %w", name, err)
	}
	return ch, err
}

// run looks after the credential files of all accounts until ctx ends, at once when
// somebody hangs up.
func (a accounts) run(ctx context.Context, hangup <-chan os.Signal) error {
	var all sync.WaitGroup
	defer all.Wait()
	for _, ch := range a {
		all.Go(func() { _ = ch.Run(ctx) }) // it ends with ctx and in no other way
	}
	for {
		select {
		case <-hangup:
			for _, ch := range a {
				ch.Reload()
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// findings tells what is known of the credentials of every account, by channel.
func (a accounts) findings(now time.Time) map[string][]channel.Finding {
	all := make(map[string][]channel.Finding, len(a))
	for name, ch := range a {
		all[name] = ch.Inspect(now)
	}
	return all
}

// warn logs what operators must see to. It is for the start: later the metrics tell.
func (a accounts) warn(log logrus.FieldLogger) {
	all := a.findings(time.Now())
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, f := range all[name] {
			fields := log.WithFields(logrus.Fields{"channel": name, "subject": f.Subject, "finding": f.Text})
			switch f.Level {
			case channel.LevelWarn:
				fields.Warn("credentials need attention")
			case channel.LevelError:
				fields.Error("credentials cannot be used")
			case channel.LevelOK:
			}
		}
	}
}

// settings are the operator's wishes for each channel.
func settings(channels map[string]config.Channel) map[string]engine.ChannelSettings {
	wishes := make(map[string]engine.ChannelSettings, len(channels))
	for name, c := range channels {
		wishes[name] = c.Settings
	}
	return wishes
}
