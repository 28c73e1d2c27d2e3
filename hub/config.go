package hub

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/sirupsen/logrus"
)

// Limits that are part of the wire contract and therefore not settings.
const (
	// Subprotocol is the WebSocket subprotocol of the live frames.
	Subprotocol = "anxin.v1"
	// MaxFrame is the longest frame that a client may send, in bytes. The
	// longest honest one, a subscribe with its token, needs about 600.
	MaxFrame = 4096
	// MaxTopic is the longest topic in bytes: a kind, a colon and an id.
	MaxTopic = 256
	// maxStrikes is how many refused frames a connection may send before it is
	// closed: a client that got so many wrong will not get the next one right.
	maxStrikes = 10
	// maxNotes bounds the error and pong frames that wait for one client.
	maxNotes = 32
	// maxSeen bounds the seq in a client's frame so that no arithmetic on it
	// can overflow; a topic never gets there.
	maxSeen = 1 << 53
)

const (
	// closeTimeout bounds what the end of a connection may take: writing the
	// close frame, and then waiting for the client's.
	closeTimeout = time.Second
	// readTimeout bounds one question to the Source or the Authorizer.
	readTimeout = 5 * time.Second
	// socketBuffer is asked of the kernel for sending. Left alone it grows to
	// megabytes of outdated states for a slow client; what waits in the hub
	// instead is replaced by newer state.
	socketBuffer = 32 << 10
)

// Config holds the settings of a Hub. Zero values mean the stated defaults.
type Config struct {
	// Origins lists what may connect from a browser besides the same host,
	// exactly as browsers send it: scheme://host[:port].
	Origins []string
	// Acts lists the names that clients may report in act frames.
	Acts []string
	// SweepEvery is the period of comparing watched topics with the Source,
	// and so the delay of an update whose message was lost. Default 4 s: with the
	// rest of a repair less than the 5 s that are promised, at half the cost of 2.
	SweepEvery time.Duration
	// PingEvery is the period of pings to each client. Default 25 s: shorter
	// than the 30 s after which the strictest common proxies hang up.
	PingEvery time.Duration
	// SubscribeWithin is how long a connection may stay without a
	// subscription, since it is anonymous until then. Default 10 s.
	SubscribeWithin time.Duration
	// WriteTimeout is how long a client may take no bytes. Default 10 s.
	WriteTimeout time.Duration
	Limits       Limits
}

// Limits protect the node from its clients. Zero means the default; a negative
// number means no limit, except for MaxTopics and FrameRate.
type Limits struct {
	// MaxConnections bounds the WebSockets and event streams of this node.
	// Default 50,000, which at 8 KB each is 400 MB.
	MaxConnections int
	// MaxPerIP bounds the connections and long polls of one address (of one
	// /64 for IPv6). Default 500: mobile carriers put many payers behind one.
	MaxPerIP int
	// MaxPerToken bounds what watches with one token, over all transports.
	// Default 20: a payer's devices and tabs, and whom the link was shown.
	MaxPerToken int
	// MaxWaits bounds the long polls in progress. Default 10,000.
	MaxWaits int
	// MaxTopics bounds the topics of one connection. Default 100.
	MaxTopics int
	// FrameRate bounds the frames a second of one client. Default 10. A burst
	// may subscribe MaxTopics and send 20 frames more.
	FrameRate int
}

// Deps are the ports and services that a Hub stands on. Observer may be nil, and so may
// Bus if there is no other node.
type Deps struct {
	Source     Source
	Authorizer Authorizer
	Bus        Bus
	Observer   Observer
	Log        logrus.FieldLogger
}

func (d Deps) validate() error {
	switch {
	case d.Source == nil:
		return errors.New("no source")
	case d.Authorizer == nil:
		return errors.New("no authorizer")
	case d.Log == nil:
		return errors.New("no log")
	}
	return nil
}

func (c Config) withDefaults() Config {
	c.Origins = slices.Clone(c.Origins)
	c.Acts = slices.Clone(c.Acts)
	c.SweepEvery = cmp.Or(c.SweepEvery, 4*time.Second)
	c.PingEvery = cmp.Or(c.PingEvery, 25*time.Second)
	c.SubscribeWithin = cmp.Or(c.SubscribeWithin, 10*time.Second)
	c.WriteTimeout = cmp.Or(c.WriteTimeout, 10*time.Second)
	c.Limits = c.Limits.WithDefaults()
	return c
}

// WithDefaults returns the limits that hold.
func (l Limits) WithDefaults() Limits {
	l.MaxConnections = cmp.Or(l.MaxConnections, 50_000)
	l.MaxPerIP = cmp.Or(l.MaxPerIP, 500)
	l.MaxPerToken = cmp.Or(l.MaxPerToken, 20)
	l.MaxWaits = cmp.Or(l.MaxWaits, 10_000)
	l.MaxTopics = cmp.Or(l.MaxTopics, 100)
	l.FrameRate = cmp.Or(l.FrameRate, 10)
	return l
}

func (c Config) validate() error {
	for _, o := range c.Origins {
		if err := validateOrigin(o); err != nil {
			return err
		}
	}
	if slices.Contains(c.Acts, "") {
		return errors.New("an act has no name")
	}
	if min(c.SweepEvery, c.PingEvery, c.SubscribeWithin, c.WriteTimeout) <= 0 {
		return errors.New("a period is negative")
	}
	if c.PingEvery < wheelSlots*time.Microsecond || c.SweepEvery < shardCount*time.Microsecond {
		return errors.New("a period is too short")
	}
	if min(c.Limits.MaxTopics, c.Limits.FrameRate) <= 0 {
		return errors.New("the limits of topics and of the frame rate must be positive")
	}
	return nil
}

// validateOrigin accepts what a browser sends as Origin, and nothing that
// would never match: no path, no upper case, no wildcard.
func validateOrigin(o string) error {
	u, err := url.Parse(o)
	if err != nil {
		return fmt.Errorf("origin %q: %w", o, err)
	}
	if u.Scheme == "" || u.Host == "" || o != u.Scheme+"://"+u.Host {
		return fmt.Errorf("origin %q is not scheme://host[:port]", o)
	}
	return nil
}
