package wechatpaytest

import "time"

// Object is a JSON object.
type Object map[string]any

// Openid is a payer's name at WeChat Pay, which must not get anywhere.
const Openid = "marked-payer-openid"

// China is the zone that WeChat Pay writes times in.
var China = time.FixedZone("", 8*60*60)

// Transaction returns the number of an order's payment.
func Transaction(orderNo string) string { return "4200" + orderNo }

// Payment is what WeChat Pay tells of a payment, in every field of its description. One
// that is not paid has no transaction and no time.
func Payment(orderNo, state string, fen int64, at time.Time) Object {
	p := Object{
		"appid": AppID, "mchid": MchID, "out_trade_no": orderNo, "trade_type": "JSAPI", "trade_state": state,
		"trade_state_desc": "支付状态", "bank_type": "CMB_DEBIT", "attach": "marked-attach",
		"payer":          Object{"openid": Openid},
		"amount":         Object{"total": fen, "payer_total": fen - 1, "currency": "CNY", "payer_currency": "CNY"},
		"scene_info":     Object{"device_id": "013467007045764"},
		"transaction_id": "", "success_time": "",
		"promotion_detail": []Object{{
			"coupon_id": "109519", "name": "满减", "scope": "GLOBAL", "type": "CASH", "amount": 1, "stock_id": "931386",
			"wechatpay_contribute": 0, "merchant_contribute": 0, "other_contribute": 1, "currency": "CNY",
			"goods_detail": []Object{{"goods_id": "M1006", "quantity": 1, "unit_price": 100, "discount_amount": 1, "goods_remark": "备注"}},
		}},
	}
	if state == "SUCCESS" || state == "REFUND" {
		p["transaction_id"], p["success_time"] = Transaction(orderNo), at.In(China).Format(time.RFC3339)
	}
	return p
}

// RefundNotice is what a notification tells of a refund.
func RefundNotice(orderNo, refundNo, state string, total, back int64, at time.Time) Object {
	r := Object{
		"mchid": MchID, "out_trade_no": orderNo, "transaction_id": Transaction(orderNo), "out_refund_no": refundNo,
		"refund_id": "5030" + refundNo, "refund_status": state, "user_received_account": "marked-account 0403",
		"amount": Object{"total": total, "refund": back, "payer_total": total, "payer_refund": back},
	}
	if state == "SUCCESS" {
		r["success_time"] = at.In(China).Format(time.RFC3339)
	}
	return r
}

// RefundAnswer is what the gateway answers about a refund.
func RefundAnswer(orderNo, refundNo, state string, total, back int64, at time.Time) Object {
	r := Object{
		"out_trade_no": orderNo, "transaction_id": Transaction(orderNo), "out_refund_no": refundNo, "refund_id": "5030" + refundNo,
		"channel": "ORIGINAL", "user_received_account": "marked-account 0403", "status": state, "funds_account": "AVAILABLE",
		"create_time": at.In(China).Format(time.RFC3339),
		"amount": Object{
			"total": total, "refund": back, "from": []Object{}, "payer_total": total, "payer_refund": back,
			"settlement_refund": back, "settlement_total": total, "discount_refund": 0, "currency": "CNY",
		},
		"promotion_detail": []Object{},
	}
	if state == "SUCCESS" {
		r["success_time"] = at.Add(time.Minute).In(China).Format(time.RFC3339)
	}
	return r
}

// Problem is the body of a refusal.
func Problem(code string) Object {
	return Object{"code": code, "message": "marked-message", "detail": Object{"field": "marked-detail"}}
}
