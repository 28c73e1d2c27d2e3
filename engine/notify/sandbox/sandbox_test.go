package sandbox_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	wire "anxin/engine/channel/sandbox"
	"anxin/engine/notify"
	"anxin/engine/notify/providertest"
	"anxin/engine/notify/sandbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "the secret of the simulated provider"

func TestProvider(t *testing.T) {
	t.Parallel()
	words := map[providertest.Behaviour]string{
		providertest.Throttle: "throttled", providertest.BadAddress: "bad_address", providertest.RefuseContent: "template_refused",
		providertest.Quota: "quota_exceeded", providertest.AddressQuota: "too_many_today", providertest.RefuseAccount: "account_suspended",
	}
	service := providertest.HTTPService{
		Check: func(c providertest.Call) (string, error) {
			if err := wire.Check(c.Header, secret, time.Now(), wire.RequestMessage("POST", "/v1/messages", c.Content)); err != nil {
				return "", err
			}
			var m sandbox.Message
			if err := json.Unmarshal(c.Content, &m); err != nil || m.To == "" || m.Text == "" {
				return "", errors.New("not a message")
			}
			return m.ID, nil
		},
		Answer: func(b providertest.Behaviour, id string) providertest.Reply {
			switch word, ok := words[b]; {
			case ok:
				return providertest.Reply{Status: http.StatusUnprocessableEntity, Header: map[string]string{"Retry-After": "7"}, Body: `{"code":` + strconv.Quote(word) + `}`}
			case b == providertest.Unavailable:
				return providertest.Reply{Status: http.StatusServiceUnavailable}
			}
			return providertest.Reply{Status: http.StatusCreated, Body: `{"message_id":"sms-` + id + `"}`}
		},
		Provider: func(t *testing.T, s *httptest.Server) notify.Provider {
			t.Helper()
			p, err := sandbox.New(sandbox.Config{GatewayURL: s.URL + "/", Secret: secret, Channel: notify.SMS})
			if err != nil {
				t.Fatal(err)
			}
			return p
		},
	}
	providertest.Run(t, providertest.Fixture{
		Open: service.Open, Secrets: []string{secret},
		Message: notify.Message{Channel: notify.SMS, To: notify.Address{Phone: "+8613800138000"}, Text: notify.Text{Body: "hello"}},
		Behaviours: append([]providertest.Behaviour{
			providertest.Throttle, providertest.RefuseContent, providertest.Quota, providertest.AddressQuota,
		}, providertest.Required...),
	})
}

func TestConfigurationsAreChecked(t *testing.T) {
	t.Parallel()
	good := sandbox.Config{GatewayURL: "http://127.0.0.1:1/x", Secret: secret, Channel: notify.SMS}
	for want, change := range map[error]func(*sandbox.Config){
		sandbox.ErrGateway: func(c *sandbox.Config) { c.GatewayURL = "/x" },
		sandbox.ErrSecret:  func(c *sandbox.Config) { c.Secret = "" },
		sandbox.ErrChannel: func(c *sandbox.Config) { c.Channel = notify.Inbox },
	} {
		cfg := good
		change(&cfg)
		if _, err := sandbox.New(cfg); !errors.Is(err, want) {
			t.Errorf("error %v, want %v", err, want)
		}
	}
}
