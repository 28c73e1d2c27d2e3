// Package alipay speaks to Alipay's open platform: signed notifications by POST form,
// and the gateway's alipay.trade.query, alipay.trade.fastpay.refund.query and
// alipay.trade.close. Requests are signed and notifications verified by smartwalle/alipay;
// what that library leaves open is closed here.
//
// # Signatures
//
// RSA2 only: RSA PKCS #1 v1.5 over SHA-256. A notification signs its decoded fields,
// sorted, as k=v joined by &, without sign, sign_type and alipay_cert_sn. An answer signs
// the raw JSON of its NAME_response member. In key mode one public key of Alipay verifies
// both; in certificate mode alipay_cert_sn says which of the configured certificates does,
// and one that is not configured is a bad signature: nothing is fetched.
//
// # What the library leaves open
//
// It verifies notifications for any application, signed in any year and naming any
// sign_type; its own reader of notifications mixes in the URL's query; a business failure
// is no error to it, an HTTP status none either, and it takes an answer that says that
// it is unsigned for an error of the channel. So the form is read here and from the
// body alone, each field once; application and seller are told, to be compared; and the HTTP of a
// question, the bounds of its answer and the answer's signature are this package's own.
//
// # Evidence
//
// Notifications carry no time that is fit for a freshness window (a redelivery a day later
// is signed as the first one was), so replays are harmless by notify_id and by the order
// machine alone. A refund is recognised by its fields, for trade_status says TRADE_SUCCESS
// of a partly refunded trade and TRADE_CLOSED of a wholly refunded one: refund_fee is the
// sum of all refunds so far, out_biz_no the refund that brought it there.
//
// Answers name neither application nor seller. They are evidence of the configured
// account because they were asked for with its key.
package alipay
