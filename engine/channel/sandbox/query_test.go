package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"anxin/engine/channel"
	"anxin/engine/order"
)

// gateway serves one answer to every request and hands the requests out.
func gateway(t *testing.T, answer func(w http.ResponseWriter, r *http.Request)) *Channel {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(answer))
	t.Cleanup(server.Close)
	return setup(t, server.URL)
}

func reply(t *testing.T, w http.ResponseWriter, nonce string, at time.Time, status int, content any) {
	t.Helper()
	raw, err := json.Marshal(content)
	if err != nil {
		t.Error(err)
	}
	Seal(w.Header(), testSecret, at, nonce, raw)
	w.WriteHeader(status)
	if _, err := w.Write(raw); err != nil {
		t.Error(err)
	}
}

func queryError(t *testing.T, err error) *channel.QueryError {
	t.Helper()
	failed, ok := errors.AsType[*channel.QueryError](err)
	if !ok {
		t.Fatalf("error %v is no QueryError", err)
	}
	return failed
}

func TestQueryIsSignedAndReadsEveryState(t *testing.T) {
	t.Parallel()
	for state, want := range map[State]order.Claimed{
		StatePending: order.ClaimsPending, StateProcessing: order.ClaimsProcessing, StateSucceeded: order.ClaimsSucceeded,
		StateFailed: order.ClaimsFailed, StateClosed: order.ClaimsClosed,
	} {
		c := gateway(t, func(w http.ResponseWriter, r *http.Request) {
			if err := Check(r.Header, testSecret, testNow, RequestMessage(r.Method, r.URL.Path, nil)); err != nil || r.Method != http.MethodGet || r.URL.Path != "/v1/payments/A1001" {
				t.Errorf("asked %s %s: %v", r.Method, r.URL.Path, err)
			}
			p := paid()
			p.State, p.Reason = state, "declined"
			reply(t, w, r.Header.Get(HeaderNonce), testNow, http.StatusOK, p)
		})
		ev, err := c.Query(t.Context(), channel.Query{OrderNo: "A1001"})
		if err != nil || ev.Claims != want || ev.Source != order.FromQuery || ev.Amount == nil || ev.Merchant != "shop-1" || ev.Reason != "declined" {
			t.Errorf("%s: evidence %+v, error %v", state, ev, err)
		}
	}
}

func TestQueryRefusesAnswersThatAreNotForIt(t *testing.T) {
	t.Parallel()
	other := paid()
	other.OutTradeNo = "A1002"
	for name, test := range map[string]struct {
		answer func(w http.ResponseWriter, nonce string)
		code   string
	}{
		"older answer":  {func(w http.ResponseWriter, _ string) { reply(t, w, "another-nonce", testNow, 200, paid()) }, "bad_signature"},
		"stale answer":  {func(w http.ResponseWriter, n string) { reply(t, w, n, testNow.Add(-Window-time.Second), 200, paid()) }, "bad_signature"},
		"future answer": {func(w http.ResponseWriter, n string) { reply(t, w, n, testNow.Add(Window+time.Second), 200, paid()) }, "bad_signature"},
		"other order":   {func(w http.ResponseWriter, n string) { reply(t, w, n, testNow, 200, other) }, "other_order"},
		"a callback": {func(w http.ResponseWriter, n string) {
			reply(t, w, n, testNow, 200, Notice{ID: "ntf_1", Payment: paid()})
		}, "malformed"},
		"empty payment":   {func(w http.ResponseWriter, n string) { reply(t, w, n, testNow, 200, Payment{}) }, "malformed"},
		"unsigned answer": {func(w http.ResponseWriter, _ string) { _, _ = io.WriteString(w, `{}`) }, "bad_signature"},
		"unsigned 404":    {func(w http.ResponseWriter, _ string) { w.WriteHeader(http.StatusNotFound) }, "bad_signature"},
		"endless answer":  {func(w http.ResponseWriter, n string) { reply(t, w, n, testNow, 200, strings.Repeat("x", maxAnswer)) }, "malformed"},
		"tampered answer": {func(w http.ResponseWriter, n string) {
			reply(t, w, n, testNow, 200, paid())
			_, _ = io.WriteString(w, " ")
		}, "bad_signature"},
	} {
		c := gateway(t, func(w http.ResponseWriter, r *http.Request) { test.answer(w, r.Header.Get(HeaderNonce)) })
		ev, err := c.Query(t.Context(), channel.Query{OrderNo: "A1001"})
		failed := queryError(t, err)
		if failed.Code != test.code || failed.Outcome != order.QueryUnreachable || failed.Permanent || ev.Claims != "" {
			t.Errorf("%s: evidence %+v, error %+v", name, ev, failed)
		}
	}
}

func TestQueryErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	in20 := testNow.Add(20 * time.Second).Format(http.TimeFormat)
	for name, test := range map[string]struct {
		status     int
		code       string // of a signed problem
		retryAfter string
		want       channel.QueryError
	}{
		"not found":      {404, CodeNotFound, "", channel.QueryError{Outcome: order.QueryUnknown, Code: "not_found"}},
		"no such path":   {404, "other", "", channel.QueryError{Outcome: order.QueryRefused, Code: "http_404", Permanent: true}},
		"unauthorized":   {401, CodeSignature, "", channel.QueryError{Outcome: order.QueryRefused, Code: "http_401", Permanent: true}},
		"forbidden":      {403, "", "", channel.QueryError{Outcome: order.QueryRefused, Code: "http_403", Permanent: true}},
		"bad parameters": {400, "bad", "", channel.QueryError{Outcome: order.QueryRefused, Code: "http_400", Permanent: true}},
		"redirect":       {302, "", "", channel.QueryError{Outcome: order.QueryUnreachable, Code: "http_302"}},
		"down":           {503, "", "", channel.QueryError{Outcome: order.QueryUnreachable, Code: "http_503"}},
		"down for long":  {503, "", "99999999", channel.QueryError{Outcome: order.QueryUnreachable, Code: "http_503", RetryAfter: time.Hour}},
		"too many":       {429, "", "7", channel.QueryError{Outcome: order.QueryUnreachable, Code: "http_429", RetryAfter: 7 * time.Second}},
		"too many until": {429, "", in20, channel.QueryError{Outcome: order.QueryUnreachable, Code: "http_429", RetryAfter: 20 * time.Second}},
		"too many, when": {429, "", "soon", channel.QueryError{Outcome: order.QueryUnreachable, Code: "http_429"}},
		"in the past":    {429, "", "-5", channel.QueryError{Outcome: order.QueryUnreachable, Code: "http_429"}},
	} {
		c := gateway(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", test.retryAfter)
			w.Header().Set("Location", "/elsewhere")
			reply(t, w, r.Header.Get(HeaderNonce), testNow, test.status, Problem{Code: test.code})
		})
		_, err := c.Query(t.Context(), channel.Query{OrderNo: "A1001"})
		failed := *queryError(t, err)
		failed.Err = nil
		if failed != test.want {
			t.Errorf("%s: %+v", name, failed)
		}
	}
}

func TestQueryThatIsNotAnswered(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	c := gateway(t, func(http.ResponseWriter, *http.Request) { <-release })
	t.Cleanup(func() { close(release) }) // before the server closes: cleanups run last first
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := c.Query(ctx, channel.Query{OrderNo: "A1001"})
	if failed := queryError(t, err); failed.Code != "timeout" || failed.Outcome != order.QueryUnreachable || failed.Permanent {
		t.Errorf("deadline: %+v", failed)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	_, err = c.Query(stopped, channel.Query{OrderNo: "A1001"})
	if failed := queryError(t, err); failed.Code != "canceled" || !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %+v", failed)
	}
}

func TestQueryWhereNobodyListens(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = setup(t, "http://"+address).Query(t.Context(), channel.Query{OrderNo: "A1001"})
	if failed := queryError(t, err); failed.Code != "connection" || failed.Outcome != order.QueryUnreachable {
		t.Errorf("%+v", failed)
	}
}

func TestCloseTellsWhoWonTheRace(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status  int
		content any
		check   func(error) bool
	}{
		"closed":     {200, Payment{OutTradeNo: "A1001", Merchant: "shop-1", State: StateClosed}, func(err error) bool { return err == nil }},
		"failed":     {200, failedPayment(), func(err error) bool { return err == nil }},
		"paid":       {409, Problem{Code: CodeAlreadyPaid}, func(err error) bool { return errors.Is(err, channel.ErrAlreadyPaid) }},
		"conflict":   {409, Problem{Code: "other"}, func(err error) bool { return queryError(t, err).Permanent }},
		"still paid": {200, paid(), func(err error) bool { return queryError(t, err).Code == "malformed" }},
		"down":       {500, Problem{}, func(err error) bool { return queryError(t, err).Code == "http_500" }},
	} {
		c := gateway(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost || r.URL.Path != "/v1/payments/A1001/close" {
				t.Errorf("asked %s %s", r.Method, r.URL.Path)
			}
			reply(t, w, r.Header.Get(HeaderNonce), testNow, test.status, test.content)
		})
		if err := c.Close(t.Context(), channel.Query{OrderNo: "A1001"}); !test.check(err) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func failedPayment() Payment {
	p := paid()
	p.State = StateFailed
	return p
}
