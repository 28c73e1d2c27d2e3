package internet_test

import (
	"net/netip"
	"testing"

	"anxin/engine/internet"
)

// The refused ones are tried through webhook's Sender; that the others are let through cannot
// be tried without the internet.
func TestPublicAddressesAreLetThrough(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.32.0.1", "192.0.1.1", "198.17.255.255", "198.20.0.0", "223.5.5.5",
		"2606:4700:4700::1111", "2400:3200::1", "2001:4860:4860::8888", "::ffff:1.1.1.1",
	} {
		if err := internet.Only("tcp", netip.AddrPortFrom(netip.MustParseAddr(text), 443).String(), nil); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"", "example.com:443", "1.1.1.1", "[fe80::1%eth0]:443", "[2606:4700:4700::1111%eth0]:443x"} {
		if internet.Only("tcp", text, nil) == nil {
			t.Errorf("%q was let through", text)
		}
	}
}
