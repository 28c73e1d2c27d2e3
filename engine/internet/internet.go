// Package internet holds what calls to servers of others have in common: the guard that keeps
// them out of private networks, and the reading of what servers ask for.
package internet

import (
	"errors"
	"net/netip"
	"slices"
	"syscall"
)

// ErrPrivate is the cause of a call that was not made.
var ErrPrivate = errors.New("address is not public")

// publicIPv6 is all of IPv6 that is given out for the internet. What lies outside is
// local, or carries an IPv4 address within (64:ff9b::/96, ::/96) that could be local.
var publicIPv6 = netip.MustParsePrefix("2000::/3")

// notPublic are the ranges that netip calls global unicast and that no backend on the
// internet has: the IANA special-purpose registries (RFC 6890).
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),     // this network
	netip.MustParsePrefix("100.64.0.0/10"), // carrier-grade NAT (RFC 6598)
	netip.MustParsePrefix("192.0.0.0/24"),  // protocol assignments
	netip.MustParsePrefix("192.0.2.0/24"),  // documentation, as the next two
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), // benchmarks of networks
	netip.MustParsePrefix("240.0.0.0/4"),   // reserved
	netip.MustParsePrefix("2001::/23"),     // protocol assignments, Teredo with IPv4 within
	netip.MustParsePrefix("2001:db8::/32"), // documentation, as the next but one
	netip.MustParsePrefix("2002::/16"),     // 6to4: IPv4 within
	netip.MustParsePrefix("3fff::/20"),
}

// Only is a net.Dialer's Control. It runs on the address that is really dialled, after
// resolution, so a name that changes its answer cannot slip through.
func Only(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !public(ap.Addr().Unmap()) {
		return ErrPrivate
	}
	return nil
}

func public(ip netip.Addr) bool {
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || (ip.Is6() && !publicIPv6.Contains(ip)) {
		return false
	}
	return !slices.ContainsFunc(notPublic, func(p netip.Prefix) bool { return p.Contains(ip) })
}
