package stripe

import (
	"testing"

	"anxin/engine/channel"
	"anxin/engine/channel/channeltest"
	"anxin/engine/channel/stripe/stripetest"
)

// fixture is the vendor with this adapter.
type fixture struct{ stripetest.Vendor }

func (f fixture) Open(t testing.TB, gateway string) channel.Channel {
	t.Helper()
	return open(t, config(gateway, f.Account))
}

func TestSuite(t *testing.T) {
	t.Parallel()
	channeltest.Run(t, fixture{})
}

func TestSuiteOfAConnectedAccount(t *testing.T) {
	t.Parallel()
	channeltest.Run(t, fixture{stripetest.Vendor{Account: stripetest.Account}})
}

func FuzzCallback(f *testing.F) { channeltest.FuzzCallback(f, fixture{}) }
func FuzzSigned(f *testing.F)   { channeltest.FuzzSigned(f, fixture{}) }
func FuzzAnswer(f *testing.F)   { channeltest.FuzzAnswer(f, fixture{}) }
