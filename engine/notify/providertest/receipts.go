package providertest

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"anxin/engine/channel"
	"anxin/engine/notify"
)

// RunReceipts runs the suite of receipts.
func RunReceipts(t *testing.T, f ReceiptFixture) {
	t.Helper()
	t.Run("a good report is read", func(t *testing.T) {
		t.Parallel()
		f.expect(t, f.Delivered, []notify.Status{notify.StatusDelivered}, false)
		f.expect(t, f.Failed, []notify.Status{notify.StatusFailed, notify.StatusBounced}, f.DropsAddress)
	})
	if !f.Unsigned {
		t.Run("every bit of the body is signed", f.testBits)
	}
	t.Run("without its headers and query nothing is taken", f.testBare)
	t.Run("answers", f.testAnswers)
}

func (r Report) request() channel.Request {
	return channel.Request{Header: r.Header.Clone(), Query: r.Query, Body: bytes.Clone(r.Body), ReceivedAt: time.Now()}
}

func (f ReceiptFixture) expect(t *testing.T, r Report, statuses []notify.Status, drops bool) {
	t.Helper()
	updates, err := f.Parser.ParseReceipts(t.Context(), r.request())
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	if len(updates) != 1 {
		t.Fatalf("%d reports, want 1", len(updates))
	}
	u := updates[0]
	if u.ProviderID != r.ProviderID || !slices.Contains(statuses, u.Status) || u.DropAddress != drops {
		t.Errorf("report %+v, want %s %v, drop %v", u, r.ProviderID, statuses, drops)
	}
	if u.Status != notify.StatusDelivered && !neutralCode.MatchString(u.Code) {
		t.Errorf("code %q is not neutral", u.Code)
	}
}

// testBits flips a bit of each byte, one at a time: no change of what is signed may pass as
// another report.
func (f ReceiptFixture) testBits(t *testing.T) {
	t.Parallel()
	for i := range f.Delivered.Body {
		r := f.Delivered.request()
		r.Body[i] ^= 1
		if updates, err := f.Parser.ParseReceipts(t.Context(), r); err == nil && len(updates) > 0 {
			t.Fatalf("byte %d was changed and the report was taken", i)
		} else if err != nil {
			f.known(t, err)
		}
	}
}

func (f ReceiptFixture) testBare(t *testing.T) {
	t.Parallel()
	r := f.Delivered.request()
	r.Header, r.Query = http.Header{}, ""
	if _, err := f.Parser.ParseReceipts(t.Context(), r); err == nil {
		t.Fatal("an unsigned report was taken")
	} else {
		f.known(t, err)
	}
}

func (f ReceiptFixture) known(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, channel.ErrSignature) && !errors.Is(err, channel.ErrMalformed) && !errors.Is(err, channel.ErrStale) {
		t.Errorf("error %v is none of package channel", err)
	}
	for _, s := range f.Secrets {
		if bytes.Contains([]byte(err.Error()), []byte(s)) {
			t.Error("an error shows a secret")
		}
	}
}

func (f ReceiptFixture) testAnswers(t *testing.T) {
	t.Parallel()
	if a := f.Parser.AnswerReceipts(nil); a.Status < 200 || a.Status > 299 {
		t.Errorf("a stored report is answered %d", a.Status)
	}
	if f.Parser.AnswerReceipts(channel.ErrSignature).Status == f.Parser.AnswerReceipts(nil).Status &&
		bytes.Equal(f.Parser.AnswerReceipts(channel.ErrSignature).Body, f.Parser.AnswerReceipts(nil).Body) {
		t.Error("a refused report is answered like a stored one")
	}
}
