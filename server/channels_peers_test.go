package main

import (
	"net/http"
	"testing"
	"time"

	"anxin/engine/channel"
	"anxin/engine/channel/channeltest"
	"anxin/engine/channel/standardhook/standardhooktest"
	"anxin/engine/order"
)

// liveAccounts are the accounts of which each provider has at least one.
var liveAccounts = map[string]liveAccount{
	"standardhook":     standardhookPeer(standardhooktest.Fixture{}),
	"standardhook v1a": standardhookPeer(standardhooktest.Fixture{Pair: true}),
}

// paidNow is that an order of the server's tests was paid.
func paidNow(orderNo, merchant, state string) channeltest.Told {
	return channeltest.Told{
		OrderNo: orderNo, Merchant: merchant, Amount: order.Money{Minor: 8800, Currency: "CNY"}, Txn: "txn" + orderNo,
		Word: channeltest.Word{State: state, Claims: order.ClaimsSucceeded}, At: time.Now().Truncate(time.Second),
	}
}

// callbackOf is a callback that tells it, by the provider's key or another.
func callbackOf(told channeltest.Told, wrong bool) channeltest.Callback {
	c := channeltest.Callback{ID: "evt" + told.OrderNo, Told: told, SignedAt: time.Now(), ReceivedAt: time.Now()}
	if wrong {
		c.Twist = channeltest.TwistWrongKey
	}
	return c
}

func standardhookPeer(f standardhooktest.Fixture) liveAccount {
	const merchant = standardhooktest.Merchant
	a := liveAccount{
		provider: "standardhook",
		account: func(gateway string) object {
			return object{
				"merchant": merchant, "query_url": gateway + "/query", "close_url": gateway + "/close",
				"callback_secrets": []string{"file:callback.secret"}, "question_keys": []string{"env:QUESTION_KEY"},
			}
		},
		files: map[string]string{"callback.secret": standardhooktest.Secret + "\n"},
		env:   []string{"QUESTION_KEY=" + standardhooktest.QuestionOf},
		callback: func(t *testing.T, orderNo string, wrong bool) channel.Request {
			return f.Callback(t, callbackOf(paidNow(orderNo, merchant, "succeeded"), wrong))
		},
		answer: func(t *testing.T, w http.ResponseWriter, r *http.Request, orderNo string) {
			f.Answer(t, w, r, channeltest.Script{Told: paidNow(orderNo, merchant, "succeeded")})
		},
		success: f.Provider().Success,
		marked:  append(f.Provider().Secrets, channeltest.MarkedPayer),
	}
	if f.Pair {
		with := a.account
		a.account = func(gateway string) object {
			account := with(gateway)
			account["callback_public_keys"] = standardhooktest.PublicKey()
			return account
		}
	}
	return a
}
