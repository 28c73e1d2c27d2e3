package config

import (
	"time"

	"go.yaml.in/yaml/v3"

	"anxin/engine"
)

// Channel is one account at a payment provider.
type Channel struct {
	Provider string // "" or "sandbox" for the simulated channel, which is set up elsewhere
	Account  Account
	Settings engine.ChannelSettings
}

// channelFile is one channel's part of the file.
type channelFile struct {
	Provider string               `yaml:"provider"`
	Account  map[string]yaml.Node `yaml:"account"`

	Schedule []duration `yaml:"schedule"`
	QPS      int        `yaml:"qps"`
	Typical  duration   `yaml:"typical"`
	Late     duration   `yaml:"late"`
	Breaker  struct {
		Failures int      `yaml:"failures"`
		Cooldown duration `yaml:"cooldown"`
	} `yaml:"breaker"`
}

// Limits of a channel's settings.
const (
	maxSchedule = 200
	maxAge      = 30 * 24 * time.Hour // no channel answers about older payments by order number for longer
	maxFailures = 1000
	minCooldown = time.Second
	maxCooldown = 5 * time.Minute // the engine's own bound
)

func (f file) applyChannels(c *Config, l *loader) {
	p := l.problems
	for name, channel := range f.Channels {
		setting := "channels." + name
		if !backendName.MatchString(name) {
			p.add("channels", "%q is not a name of letters, digits, _ and -", name)
		}
		channel.check(setting, p)
		settings := engine.ChannelSettings{
			QPS: channel.QPS, Typical: time.Duration(channel.Typical), Late: time.Duration(channel.Late),
			Breaker: engine.BreakerLimits{Failures: channel.Breaker.Failures, Cooldown: time.Duration(channel.Breaker.Cooldown)},
		}
		for _, age := range channel.Schedule {
			settings.Schedule = append(settings.Schedule, time.Duration(age))
		}
		switch {
		case name == sandboxShop && (channel.Provider != "" && channel.Provider != sandboxShop || len(channel.Account) > 0):
			p.add(setting, "is the simulated channel: it has settings, and neither another provider nor an account")
		case name != sandboxShop && channel.Provider == "":
			p.add(setting+".provider", "must be set")
		}
		c.Channels[name] = Channel{
			Provider: channel.Provider, Settings: settings,
			Account: readAccount(setting, l.dir, channel.Account, l.getenv, p),
		}
	}
}

func (f channelFile) check(setting string, p *problems) {
	previous := duration(0)
	for i, age := range f.Schedule {
		if age < previous+duration(time.Second) || time.Duration(age) > maxAge {
			p.add(setting+".schedule", "entry %d must be a second or more after the one before, and at most %v", i+1, maxAge)
		}
		previous = age
	}
	if len(f.Schedule) > maxSchedule {
		p.add(setting+".schedule", "must have at most %d entries", maxSchedule)
	}
	if f.QPS < 0 || f.QPS > engine.MaxQPS {
		p.add(setting+".qps", "must be 0 (the default) to %d", engine.MaxQPS)
	}
	if (f.Late != 0 || f.Typical != 0) && (f.Typical == 0 || f.Late <= f.Typical) {
		p.add(setting+".late", "must be longer than %s.typical, and both be set or neither", setting)
	}
	for part, wait := range map[string]duration{"typical": f.Typical, "late": f.Late} {
		if time.Duration(wait) > maxAge {
			p.add(setting+"."+part, "must be at most %v", maxAge)
		}
	}
	if f.Breaker.Failures < 0 || f.Breaker.Failures > maxFailures {
		p.add(setting+".breaker.failures", "must be 0 (the default) to %d", maxFailures)
	}
	if d := time.Duration(f.Breaker.Cooldown); d != 0 && (d < minCooldown || d > maxCooldown) {
		p.add(setting+".breaker.cooldown", "must be %v to %v", minCooldown, maxCooldown)
	}
}
