package main

import (
	"os"
	"strings"
	"testing"

	"anxin/engine/channel"
	"anxin/engine/channel/alipay"
	"anxin/engine/channel/alipay/alipaytest"
	"anxin/engine/channel/stripe"
	"anxin/engine/channel/stripe/stripetest"
)

// TestTheTableOfChannelsIsTrue holds docs/channels.md against what the adapters say of
// themselves.
func TestTheTableOfChannelsIsTrue(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../docs/channels.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range liveAccounts {
		wantRow(t, string(content), a.provider, a.policy(t))
	}
	v := alipaytest.WithKeys()
	pay, err := alipay.New(alipay.Config{
		AppID: alipaytest.AppID, SellerID: alipaytest.SellerID, PrivateKey: v.PrivateKey(), AlipayPublicKey: v.PublicKey(),
	})
	if err != nil {
		t.Fatal(err)
	}
	wantRow(t, string(content), "alipay", pay.Policy())
	cards, err := stripe.New(stripe.Config{APIKey: stripetest.APIKey, EndpointSecrets: []string{stripetest.Secret}})
	if err != nil {
		t.Fatal(err)
	}
	wantRow(t, string(content), "stripe", cards.Policy())
	for name := range providers {
		if !strings.Contains(string(content), "| [`"+name+"`](channels-"+name+".md)") {
			t.Errorf("%s is not in the table", name)
		}
		if _, err := os.Stat("../docs/channels-" + name + ".md"); err != nil {
			t.Error(err)
		}
	}
}

// wantRow holds a provider's row against the policy of an account that has everything.
func wantRow(t *testing.T, content, provider string, p channel.Policy) {
	t.Helper()
	var cells []string
	for line := range strings.Lines(content) {
		if strings.HasPrefix(line, "| [`"+provider+"`]") {
			cells = strings.Split(line, "|")
		}
	}
	if len(cells) != 10 {
		t.Fatalf("%s has no row of 8 cells: %q", provider, cells)
	}
	for i, c := range channel.Capabilities {
		cell := strings.TrimSpace(cells[2+i])
		if says := cell == "yes" || strings.HasPrefix(cell, "with "); says != p.Can(c) {
			t.Errorf("%s, %s: the table says %q, the adapter can: %v", provider, c, cell, p.Can(c))
		}
	}
	failures := map[bool]string{true: "yes", false: "no"}[p.NotifiesFailures]
	age := map[bool]string{true: p.Freshness.String(), false: "any"}[p.Freshness > 0]
	if cells[7] != " "+failures+" " || cells[8] != " "+age+" " {
		t.Errorf("%s: failures %q, age %q; want %s, %s", provider, cells[7], cells[8], failures, age)
	}
}
