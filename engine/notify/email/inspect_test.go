package email_test

import (
	"slices"
	"testing"

	"anxin/engine/notify/providertest"
)

func TestInspect(t *testing.T) {
	t.Parallel()
	s := stand(t)
	inspected := func(want string) {
		t.Helper()
		if got := providertest.Findings(s.provider.Inspect(t.Context(), nil)); !slices.Equal(got, []string{want}) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	inspected("ok credentials ")
	s.Behave(providertest.RefuseAccount)
	inspected("failed credentials unauthorized")
	if len(s.Taken()) != 0 {
		t.Error("a look sent something")
	}
	s.Close()
	inspected("failed credentials connection")
}
