package main

import (
	"anxin/engine/channel/stripe"
	"anxin/server/config"
)

func stripeAccount(r *config.AccountReader) stripe.Config {
	return stripe.Config{
		APIKey: r.Secret("api_key"), EndpointSecrets: r.Secrets("endpoint_secrets"),
		Account: r.TextOr("connected_account", ""), APIURL: r.URL("api_url", ""),
	}
}
