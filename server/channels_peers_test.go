package main

import (
	"net/http"
	"testing"
	"time"

	"anxin/engine/channel"
	"anxin/engine/channel/channeltest"
	"anxin/engine/channel/standardhook/standardhooktest"
	"anxin/engine/channel/wechatpay/wechatpaytest"
	"anxin/engine/order"
)

// liveAccounts are the accounts of which each provider has at least one.
var liveAccounts = map[string]liveAccount{
	"standardhook":     standardhookPeer(standardhooktest.Fixture{}),
	"standardhook v1a": standardhookPeer(standardhooktest.Fixture{Pair: true}),
	"wechatpay":        wechatpayPeer(),
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
		files: func() map[string]string { return map[string]string{"callback.secret": standardhooktest.Secret + "\n"} },
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

func wechatpayPeer() liveAccount {
	paid := func(orderNo string) wechatpaytest.Object {
		return wechatpaytest.Payment(orderNo, "SUCCESS", 8800, time.Now())
	}
	return liveAccount{
		provider: "wechatpay",
		account: func(gateway string) object {
			return object{
				"merchant_id": wechatpaytest.MchID, "api_v3_key": "env:API_V3_KEY", "merchant_key": "file:merchant.key", "merchant_certificate": "file:merchant.crt",
				"public_key_id": wechatpaytest.TheKeys().Public.Name, "public_key": "file:public.key", "gateway": gateway,
			}
		},
		files: func() map[string]string {
			keys := wechatpaytest.TheKeys()
			return map[string]string{"merchant.key": keys.Merchant.Key, "merchant.crt": keys.Merchant.Cert, "public.key": keys.Public.Public}
		},
		env: []string{"API_V3_KEY=" + wechatpaytest.APIv3Key},
		callback: func(_ *testing.T, orderNo string, wrong bool) channel.Request {
			body := wechatpaytest.Marshal(wechatpaytest.NewNotice("EV-"+orderNo, "TRANSACTION.SUCCESS", paid(orderNo)))
			by := wechatpaytest.TheKeys().Public
			if wrong {
				by = wechatpaytest.TheKeys().Stranger
				by.Name = wechatpaytest.TheKeys().Public.Name
			}
			return channel.Request{Header: wechatpaytest.Callback(by, time.Now(), body), Body: body}
		},
		answer: func(_ *testing.T, w http.ResponseWriter, r *http.Request, orderNo string) {
			g := wechatpaytest.Gateway{Clock: time.Now, Answer: func(*http.Request, []byte) (int, any) { return http.StatusOK, paid(orderNo) }}
			g.Deliver = g.Reply
			g.ServeHTTP(w, r)
		},
		success: channel.Answer{Status: http.StatusNoContent},
		marked:  []string{wechatpaytest.APIv3Key, wechatpaytest.Openid},
	}
}
