package stripe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	sdk "github.com/stripe/stripe-go/v86"

	"anxin/engine/channel"
	"anxin/engine/channel/strictjson"
)

// newBackend sets the library up. It would repeat questions, for which the engine has a
// schedule of its own, print what went wrong, answers included, and tell Stripe how long
// its calls took.
func newBackend(apiURL string, base *http.Client, clock func() time.Time) sdk.Backend {
	client := channel.Client(base, maxAnswer)
	client.Transport = door{client.Transport, clock}
	return sdk.GetBackendWithConfig(sdk.APIBackend, &sdk.BackendConfig{
		URL: new(apiURL), HTTPClient: client,
		MaxNetworkRetries: new(int64(0)), EnableTelemetry: new(false),
		LeveledLogger: &sdk.LeveledLogger{Level: sdk.LevelNull},
	})
}

// refusal is an answer that is no success, with Stripe's word for the reason.
type refusal struct {
	status int
	code   sdk.ErrorCode
	after  error // *channel.QueryError
}

func (r *refusal) Error() string { return fmt.Sprintf("refused with status %d", r.status) }

// door takes refusals out of the library's hands: it cannot read those of a proxy, and
// then forgets their status; the ones that it can read it dumps into its errors.
type door struct {
	http.RoundTripper
	clock func() time.Time
}

// RoundTrip implements http.RoundTripper.
func (d door) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := d.RoundTripper.RoundTrip(r)
	if err != nil || response.StatusCode == http.StatusOK {
		return response, err
	}
	defer func() { _ = response.Body.Close() }() // read as far as it is of use
	var told struct {
		Error struct {
			Code sdk.ErrorCode `json:"code"`
		} `json:"error"`
	}
	if body, err := io.ReadAll(response.Body); err == nil {
		_ = json.Unmarshal(body, &told) // a page of a proxy has no code
	}
	after := channel.StatusError(response.StatusCode, response.Header, d.clock())
	if response.StatusCode == http.StatusConflict { // another request has the object locked
		after = channel.Unreachable("http_409", nil)
	}
	return nil, &refusal{response.StatusCode, told.Error.Code, after}
}

// answer receives what the library reads. It is read again, strictly: here nothing may be
// there twice.
type answer struct{ sdk.APIResource }

// UnmarshalJSON leaves the reading to ask.
func (*answer) UnmarshalJSON([]byte) error { return nil }

// ask puts a question and reads the answer, an object of a kind. Errors are
// *channel.QueryError or *refusal.
func (c *Channel) ask(ctx context.Context, method, path string, question url.Values, kind string, into interface{ kind() string }) error {
	params := &sdk.Params{Context: ctx}
	if c.account != "" {
		params.StripeAccount = new(c.account)
	}
	var a answer
	err := c.api.CallRaw(method, path, c.key, []byte(question.Encode()), params, &a)
	if refused, ok := errors.AsType[*refusal](err); ok {
		return refused
	}
	if a.LastResponse == nil {
		return channel.TransportError(err)
	}
	if err := strictjson.DecodeKnown(a.LastResponse.RawJSON, into); err != nil {
		return channel.Unreachable(channel.CodeMalformed, err)
	}
	if into.kind() != kind {
		return channel.Unreachable(channel.CodeMalformed, malformed(kind))
	}
	return nil
}

// unanswered makes a *channel.QueryError of whatever ask returned.
func unanswered(err error) error {
	if refused, ok := errors.AsType[*refusal](err); ok {
		return refused.after
	}
	return err
}

// missing reports whether Stripe does not know what it was asked about.
func missing(err error) bool {
	refused, ok := errors.AsType[*refusal](err)
	return ok && refused.status == http.StatusNotFound && refused.code == sdk.ErrorCodeResourceMissing
}
