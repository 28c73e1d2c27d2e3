package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"anxin/hub"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	oldSecret = "the old secret of 32 bytes or more"
	newSecret = "the new secret of 32 bytes or more"
)

func tokens(t testing.TB, secrets ...string) *Tokens {
	t.Helper()
	tokens, err := NewTokens(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func issue(t testing.TB, tokens *Tokens, kind Kind, subject string, ttl time.Duration) string {
	t.Helper()
	token, err := tokens.Issue(kind, subject, ttl)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestATokenAllowsItsSubjectUntilItsEnd(t *testing.T) {
	t.Parallel()
	ts := tokens(t, newSecret)
	now := time.Unix(1_800_000_000, 0)
	ts.now = func() time.Time { return now }
	token := issue(t, ts, KindView, "A1", time.Minute)
	for _, c := range []struct {
		name    string
		kind    Kind
		subject string
		at      time.Time
		want    error
	}{
		{"its own", KindView, "A1", now, nil},
		{"the last moment", KindView, "A1", now.Add(time.Minute - time.Nanosecond), nil},
		{"the end", KindView, "A1", now.Add(time.Minute), ErrTokenExpired},
		{"another order", KindView, "A2", now, ErrForbidden},
		{"another order, late", KindView, "A2", now.Add(time.Hour), ErrForbidden},
		{"a beginning of it", KindView, "A", now, ErrForbidden},
		{"nothing", KindView, "", now, ErrForbidden},
		{"another kind", KindInbox, "A1", now, ErrForbidden},
	} {
		if err := ts.Verify(c.kind, c.subject, token, c.at); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if subject, err := ts.Subject(KindView, token, now); subject != "A1" || err != nil {
		t.Errorf("it names %q, %v", subject, err)
	}
	if subject, err := ts.Subject(KindView, token, now.Add(time.Hour)); subject != "A1" || !errors.Is(err, ErrTokenExpired) {
		t.Errorf("late it names %q, %v", subject, err)
	}
}

func TestEveryChangedBitOfATokenIsRefused(t *testing.T) {
	t.Parallel()
	ts := tokens(t, newSecret)
	token := issue(t, ts, KindView, "A1", time.Hour)
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(raw) * 8 {
		forged := append([]byte{}, raw...)
		forged[i/8] ^= 1 << (i % 8)
		if _, err := ts.Subject(KindView, base64.RawURLEncoding.EncodeToString(forged), time.Now()); !errors.Is(err, ErrForbidden) {
			t.Fatalf("bit %d: %v", i, err)
		}
	}
	for n := range raw {
		if _, err := ts.Subject(KindView, base64.RawURLEncoding.EncodeToString(raw[:n]), time.Now()); !errors.Is(err, ErrForbidden) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
	for name, s := range map[string]string{
		"empty": "", "padded": token + "=", "two of it": token + token, "with a line break": token[:8] + "\n" + token[8:],
		"too long": strings.Repeat("A", MaxToken+1), "zeroes": strings.Repeat("A", MaxToken), "not base64": "****",
	} {
		if _, err := ts.Subject(KindView, s, time.Now()); !errors.Is(err, ErrForbidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSecretsCanBeChangedWhileTokensLive(t *testing.T) {
	t.Parallel()
	before, during, after := tokens(t, oldSecret), tokens(t, newSecret, oldSecret), tokens(t, newSecret)
	old, fresh := issue(t, before, KindView, "A1", time.Hour), issue(t, during, KindView, "A1", time.Hour)
	for _, c := range []struct {
		name   string
		tokens *Tokens
		token  string
		want   error
	}{
		{"old token during the change", during, old, nil},
		{"new token during the change", during, fresh, nil},
		{"new token after it", after, fresh, nil},
		{"old token after it", after, old, ErrForbidden},
		{"new token before it", before, fresh, ErrForbidden},
	} {
		if err := c.tokens.Verify(KindView, "A1", c.token, time.Now()); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestTwoTokensForTheSameAreDifferentAndShort(t *testing.T) {
	t.Parallel()
	ts := tokens(t, newSecret)
	a, b := issue(t, ts, KindView, strings.Repeat("x", maxSubject), time.Hour), issue(t, ts, KindView, strings.Repeat("x", maxSubject), time.Hour)
	if a == b || len(a) > MaxToken {
		t.Errorf("%d characters", len(a))
	}
}

func TestTokensNeedSecretsAndSubjects(t *testing.T) {
	t.Parallel()
	for name, secrets := range map[string][]string{"none": nil, "short": {"short"}, "one short": {newSecret, "short"}} {
		if _, err := NewTokens(secrets...); !errors.Is(err, ErrSecrets) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ts := tokens(t, newSecret)
	for _, subject := range []string{"", strings.Repeat("x", maxSubject+1)} {
		if _, err := ts.Issue(KindView, subject, time.Hour); !errors.Is(err, ErrSubject) {
			t.Errorf("subject of %d bytes: %v", len(subject), err)
		}
	}
}

func TestKeysNameTheirBackend(t *testing.T) {
	t.Parallel()
	keys, err := NewKeys([]Key{{"shop", "key-one"}, {"shop", "key-two"}, {"bank", "key-three"}})
	if err != nil {
		t.Fatal(err)
	}
	for presented, want := range map[string]string{
		"key-one": "shop", "key-two": "shop", "key-three": "bank", "": "", "key-on": "", "key-onee": "", "shop": "", "KEY-ONE": "",
	} {
		if name, ok := keys.Name(presented); name != want || ok != (want != "") {
			t.Errorf("%q is %q, %v", presented, name, ok)
		}
	}
	for _, bad := range []Key{{"", "key"}, {"name", ""}} {
		if _, err := NewKeys([]Key{bad}); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

func TestTopicsOpenToTheirTokens(t *testing.T) {
	t.Parallel()
	ts := tokens(t, newSecret)
	view, inbox := issue(t, ts, KindView, "A1", time.Hour), issue(t, ts, KindInbox, "payer:1", time.Hour)
	expired := issue(t, ts, KindView, "A1", -time.Hour)
	for _, c := range []struct {
		topic, token string
		want         error
	}{
		{OrderTopic("A1"), view, nil},
		{"inbox:payer:1", inbox, nil},
		{TopicAnnouncements, "", nil},
		{OrderTopic("A1"), expired, hub.ErrTokenExpired},
		{OrderTopic("A2"), view, hub.ErrForbidden},
		{OrderTopic("A2"), expired, hub.ErrForbidden},
		{OrderTopic("A1"), "", hub.ErrForbidden},
		{OrderTopic("A1"), inbox, hub.ErrForbidden},
		{"inbox:A1", view, hub.ErrForbidden},
		{"inbox:payer", inbox, hub.ErrForbidden},
		{"order", view, hub.ErrForbidden},
		{"order:", view, hub.ErrForbidden},
		{"announcements:x", view, hub.ErrForbidden},
		{"cases:A1", view, hub.ErrForbidden},
		{"", view, hub.ErrForbidden},
	} {
		grant, err := NewTopics(ts).Authorize(context.Background(), c.topic, c.token)
		audience := grant.Audience
		if !errors.Is(err, c.want) || (err == nil) != (audience != "") {
			t.Errorf("%q: %q, %v, want %v", c.topic, audience, err, c.want)
		}
	}
}

// FuzzToken hands bytes of any kind to the check: it never panics and lets nothing
// through that was not issued.
func FuzzToken(f *testing.F) {
	ts := tokens(f, newSecret)
	const genuine = "AQEAAAABJ0HwAJJEcAN0Hq1hQTFfvhfQngtCSCDhPLa6QZHJ" // for A1, until 2126
	if err := ts.Verify(KindView, "A1", genuine, time.Now()); err != nil {
		f.Fatal(err)
	}
	f.Add(genuine)
	f.Add(genuine[:len(genuine)-1])
	f.Add(genuine + "\n")
	f.Add("")
	f.Add(strings.Repeat("_", MaxToken))
	f.Fuzz(func(t *testing.T, token string) {
		subject, err := ts.Subject(KindView, token, time.Now())
		if err == nil && token != genuine {
			t.Fatalf("%q was let through as %q", token, subject)
		}
		if err != nil && !errors.Is(err, ErrForbidden) {
			t.Fatalf("refused with %v", err)
		}
	})
}
