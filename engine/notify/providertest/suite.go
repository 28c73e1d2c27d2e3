package providertest

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"anxin/engine/notify"
)

// patience bounds a call that must end by itself. No assertion depends on it.
const patience = 20 * time.Second

// Run runs the suite.
func Run(t *testing.T, f Fixture) {
	t.Helper()
	for _, b := range Required {
		if !slices.Contains(f.Behaviours, b) {
			t.Errorf("the fixture lacks %q", b)
		}
	}
	t.Run("accepted once, with the name by which receipts know it", f.testAccepted)
	t.Run("many at once", f.testConcurrent)
	for b, want := range kinds {
		if b == BadAddress && f.OneAddress {
			want = []notify.ErrorKind{notify.KindRefused}
		}
		if slices.Contains(f.Behaviours, b) {
			t.Run(string(b), func(t *testing.T) { f.testBehaviour(t, b, want) })
		}
	}
	t.Run("a context that ended sends nothing", f.testEndedContext)
	t.Run("a context that ends after the request leaves it open", f.testEndsMeanwhile)
	t.Run("nobody listens", f.testNobodyListens)
}

// kinds are the errors that each behaviour leads to.
var kinds = map[Behaviour][]notify.ErrorKind{
	Throttle:       {notify.KindThrottled},
	BadAddress:     {notify.KindAddress},
	RefuseContent:  {notify.KindContent},
	Quota:          {notify.KindQuota},
	AddressQuota:   {notify.KindQuota},
	RefuseAccount:  {notify.KindRefused},
	Unavailable:    {notify.KindTemporary},
	BreakAfterTake: {notify.KindMaybeSent},
	Oversized:      {notify.KindMaybeSent},
	Garbage:        {notify.KindMaybeSent},
}

func (f Fixture) testAccepted(t *testing.T) {
	t.Parallel()
	s := f.Open(t)
	m := Mark(f.Message, "1")
	r, err := s.Provider().Send(t.Context(), m)
	if err != nil {
		t.Fatalf("send: %v", err)
	}
	if r.ProviderID == "" && implementsReceipts(s.Provider()) {
		t.Error("reports come later, and the receipt has no id to know them by")
	}
	if got := s.Taken(); !slices.Equal(got, []string{m.ID}) {
		t.Errorf("taken %v, want %s once", got, m.ID)
	}
	if c := s.Provider().Traits().Channel; c != m.Channel {
		t.Errorf("the provider is of %s, its message of %s", c, m.Channel)
	}
}

func implementsReceipts(p notify.Provider) bool {
	_, ok := p.(notify.ReceiptParser)
	return ok
}

func (f Fixture) testConcurrent(t *testing.T) {
	t.Parallel()
	s := f.Open(t)
	const n = 20
	var wg sync.WaitGroup
	failed := make([]error, n)
	for i := range n {
		wg.Go(func() { _, failed[i] = s.Provider().Send(t.Context(), Mark(f.Message, fmt.Sprint("c", i))) })
	}
	wg.Wait()
	if err := errors.Join(failed...); err != nil {
		t.Fatal(err)
	}
	taken := s.Taken()
	slices.Sort(taken)
	if got := slices.Compact(taken); len(got) != n {
		t.Errorf("%d different messages were taken, want %d", len(got), n)
	}
}

var neutralCode = regexp.MustCompile(`^[a-z0-9][a-z0-9_.:-]{0,63}$`)

// check holds an error against the port's promises.
func (f Fixture) check(t *testing.T, err error, kinds ...notify.ErrorKind) (ofAddress bool) {
	t.Helper()
	var failed *notify.SendError
	if !errors.As(err, &failed) {
		t.Fatalf("error %T (%v), want a *notify.SendError", err, err)
	}
	if !slices.Contains(kinds, failed.Kind) {
		t.Errorf("kind %q (code %q), want one of %q", failed.Kind, failed.Code, kinds)
	}
	if !neutralCode.MatchString(failed.Code) {
		t.Errorf("code %q is not neutral", failed.Code)
	}
	to := f.Message.To
	private := append([]string{
		to.Phone, strings.TrimPrefix(to.Phone, "+"), strings.TrimPrefix(to.Phone, "+86"), to.Email, to.Device.Token,
		to.WebPush.Endpoint, to.WebPush.Auth, to.WebPush.P256DH, f.Message.Text.Body,
	}, f.Secrets...)
	for cause := err; cause != nil; cause = errors.Unwrap(cause) {
		for _, s := range private {
			if s != "" && strings.Contains(cause.Error(), s) {
				t.Errorf("an error shows something private: %T", cause)
			}
		}
	}
	return failed.OfAddress
}

func (f Fixture) testBehaviour(t *testing.T, b Behaviour, want []notify.ErrorKind) {
	t.Parallel()
	s := f.Open(t)
	s.Behave(b)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := s.Provider().Send(ctx, Mark(f.Message, string(b)))
	if ofAddress := f.check(t, err, want...); ofAddress != (b == AddressQuota) {
		t.Errorf("OfAddress = %v", ofAddress)
	}
	if ctx.Err() != nil {
		t.Fatal("the provider waited without end")
	}
	if !slices.Contains(want, notify.KindMaybeSent) && len(s.Taken()) > 0 {
		t.Errorf("%d messages were taken, and the error says none", len(s.Taken()))
	}
	s.Behave(Accept)
	if _, err := s.Provider().Send(t.Context(), Mark(f.Message, "after")); err != nil {
		t.Errorf("after that, a good one: %v", err)
	}
}

func (f Fixture) testEndedContext(t *testing.T) {
	t.Parallel()
	s := f.Open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Provider().Send(ctx, Mark(f.Message, "ended"))
	f.check(t, err, notify.KindTemporary)
	if taken := s.Taken(); len(taken) != 0 {
		t.Errorf("taken: %v", taken)
	}
}

func (f Fixture) testEndsMeanwhile(t *testing.T) {
	t.Parallel()
	s := f.Open(t)
	s.Behave(HangAfterTake)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		select {
		case <-s.Arrived():
			cancel()
		case <-ctx.Done():
		}
	}()
	_, err := s.Provider().Send(ctx, Mark(f.Message, "hangs"))
	f.check(t, err, notify.KindMaybeSent)
}

func (f Fixture) testNobodyListens(t *testing.T) {
	t.Parallel()
	s := f.Open(t)
	s.Close()
	_, err := s.Provider().Send(t.Context(), Mark(f.Message, "nobody"))
	f.check(t, err, notify.KindTemporary)
}

// Findings are findings as text, "state subject code", and hold no more than that.
func Findings(list []notify.Finding) []string {
	var lines []string
	for _, f := range list {
		lines = append(lines, string(f.State)+" "+f.Subject+" "+f.Code)
	}
	return lines
}
