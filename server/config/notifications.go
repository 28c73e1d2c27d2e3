package config

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"

	"anxin/engine"
	"anxin/engine/notify"
	"anxin/engine/order"
)

// Notifications say who is told what, when, by which channels and in which words.
type Notifications struct {
	Plan      *notify.Plan
	Templates []notify.Template
	Providers []Provider // those of a channel in the order in which they are tried
	Alerts    notify.AlertPlan
}

// Provider is one configured account at a provider of messages. Which kinds there are, and
// the keys of their accounts, the server knows.
type Provider struct {
	Name    string
	Kind    string
	QPS     int
	Account Account
}

// defaultZone is where payers live who name no time zone.
const defaultZone = "Asia/Shanghai"

// notificationsFile is the YAML form. Of what is left out the default holds.
type notificationsFile struct {
	Zone      string                      `yaml:"time_zone"`
	Rules     []ruleFile                  `yaml:"rules"`
	Quiet     map[notify.Channel]string   `yaml:"quiet_hours"`
	Caps      map[notify.Channel]capsFile `yaml:"caps"`
	Providers []providerFile              `yaml:"providers"`
	Templates []templateFile              `yaml:"templates"`
	Alerts    struct {
		Rules []struct {
			Kinds    []notify.AlertKind `yaml:"kinds"`
			Robots   []string           `yaml:"robots"`
			Language string             `yaml:"language"`
		} `yaml:"rules"`
		LateOrders int `yaml:"late_orders"`
	} `yaml:"alerts"`
}

type ruleFile struct {
	Notices     []notify.Notice   `yaml:"notices"`
	Diagnoses   []order.Diagnosis `yaml:"diagnoses"`
	Waited      bool              `yaml:"waited"`
	Claimed     bool              `yaml:"claimed"`
	IgnoreQuiet bool              `yaml:"ignore_quiet"`
	Optional    bool              `yaml:"optional"`
	Tell        []stepFile        `yaml:"tell"`
}

type stepFile struct {
	Channel    notify.Channel                   `yaml:"channel"`
	After      duration                         `yaml:"after"`
	Unless     map[notify.Channel]notify.Status `yaml:"unless"`
	Min        map[string]int64                 `yaml:"min_amount"`
	EvenIfSeen bool                             `yaml:"even_if_seen"`
}

type capsFile struct {
	Order      int `yaml:"order"`
	PayerDay   int `yaml:"payer_day"`
	Day        int `yaml:"day"`
	AddressDay int `yaml:"address_day"`
}

type templateFile struct {
	Name      string                             `yaml:"name"`
	Language  string                             `yaml:"language"`
	Channel   notify.Channel                     `yaml:"channel"`
	Brand     string                             `yaml:"brand"`
	Version   int                                `yaml:"version"`
	Title     string                             `yaml:"title"`
	Body      string                             `yaml:"body"`
	Short     string                             `yaml:"short"`
	Providers map[string]notify.ProviderTemplate `yaml:"providers"`
}

func (l *loader) notifications(n notificationsFile) {
	c, p := &l.cfg, l.problems
	name := n.Zone
	if name == "" {
		name = defaultZone
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		p.add("notifications.time_zone", "must be a name of the IANA time zone database, such as Asia/Shanghai")
		return
	}
	plan := notify.DefaultPlan(zone, c.Stages)
	if n.Rules != nil {
		plan.Rules = rulesOf(n.Rules)
	}
	if n.Quiet != nil {
		plan.Quiet = quietOf(n.Quiet, p)
	}
	if n.Caps != nil {
		plan.Caps = make(map[notify.Channel]notify.Caps, len(n.Caps))
		for channel, caps := range n.Caps {
			plan.Caps[channel] = notify.Caps(caps)
		}
	}
	if err := plan.Validate(); err != nil {
		p.add("notifications", "%v", err)
	}
	c.Notifications.Plan = plan
	for _, t := range n.Templates {
		c.Notifications.Templates = append(c.Notifications.Templates, t.template())
	}
	if _, err := notify.NewCatalogue(c.Notifications.Templates); err != nil {
		p.add("notifications.templates", "%v", err)
	}
	c.Notifications.Providers = l.messageProviders(n.Providers)
	l.alerts(n)
}

// robotKind is the kind of providers that reach operators.
const robotKind = "robot"

func (l *loader) alerts(n notificationsFile) {
	plan := notify.DefaultAlerts()
	plan.LateOrders = cmp.Or(n.Alerts.LateOrders, plan.LateOrders)
	if n.Alerts.Rules != nil {
		plan.Rules = nil
	}
	for _, r := range n.Alerts.Rules {
		plan.Rules = append(plan.Rules, notify.AlertRule{Kinds: r.Kinds, Robots: r.Robots, Language: cmp.Or(r.Language, "en")})
	}
	var robots []string
	for _, p := range l.cfg.Notifications.Providers {
		if p.Kind == robotKind {
			robots = append(robots, p.Name)
		}
	}
	if err := plan.Validate(robots); err != nil {
		l.problems.add("notifications.alerts", "%v", err)
	}
	l.cfg.Notifications.Alerts = plan
}

func (t templateFile) template() notify.Template {
	if t.Version == 0 {
		t.Version = 1
	}
	return notify.Template{
		Name: t.Name, Language: t.Language, Channel: t.Channel, Brand: t.Brand, Version: t.Version,
		Title: t.Title, Body: t.Body, Short: t.Short, Providers: t.Providers,
	}
}

func rulesOf(list []ruleFile) []notify.Rule {
	var rules []notify.Rule
	for _, r := range list {
		rule := notify.Rule{
			Notices: r.Notices, Diagnoses: r.Diagnoses, Waited: r.Waited, Claimed: r.Claimed, IgnoreQuiet: r.IgnoreQuiet, Optional: r.Optional,
		}
		for _, s := range r.Tell {
			rule.Steps = append(rule.Steps, notify.Step{
				Channel: s.Channel, After: time.Duration(s.After), Unless: s.Unless, Min: s.Min, EvenIfSeen: s.EvenIfSeen,
			})
		}
		rules = append(rules, rule)
	}
	return rules
}

var quietHours = regexp.MustCompile(`^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$`)

func quietOf(list map[notify.Channel]string, p *problems) map[notify.Channel]notify.Quiet {
	quiet := make(map[notify.Channel]notify.Quiet, len(list))
	for channel, span := range list {
		m := quietHours.FindStringSubmatch(span)
		if m == nil {
			p.add("notifications.quiet_hours."+string(channel), "must be such as 22:00-08:00")
			continue
		}
		var figures [4]int
		for i := range figures {
			figures[i], _ = strconv.Atoi(m[i+1]) // two digits
		}
		quiet[channel] = notify.Quiet{From: figures[0]*60 + figures[1], To: figures[2]*60 + figures[3]}
	}
	return quiet
}

// providerFile is one provider.
type providerFile struct {
	Name    string               `yaml:"name"`
	Kind    string               `yaml:"kind"`
	QPS     int                  `yaml:"qps"`
	Account map[string]yaml.Node `yaml:"account"`
}

func (l *loader) messageProviders(list []providerFile) []Provider {
	var providers []Provider
	for i, f := range list {
		setting := fmt.Sprintf("notifications.providers[%d]", i)
		if !backendName.MatchString(f.Name) || slices.Contains(notify.Channels, notify.Channel(f.Name)) ||
			slices.ContainsFunc(providers, func(other Provider) bool { return other.Name == f.Name }) {
			l.problems.add(setting+".name", "must be a name of its own of letters, digits, _ and -, and no channel's")
		}
		if f.QPS < 0 || f.QPS > engine.MaxQPS {
			l.problems.add(setting+".qps", "must be 0 (any number) to %d", engine.MaxQPS)
		}
		account := readAccount(setting, l.dir, f.Account, l.getenv, l.problems)
		providers = append(providers, Provider{Name: f.Name, Kind: f.Kind, QPS: f.QPS, Account: account})
	}
	return providers
}
