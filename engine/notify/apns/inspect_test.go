package apns_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"anxin/engine/notify"
	"anxin/engine/notify/providertest"
)

func TestInspect(t *testing.T) {
	t.Parallel()
	key, text := newKey(t)
	s := service{key: &key.PublicKey, ids: &sync.Map{}}
	for reason, want := range map[string]string{
		"BadDeviceToken": "ok credentials ", "InvalidProviderToken": "failed credentials unauthorized",
		"TopicDisallowed": "failed credentials bad_topic", "ServiceUnavailable": "failed credentials unavailable",
	} {
		standIn := standing(s, text)
		standIn.Check = func(c providertest.Call) (string, error) {
			token, _ := strings.CutPrefix(c.Header.Get("Authorization"), "bearer ")
			if c.URL.Path != "/3/device/"+strings.Repeat("0", 64) || c.Header.Get("Apns-Topic") != topic {
				return "", errors.New("it is for a device")
			}
			return "", s.verify(token)
		}
		standIn.Answer = func(providertest.Behaviour, string) providertest.Reply {
			return providertest.Reply{Status: 400, Body: `{"reason":"` + reason + `"}`}
		}
		inspector, ok := standIn.Open(t).Provider().(notify.Inspector)
		if !ok {
			t.Fatal("it does not look at its account")
		}
		if got := providertest.Findings(inspector.Inspect(t.Context(), nil)); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %q, want %q", reason, got, want)
		}
	}
}
