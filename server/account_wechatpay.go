package main

import (
	"anxin/engine/channel/wechatpay"
	"anxin/server/config"
)

func wechatpayAccount(r *config.AccountReader) wechatpay.Config {
	return wechatpay.Config{
		MchID: r.Text("merchant_id"), AppIDs: r.Texts("app_ids"),
		APIv3Key: r.Secret("api_v3_key"), MerchantKey: r.Secret("merchant_key"),
		MerchantCert: r.TextOr("merchant_certificate", ""), MerchantSerial: r.TextOr("merchant_serial", ""),
		PlatformCerts: r.Texts("platform_certificates"),
		PublicKeyID:   r.TextOr("public_key_id", ""), PublicKey: r.TextOr("public_key", ""),
		GatewayURL: r.URL("gateway", ""),
	}
}
