package channel

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"anxin/engine/order"
)

// ReloadEvery is how often credential files are looked at. They have a few kilobytes, and
// a provider announces a change of keys days ahead.
const ReloadEvery = 30 * time.Second

// ReadFile reads one credential file.
type ReadFile func(path string) ([]byte, error)

// ReloadConfig says how to build an adapter.
type ReloadConfig struct {
	Name string
	// Build makes the adapter from its files, which it reads through read and in no other
	// way. It dials nothing and its errors hold no secret: they are logged.
	Build func(read ReadFile) (Channel, error)
	Read  ReadFile
	Log   logrus.FieldLogger
	Every time.Duration // 0 = ReloadEvery
}

// Reloading is a Channel whose adapter is built anew when one of its credential files
// has changed. A change that cannot be used leaves the adapter as it is: keys that are
// halfway replaced must not stop a channel. Calls that are under way end with the adapter
// that they began with.
type Reloading struct {
	cfg     ReloadConfig
	current atomic.Pointer[Channel]
	asked   chan struct{}
	loaded  atomic.Int64
	refused atomic.Int64
	stuck   atomic.Bool

	mu   sync.Mutex // guards what follows
	seen map[string][sha256.Size]byte
}

var (
	_ Channel   = (*Reloading)(nil)
	_ Inspector = (*Reloading)(nil)
)

// NewReloading builds the adapter for the first time, and starts nothing.
func NewReloading(cfg ReloadConfig) (*Reloading, error) {
	if cfg.Build == nil || cfg.Read == nil || cfg.Log == nil {
		return nil, errors.New("a reloading channel needs to be told how to build and read, and a log")
	}
	if cfg.Every == 0 {
		cfg.Every = ReloadEvery
	}
	r := &Reloading{cfg: cfg, asked: make(chan struct{}, 1)}
	ch, seen, err := r.build()
	if err != nil {
		return nil, err
	}
	r.seen = seen
	r.current.Store(&ch)
	return r, nil
}

// build makes an adapter and notes what was in the files that it read.
func (r *Reloading) build() (Channel, map[string][sha256.Size]byte, error) {
	seen := make(map[string][sha256.Size]byte)
	ch, err := r.cfg.Build(func(path string) ([]byte, error) {
		content, err := r.cfg.Read(path)
		seen[path] = fingerprint(content, err)
		return content, err
	})
	return ch, seen, err
}

// fingerprint tells contents apart; a file that cannot be read is another content.
func fingerprint(content []byte, err error) [sha256.Size]byte {
	if err != nil {
		return sha256.Sum256([]byte("unreadable"))
	}
	sum := sha256.Sum256(content)
	sum[0] ^= 1 // never that of an unreadable one
	return sum
}

// Run looks at the files until ctx ends.
func (r *Reloading) Run(ctx context.Context) error {
	tick := time.NewTicker(r.cfg.Every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-r.asked:
		case <-ctx.Done():
			return nil
		}
		r.look()
	}
}

// Reload has Run look at the files now.
func (r *Reloading) Reload() {
	select {
	case r.asked <- struct{}{}:
	default: // it is about to
	}
}

// look builds a new adapter if a file has changed since the last time that one was
// built, whether that worked or not: the same bytes give the same answer.
func (r *Reloading) look() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.changedLocked() {
		return
	}
	log := r.cfg.Log.WithField("channel", r.cfg.Name)
	ch, seen, err := r.build()
	maps.Copy(r.seen, seen) // a build that failed early has not read them all
	if err == nil {
		err = r.fits(ch)
	}
	if err != nil {
		r.refused.Add(1)
		r.stuck.Store(true)
		log.WithError(err).Error("changed credentials cannot be used: the channel goes on with the old ones")
		return
	}
	r.seen = seen
	r.current.Store(&ch)
	r.loaded.Add(1)
	r.stuck.Store(false)
	log.Info("credentials loaded anew")
}

func (r *Reloading) changedLocked() bool {
	for path, sum := range r.seen {
		if fingerprint(r.cfg.Read(path)) != sum {
			return true
		}
	}
	return false
}

// fits refuses an adapter for another account: registered orders name the old one.
func (r *Reloading) fits(ch Channel) error {
	if was, is := r.Policy().Merchant, ch.Policy().Merchant; was != is {
		return fmt.Errorf("they are for merchant %q, the channel is for %q", is, was)
	}
	return nil
}

// Reloads tells how often changed credentials were taken and refused since the start.
func (r *Reloading) Reloads() (loaded, refused int64) {
	return r.loaded.Load(), r.refused.Load()
}

func (r *Reloading) now() Channel { return *r.current.Load() }

// Verify implements Channel.
func (r *Reloading) Verify(ctx context.Context, q Request) ([]Notification, error) {
	return r.now().Verify(ctx, q)
}

// Acknowledge implements Channel.
func (r *Reloading) Acknowledge(err error) Answer { return r.now().Acknowledge(err) }

// Query implements Channel.
func (r *Reloading) Query(ctx context.Context, q Query) (order.Evidence, error) {
	return r.now().Query(ctx, q)
}

// Close implements Channel.
func (r *Reloading) Close(ctx context.Context, q Query) error { return r.now().Close(ctx, q) }

// Policy implements Channel.
func (r *Reloading) Policy() Policy { return r.now().Policy() }

// Inspect implements Inspector. Files that were refused are an error that an operator
// must see before the old credentials end.
func (r *Reloading) Inspect(now time.Time) []Finding {
	var list []Finding
	if r.stuck.Load() {
		list = append(list, Finding{Subject: "changed files", Level: LevelError, Text: "cannot be used; the channel goes on with the old ones"})
	}
	if i, ok := r.now().(Inspector); ok {
		list = append(list, i.Inspect(now)...)
	}
	return list
}
