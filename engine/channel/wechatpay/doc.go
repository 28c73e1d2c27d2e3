// Package wechatpay speaks to WeChat Pay's APIv3 as a directly connected merchant, on the
// signers, verifiers and client of its Go SDK. The SDK's handler of notifications is not
// used: bytes that it is not made for let it panic, and its errors print the request.
//
// # Keys
//
// What WeChat Pay sends is signed by one of its platform certificates or by its public
// key; Wechatpay-Serial says which. While a merchant moves from the one to the other,
// both sign in turn for days, so both are held, and an unknown name is a bad signature.
// What we ask is signed by the merchant's key. The contents of a callback are encrypted
// besides, with the merchant's APIv3 key.
//
// # Callbacks
//
// The signature covers "timestamp\nnonce\nbody\n" and is checked before anything else is
// believed, the time after it (300 seconds either way, by when the request came). The
// names in a message are read strictly; fields that are not known are passed over, for
// WeChat Pay adds some now and then. One whose signature begins with
// WECHATPAY/SIGNTEST/ is a probe of whether signatures are checked at all: it is refused
// like any other and held against no order. Any other that does not verify, but was
// encrypted with our APIv3 key, names its order in the error: a missing platform key
// shows as what it is.
//
// # Amounts
//
// amount.total is what the merchant asked for and is what must equal the order's amount.
// amount.payer_total is less whenever the payer used a coupon, and is not looked at. Both
// are in fen. A refund's notification names no currency: it is that of the mainland, CNY.
//
// # Merchant and app
//
// Evidence names the merchant account as the message does; one that was paid through an
// app that is not configured is named "mchid/appid", so that the order machine opens a
// case for either and believes neither. Notifications of refunds name no app. The answer
// to a question about a refund names no merchant: it counts only when its transaction is
// the one that the payment's answer, which does, has named.
//
// # States
//
// A payment in the state REFUND was paid, and at least one refund of whatever amount was
// accepted. WeChat Pay does not list refunds: only those whose numbers are known can be
// asked about. So it is told as its refunds where numbers are given, and else as
// succeeded; a refund is followed from its first notification on. ABNORMAL, the bank did
// not take the money back, is no end: the merchant sends it another way.
//
// WeChat Pay notifies successes only. That a payment failed or was closed is known by
// asking.
package wechatpay
