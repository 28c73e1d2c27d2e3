package hub

import (
	"hash/maphash"
	"net/netip"
	"sync"
)

// door counts who is inside, so that neither one address nor all of them
// together can take the node's memory and descriptors.
type door struct {
	limits Limits

	mu    sync.Mutex // guards what follows
	total int
	waits int
	perIP map[netip.Prefix]int
	// perToken counts subscriptions and long polls.
	perToken map[tokenKey]int
	seed     maphash.Seed
}

// tokenKey stands for a token. Zero stands for none, and is not counted.
type tokenKey uint64

func newDoor(l Limits) *door {
	return &door{limits: l, perIP: make(map[netip.Prefix]int), perToken: make(map[tokenKey]int), seed: maphash.MakeSeed()}
}

func (d *door) key(token string) tokenKey {
	if token == "" {
		return 0
	}
	return tokenKey(maphash.String(d.seed, token))
}

// enterToken lets one more watcher in with a token.
func (d *door) enterToken(key tokenKey) bool {
	if key == 0 {
		return true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if over(d.perToken[key], d.limits.MaxPerToken) {
		return false
	}
	d.perToken[key]++
	return true
}

func (d *door) leaveToken(key tokenKey) {
	if key == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.perToken[key]--; d.perToken[key] == 0 {
		delete(d.perToken, key)
	}
}

// addressOf returns what counts as one address: an IPv4 address, or the /64 of
// an IPv6 one, since a single subscriber commands a whole /64. A remote that is
// no address (a unix socket) falls under the zero prefix together with its like.
func addressOf(remote string) netip.Prefix {
	ap, err := netip.ParseAddrPort(remote)
	addr := ap.Addr()
	if err != nil {
		if addr, err = netip.ParseAddr(remote); err != nil {
			return netip.Prefix{}
		}
	}
	addr = addr.Unmap().WithZone("")
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(addr, bits).Masked()
}

// enter lets a connection in, or returns the refusal for it.
func (d *door) enter(from netip.Prefix) *RefusalError {
	d.mu.Lock()
	defer d.mu.Unlock()
	if over(d.total, d.limits.MaxConnections) {
		return errFull
	}
	if over(d.perIP[from], d.limits.MaxPerIP) {
		return errAddress
	}
	d.total++
	d.perIP[from]++
	return nil
}

func (d *door) leave(from netip.Prefix) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.total--
	d.forget(from)
}

// forget takes one away from an address. The door is locked.
func (d *door) forget(from netip.Prefix) {
	if d.perIP[from]--; d.perIP[from] == 0 {
		delete(d.perIP, from)
	}
}

// enterWait lets a long poll in, or returns the refusal for it. Only those that
// come from an address count against its limit, together with its connections.
func (d *door) enterWait(from netip.Prefix, counted bool) *RefusalError {
	d.mu.Lock()
	defer d.mu.Unlock()
	if over(d.waits, d.limits.MaxWaits) {
		return errFull
	}
	if counted {
		if over(d.perIP[from], d.limits.MaxPerIP) {
			return errAddress
		}
		d.perIP[from]++
	}
	d.waits++
	return nil
}

func (d *door) leaveWait(from netip.Prefix, counted bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waits--
	if counted {
		d.forget(from)
	}
}

func (d *door) connections() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.total
}

func (d *door) waiting() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.waits
}

func over(n, limit int) bool { return limit >= 0 && n >= limit }
