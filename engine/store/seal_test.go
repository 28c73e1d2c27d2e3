package store_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"anxin/engine"
	"anxin/engine/notify"
	"anxin/engine/order"
	"anxin/engine/store"
)

const (
	secretPhone = "+8613800000001"
	secretEmail = "someone.private@example.com"
)

func openSealed(t *testing.T, dsn string, secrets ...string) *store.Store {
	t.Helper()
	opts := store.Options{}
	for _, s := range secrets {
		opts.ContactSecrets = append(opts.ContactSecrets, []byte(s))
	}
	s, err := store.Open(context.Background(), dsn, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func withContact(t *testing.T, s *store.Store, orderNo string) {
	t.Helper()
	c, err := order.Register(order.Registration{
		OrderNo: orderNo, Backend: "shop", Channel: "x", Mode: order.Managed, Amount: order.Money{Minor: 1, Currency: "CNY"}, Subject: "tea",
		Payer: order.Payer{ID: "p", Phone: secretPhone, Email: secretEmail},
	}, 1)
	if err == nil {
		err = s.Commit(t.Context(), engine.Commit{Order: &c.Order, Events: c.Events})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func phoneOf(t *testing.T, s *store.Store, orderNo string) (string, error) {
	t.Helper()
	o, err := s.Order(t.Context(), orderNo)
	return o.Payer.Phone, err
}

// What lies on the disk tells nobody how to reach a payer.
func TestContactsAreSealed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openSealed(t, "sqlite:"+filepath.Join(dir, "anxin.db"), "one")
	withContact(t, s, "A1")
	in := engine.OptIn{Payer: "p", Channel: notify.Email, Fingerprint: "f", To: notify.Address{Email: secretEmail}, At: 1}
	if err := s.Commit(t.Context(), engine.Commit{Messages: &engine.MessageWrites{OptIn: &in}}); err != nil {
		t.Fatal(err)
	}
	if got, err := phoneOf(t, s, "A1"); err != nil || got != secretPhone {
		t.Errorf("read back %q, %v", got, err)
	}
	if ins, _, err := s.OptIns(t.Context(), "p"); err != nil || len(ins) != 1 || ins[0].To != in.To {
		t.Errorf("read back %+v, %v", ins, err)
	}
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := os.ReadFile(name)
		if bytes.Contains(raw, []byte(secretPhone[3:])) || bytes.Contains(raw, []byte("someone.private")) {
			t.Errorf("%s shows an address", filepath.Base(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// Keys are changed without a stop: what was stored in the clear or with the old key is
// read, sealed anew, and then needs the old key no more.
func TestContactKeysRotate(t *testing.T) {
	t.Parallel()
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "anxin.db")
	named := notify.Address{Email: secretEmail}
	for i, secrets := range [][]string{{}, {"one"}, {"two", "one"}} {
		s := openSealed(t, dsn, secrets...)
		withContact(t, s, []string{"A0", "A1", "A2"}[i])
		in := engine.OptIn{Payer: []string{"p0", "p1", "p2"}[i], Channel: notify.Email, Fingerprint: "f", To: named, At: 1}
		if err := s.Commit(t.Context(), engine.Commit{Messages: &engine.MessageWrites{OptIn: &in}}); err != nil {
			t.Fatal(err)
		}
		// The first word on the key of fingerprints holds, whatever secrets come later.
		if key, err := s.FingerprintKey(t.Context(), []byte{byte(i)}); err != nil || !bytes.Equal(key, []byte{0}) {
			t.Errorf("round %d: the key of fingerprints is %v, %v", i, key, err)
		}
		if i == 2 {
			for after, rounds := "", 0; rounds == 0 || after != ""; rounds++ {
				var err error
				if after, err = s.Reseal(t.Context(), after, 1); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, orderNo := range []string{"A0", "A1", "A2"}[:i+1] {
			if got, err := phoneOf(t, s, orderNo); err != nil || got != secretPhone {
				t.Errorf("round %d, %s: %q, %v", i, orderNo, got, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for secret, readable := range map[string]bool{"two": true, "one": false} {
		s := openSealed(t, dsn, secret)
		for _, orderNo := range []string{"A0", "A1", "A2"} {
			if _, err := phoneOf(t, s, orderNo); (err == nil) != readable || (!readable && !errors.Is(err, store.ErrSealed)) {
				t.Errorf("with %q alone, %s: %v", secret, orderNo, err)
			}
		}
		shown := 0
		err := s.Views(t.Context(), []string{"A0", "A1", "A2"}, func(*order.Order) error { shown++; return nil })
		if err != nil || shown != 3 { // which needs no contact
			t.Errorf("with %q alone %d orders are shown, %v", secret, shown, err)
		}
		for _, payer := range []string{"p0", "p1", "p2"} {
			if ins, _, err := s.OptIns(t.Context(), payer); (err == nil) != readable || (readable && (len(ins) != 1 || ins[0].To != named)) {
				t.Errorf("with %q alone, opt-ins of %s: %+v, %v", secret, payer, ins, err)
			}
		}
		key, err := s.FingerprintKey(t.Context(), []byte{9})
		if (err == nil) != readable || (readable && !bytes.Equal(key, []byte{0})) {
			t.Errorf("with %q alone the key of fingerprints is %v, %v", secret, key, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
