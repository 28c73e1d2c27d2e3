package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"

	"anxin/engine"
	"anxin/engine/channel"
	sandboxchannel "anxin/engine/channel/sandbox"
	"anxin/engine/incident"
	"anxin/engine/insight"
	"anxin/engine/store"
	"anxin/engine/support"
	"anxin/engine/webhook"
	"anxin/frontend/page"
	"anxin/hub"
	"anxin/hub/redisbus"
	"anxin/server/auth"
	"anxin/server/config"
	"anxin/server/httpapi"
	"anxin/server/sandbox"
)

const (
	sandboxName     = "sandbox"
	sandboxMerchant = "sandbox-shop"
	// stopWithin bounds a graceful stop: what orchestrators wait at the least.
	stopWithin = 10 * time.Second
	// closeMargin is what is left of it for finishing requests and closing the store
	// when draining has taken all its time.
	closeMargin = 2 * time.Second
)

// app is a whole node: what it is made of, and nothing that runs yet.
type app struct {
	cfg     config.Config
	log     logrus.FieldLogger
	store   *store.Store
	engine  *engine.Engine
	hub     *hub.Hub
	witness *witness
	redis   redis.UniversalClient // nil with the in-process bus
	sender  *webhook.Sender
	sandbox *sandbox.Sandbox // nil when it is off
	closers []func()         // of providers of messages
	// accounts are the payment channels but the simulated one.
	accounts accounts
	follower planFollower
	limits   hub.Limits
	entrance httpapi.Entrance
	hangup   <-chan os.Signal // a wish that their credential files be looked at now; nil = there is none
	http     *fiber.App
	board    httpapi.Announcements
	lookup   *support.Lookup // nil where nobody can be sent a code
}

// build makes a node from its configuration. It opens the store and starts nothing.
func build(ctx context.Context, cfg config.Config, log logrus.FieldLogger) (_ *app, err error) {
	a := &app{cfg: cfg, log: log, witness: &witness{}}
	defer func() {
		if err != nil {
			a.close()
		}
	}()
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("create data folder: %w", err)
	}
	if a.store, err = store.Open(ctx, cfg.DatabaseURL.Reveal(), store.Options{Log: log, ContactSecrets: contactSecrets(cfg)}); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	tokens, err := auth.NewTokens(reveal(cfg.TokenSecrets)...)
	if err != nil {
		return nil, fmt.Errorf("token secrets: %w", err)
	}
	live := &stream{support: supportLinks(cfg), log: log, page: links{tokens, cfg, log}.page}
	if err := a.buildHub(live, tokens); err != nil {
		return nil, err
	}
	if err := a.buildEngine(ctx, live, tokens); err != nil {
		return nil, err
	}
	live.hub, live.orders, live.inboxes = a.hub, a.engine, a.engine
	live.views = newViews(a.engine, live.view)
	a.witness.orders, a.witness.watchers = a.engine, a.hub
	if cfg.Behaviour {
		if a.witness.behaviour, err = insight.NewBehaviour(a.store, log); err != nil {
			return nil, err
		}
	}
	if live.announcements, err = incident.NewBoard(a.store, live, page.Languages()); err != nil {
		return nil, err
	}
	a.board = live.announcements
	return a, a.buildHTTP(tokens)
}

func (a *app) buildHub(live *stream, tokens *auth.Tokens) error {
	bus, err := a.bus()
	if err != nil {
		return err
	}
	a.limits, a.entrance = shareFiles(fileLimit(), a.cfg.Live)
	a.entrance.Trusted, a.entrance.Log = a.cfg.TrustedProxies, a.log
	a.hub, err = hub.New(hub.Config{Origins: a.cfg.Origins, Acts: insight.ActNames, Limits: a.limits},
		hub.Deps{Source: live, Authorizer: auth.NewTopics(tokens), Bus: bus, Observer: a.witness, Log: a.log})
	return err
}

// bus joins the nodes: over Redis when it is configured, else there is one node and none.
func (a *app) bus() (hub.Bus, error) {
	address := a.cfg.RedisURL.Reveal()
	if address == "" {
		return nil, nil
	}
	options, err := redis.ParseURL(address)
	if err != nil {
		return nil, errors.New("ANXIN_REDIS_URL cannot be read") // the cause would quote its password
	}
	redis.SetLogger(redisLog{a.log}) // one for the process: that is how the library has it
	a.redis = redis.NewClient(options)
	bus, err := redisbus.New(redisbus.Config{Client: a.redis, Log: a.log})
	if err != nil {
		return nil, fmt.Errorf("redis bus: %w", err)
	}
	return bus, nil
}

func (a *app) buildEngine(ctx context.Context, live *stream, tokens *auth.Tokens) error {
	channels, err := a.channels()
	if err != nil {
		return err
	}
	endpoints := make(map[string]webhook.Endpoint, len(a.cfg.Backends))
	backends := make(map[string]bool, len(a.cfg.Backends))
	for name, b := range a.cfg.Backends {
		e := webhook.Endpoint{URL: b.WebhookURL, AllowPrivate: b.AllowPrivate}
		for _, s := range b.Secrets {
			secret, err := webhook.ParseSecret(s.Reveal())
			if err != nil {
				return fmt.Errorf("backend %s: %w", name, err)
			}
			e.Secrets = append(e.Secrets, secret)
		}
		endpoints[name], backends[name] = e, true
	}
	if a.sender, err = webhook.NewSender(endpoints); err != nil {
		return err
	}
	told, err := a.messageDeps(ctx, live, tokens)
	if err != nil {
		return fmt.Errorf("notifications: %w", err)
	}
	a.engine, err = engine.New(engine.Config{
		Stages: a.cfg.Stages, CheckGap: a.cfg.CheckGap, WeighAtOnce: cmp.Or(a.cfg.WeighAtOnce, -1), WeighWithin: a.cfg.WeighWithin, LateSuccess: engine.LatePolicies(a.cfg.LateSuccess),
		Channels: settings(a.cfg.Channels), DuplicateWindow: a.cfg.DuplicateWindow,
	}, engine.Deps{
		Store: a.store, Channels: channels, Sender: a.sender, Backends: backends, Listener: live, Presence: a.witness, Messages: told, Log: a.log,
	})
	return err
}

// channels are the configured payment channels by the name that orders use.
func (a *app) channels() (map[string]channel.Channel, error) {
	var err error
	if a.accounts, err = openAccounts(a.cfg, a.log); err != nil {
		return nil, err
	}
	channels := make(map[string]channel.Channel, len(a.accounts)+1)
	for name, ch := range a.accounts {
		channels[name] = ch
	}
	if !a.cfg.Sandbox.On {
		return channels, nil
	}
	a.sandbox, err = sandbox.New(sandbox.Config{
		DataDir: a.cfg.DataDir, BaseURL: a.cfg.PublicURL, Name: sandboxName, Merchant: sandboxMerchant,
		Secret: a.cfg.Sandbox.ChannelSecret.Reveal(), APIKey: a.cfg.Sandbox.APIKey.Reveal(),
		WebhookSecret: a.cfg.Sandbox.WebhookSecret.Reveal(), Log: a.log,
	})
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	channels[sandboxName], err = sandboxchannel.New(sandboxchannel.Config{
		Name: sandboxName, GatewayURL: cmp.Or(a.cfg.Sandbox.Gateway, a.sandbox.GatewayURL()), Merchant: sandboxMerchant, Secret: a.cfg.Sandbox.ChannelSecret.Reveal(),
	})
	if err != nil {
		return nil, fmt.Errorf("sandbox channel: %w", err)
	}
	return channels, nil
}

func (a *app) buildHTTP(tokens *auth.Tokens) error {
	if err := a.buildLookup(); err != nil {
		return err
	}
	known, err := knownKeys(a.cfg.APIKeys)
	if err != nil {
		return fmt.Errorf("api keys: %w", err)
	}
	operators, err := knownKeys(a.cfg.OperatorKeys)
	if err != nil {
		return fmt.Errorf("operator keys: %w", err)
	}
	merchants := make(map[string]page.Brand, len(a.cfg.Brands))
	for name, b := range a.cfg.Brands {
		merchants[name] = b.Brand
	}
	renderer, err := page.New(page.Options{
		PublicURL: a.cfg.PublicURL, Brand: a.cfg.Brand.Brand, Merchants: merchants, DelayedAfter: a.cfg.Stages.Delayed, Silent: !a.cfg.Behaviour,
		Lookup: a.lookup != nil,
	})
	if err != nil {
		return fmt.Errorf("payer page: %w", err)
	}
	a.http, err = httpapi.New(httpapi.Config{
		PublicURL: a.cfg.PublicURL, Support: supportLinks(a.cfg), Sandbox: a.cfg.Sandbox.On,
		CheckGap: a.cfg.CheckGap, ViewLife: a.cfg.Tokens.View, InboxLife: a.cfg.Tokens.Inbox, InboxLink: a.cfg.InboxLink,
		Origins: a.cfg.Origins, TrustedProxies: a.cfg.TrustedProxies, Acts: insight.ActNames,
	}, httpapi.Deps{
		Engine: a.engine, Hub: a.hub, Keys: known, Operators: operators, Tokens: tokens, Page: renderer, Live: httpapi.Live(a.hub), Observer: a.witness,
		Announcements: a.board, Feedback: support.NewEar(a.store, a.engine), Lookup: a.lookups(),
		Ready: a.store.Ready, Credentials: a.accounts.credentials, Log: a.log,
	})
	if err == nil && a.sandbox != nil {
		a.sandbox.Mount(a.http)
	}
	return err
}

// supportLinks are where payers of each merchant find a person.
func supportLinks(cfg config.Config) httpapi.Support {
	s := httpapi.Support{URL: cfg.Brand.SupportURL, Merchants: make(map[string]string, len(cfg.Brands))}
	for name, b := range cfg.Brands {
		s.Merchants[name] = b.SupportURL
	}
	return s
}

// run serves until ctx ends and then stops gracefully. It returns when everything that
// it started has ended.
func (a *app) run(ctx context.Context) error {
	defer a.close()
	// No TCP keep-alive: idle requests have their timeout, and live clients are pinged.
	listener, err := (&net.ListenConfig{KeepAlive: -1}).Listen(ctx, "tcp", a.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	a.welcome()
	tellFiles(fileLimit(), a.cfg.Live, a.limits, a.log)
	a.accounts.warn(a.log)
	// What runs outlives ctx: it ends in order below, not all at the signal.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	failed := make(chan error, 6)
	var parts sync.WaitGroup
	start := func(name string, run func(context.Context) error) {
		parts.Go(func() {
			if err := run(work); err != nil && work.Err() == nil {
				failed <- fmt.Errorf("%s: %w", name, err)
			}
		})
	}
	start("hub", a.hub.Run)
	start("engine", a.engine.Run)
	start("credentials", func(ctx context.Context) error { return a.accounts.run(ctx, a.hangup) })
	start("notification plan", a.followPlan)
	if a.witness.behaviour != nil {
		start("behaviour", a.witness.behaviour.Run)
	}
	if a.sandbox != nil {
		start("sandbox", a.sandbox.Run)
	}
	if a.lookup != nil {
		start("order lookup", a.lookup.Run)
	}
	start("http", func(context.Context) error { return a.http.Listener(httpapi.Lending(listener, a.entrance)) })

	select {
	case <-ctx.Done():
		a.log.Info("stopping: clients are sent to reconnect, requests are finished")
	case err = <-failed:
	}
	a.stopServing(ctx)
	_ = listener.Close() // a stop before the server began to serve has not closed it
	cancel()
	parts.Wait()
	a.log.Info("stopped")
	return err
}

// stopServing takes no more connections, lets requests finish and sends the live
// clients away, spread over the drain window, all within stopWithin.
func (a *app) stopServing(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin-closeMargin)
	defer cancel()
	if a.sandbox != nil {
		a.sandbox.EndHanging()
	}
	var both sync.WaitGroup
	both.Go(func() { a.hub.Drain(ctx, a.cfg.Drain) })
	both.Go(func() {
		if err := a.http.ShutdownWithContext(ctx); err != nil {
			a.log.WithError(err).Warn("requests were cut off")
		}
	})
	both.Wait()
}

// close releases what build opened.
func (a *app) close() {
	var errs []error
	if a.sandbox != nil {
		errs = append(errs, a.sandbox.Close())
	}
	if a.sender != nil {
		a.sender.Close()
	}
	for _, closes := range a.closers {
		closes()
	}
	if a.redis != nil {
		errs = append(errs, a.redis.Close())
	}
	if a.store != nil {
		errs = append(errs, a.store.Close())
	}
	if err := errors.Join(errs...); err != nil {
		a.log.WithError(err).Error("close")
	}
}

// welcome says where to click.
func (a *app) welcome() {
	a.log.WithField("processors", runtime.GOMAXPROCS(0)).Info("starting")
	if a.sandbox != nil {
		a.log.Infof("try it:  %s/sandbox  (a simulated shop; no real money)", a.cfg.PublicURL)
		a.log.Infof("what its payers are sent: %s/sandbox/outbox", a.cfg.PublicURL)
	}
	a.log.Infof("the API: %s/openapi.yaml  %s/asyncapi.yaml", a.cfg.PublicURL, a.cfg.PublicURL)
	if a.cfg.Development {
		names := make([]string, len(a.cfg.APIKeys))
		for i, k := range a.cfg.APIKeys {
			names[i] = k.Name
		}
		a.log.Infof("development, not to be exposed: api keys of %s; secrets and data are in %s", strings.Join(names, ", "), a.cfg.DataDir)
	}
}

func knownKeys(list []config.APIKey) (*auth.Keys, error) {
	keys := make([]auth.Key, len(list))
	for i, k := range list {
		keys[i] = auth.Key{Name: k.Name, Value: k.Key.Reveal()}
	}
	return auth.NewKeys(keys)
}

func contactSecrets(cfg config.Config) [][]byte {
	var secrets [][]byte
	for _, s := range cfg.ContactSecrets {
		secrets = append(secrets, []byte(s.Reveal()))
	}
	return secrets
}

func reveal(secrets []config.Secret) []string {
	values := make([]string, len(secrets))
	for i, s := range secrets {
		values[i] = s.Reveal()
	}
	return values
}
