package fcm_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"anxin/engine/notify"
	"anxin/engine/notify/providertest"
)

func TestInspect(t *testing.T) {
	t.Parallel()
	g := newGoogle(t)
	inspected := func(answer providertest.Reply) []string {
		service := g.service(t)
		service.Check = func(c providertest.Call) (string, error) {
			if !strings.Contains(string(c.Content), `"validate_only":true`) || !strings.HasPrefix(c.Header.Get("Authorization"), "Bearer "+accessToken) {
				return "", errors.New("it would be delivered, or is not signed")
			}
			return "", nil
		}
		service.Answer = func(providertest.Behaviour, string) providertest.Reply { return answer }
		inspector, ok := service.Open(t).Provider().(notify.Inspector)
		if !ok {
			t.Fatal("it does not look at its account")
		}
		return providertest.Findings(inspector.Inspect(t.Context(), nil))
	}
	for want, answer := range map[string]providertest.Reply{
		"ok credentials ":                 {Status: 400, Body: `{"error":{"status":"INVALID_ARGUMENT"}}`},
		"failed credentials forbidden":    {Status: 403, Body: `{"error":{"status":"PERMISSION_DENIED"}}`},
		"failed credentials unauthorized": {Status: 401, Body: `{"error":{"status":"UNAUTHENTICATED"}}`},
	} {
		if got := inspected(answer); !slices.Equal(got, []string{want}) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	g.status.Store(400)
	if got := inspected(providertest.Reply{Status: 200}); !slices.Equal(got, []string{"failed credentials unauthorized"}) {
		t.Errorf("an account that was revoked: %q", got)
	}
}
