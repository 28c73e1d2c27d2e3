package httpapi

import (
	"slices"

	"github.com/gofiber/fiber/v2"

	"anxin/frontend/page"
)

type route struct {
	method   string
	path     string
	handlers []fiber.Handler
}

const livePath = "/v1/live"

// on is one route.
func on(method, path string, handlers ...fiber.Handler) route { return route{method, path, handlers} }

// routes are all addresses of the server but the sandbox's. A test holds those below
// /v1 against openapi.yaml.
func (a *api) routes() []route {
	return slices.Concat(a.orderRoutes(), a.opsRoutes(), a.pageRoutes(), a.houseRoutes())
}

// orderRoutes are for backends, channels, providers and apps.
func (a *api) orderRoutes() []route {
	return []route{
		on("POST", "/v1/orders", a.register),
		on("GET", "/v1/orders", a.list),
		on("GET", "/v1/orders/:order_no", a.show),
		on("GET", streamPath, a.stream),
		on("POST", "/v1/orders/:order_no/acts", a.limits.act, a.acts),
		on("POST", "/v1/orders/:order_no/updates", a.update),
		on("POST", "/v1/orders/:order_no/tokens", a.issue),
		on("POST", "/v1/orders/:order_no/claim", a.limits.act, a.claim),
		on("POST", "/v1/orders/:order_no/query", a.limits.act, a.checkNow),
		on("GET", "/v1/orders/:order_no/verdict", a.verdict),
		on("POST", "/v1/verdicts", a.verdicts),
		on("GET", "/v1/promises/summary", a.promiseSummary),
		on("POST", "/v1/callbacks/:channel", a.receive),
		on("GET", "/v1/inbox", a.limits.look, a.inbox),
		on("GET", inboxStreamPath, a.limits.look, a.inboxStream),
		on("POST", "/v1/inbox/read", a.limits.act, a.readInbox),
		on("GET", "/v1/orders/:order_no/optin", a.limits.look, a.optInOffers),
		on("POST", "/v1/orders/:order_no/optin", a.limits.act, a.optIn),
		on("POST", "/v1/orders/:order_no/optout", a.limits.act, a.optOut),
		on("POST", "/v1/receipts/:provider", a.receipts),
		on("GET", "/v1/orders/:order_no/deliveries", a.deliveries),
		on("POST", "/v1/push/renewals", a.limits.act, a.renewPush),
		on("POST", "/v1/orders/:order_no/feedback", a.limits.act, a.giveFeedback),
		on("GET", livePath, a.deps.Live),
	}
}

// opsRoutes are for operators.
func (a *api) opsRoutes() []route {
	return []route{
		on("GET", "/v1/ops/messages", a.opsMessages),
		on("GET", "/v1/ops/providers", a.opsProviders),
		on("GET", "/v1/ops/orders/:order_no/notify-preview", a.previewMessages),
		on("GET", templatesPath, a.opsTemplates),
		on("POST", templatesPath, a.writeTemplate),
		on("GET", templatesPath+"/variables", a.opsVariables),
		on("GET", templatesPath+"/versions", a.opsVersions),
		on("POST", templatesPath+"/decide", a.decideTemplate),
		on("POST", templatesPath+"/use", a.useTemplate),
		on("POST", templatesPath+"/preview", a.previewTemplates),
		on("POST", templatesPath+"/test", a.tryTemplate),
		on("GET", "/v1/ops/channels", a.channels),
		on("GET", "/v1/ops/pauses", a.pauses),
		on("POST", "/v1/ops/pauses", a.pause),
		on("DELETE", "/v1/ops/pauses/:kind/:target", a.resume),
		on("GET", "/v1/ops/audit", a.audit),
		on("GET", "/v1/ops/cases", a.cases),
		on("POST", "/v1/ops/cases/retry", a.retryCases),
		on("GET", "/v1/ops/cases/:id", a.showCase),
		on("POST", "/v1/ops/cases/:id/resolve", a.resolveCase),
		on("POST", settlementsPath, a.importSettlement),
		on("GET", settlementsPath, a.settlements),
		on("GET", settlementsPath+"/:id", a.showSettlement),
		on("GET", settlementsPath+"/:id/rows", a.settlementRows),
		on("GET", settlementsPath+"/:id/one-sided", a.oneSided),
		on("GET", "/v1/ops/orders/:order_no/deliveries", a.opsDeliveries),
		on("GET", "/v1/ops/endpoints", a.opsEndpoints),
		on("POST", "/v1/ops/endpoints/:backend/enable", a.opsEnableEndpoint),
		on("GET", "/v1/ops/announcements", a.announcements),
		on("POST", "/v1/ops/announcements", a.announce),
		on("DELETE", "/v1/ops/announcements/:id", a.endAnnouncement),
		on("GET", "/v1/ops/feedback", a.opsFeedback),
		on("GET", "/v1/ops/callbacks", a.opsCallbacks),
		on("POST", "/v1/ops/callbacks/replay", a.opsReplay),
		on("GET", "/v1/ops/callbacks/:id", a.opsCallback),
	}
}

// pageRoutes are what payers see.
func (a *api) pageRoutes() []route {
	return []route{
		on("GET", "/unsubscribe", a.limits.look, a.unsubscribe),
		on("POST", "/unsubscribe", a.limits.act, a.unsubscribe),
		on("GET", page.WorkerPath, worker),
		on("GET", "/pay/:order_no", a.limits.look, a.page),
		on("GET", "/pay/:order_no/optin", a.limits.look, a.optInPage),
		on("POST", "/pay/:order_no/optin", a.limits.act, a.optInForm),
		on("POST", "/pay/:order_no/optout", a.limits.act, a.optOutForm),
		on("POST", "/pay/:order_no/claim", a.limits.act, a.claimForm),
		on("POST", "/pay/:order_no/query", a.limits.act, a.checkForm),
		on("POST", "/pay/:order_no/feedback", a.limits.act, a.feedbackForm),
		on("GET", inboxPath, a.limits.look, a.inboxPage),
		on("POST", inboxPath+"/read", a.limits.act, a.readForm),
		on("GET", lookupPath, a.found, a.limits.look, a.lookup),
		on("POST", lookupPath, a.found, a.limits.search, a.lookupNumber),
		on("POST", lookupPath+"/code", a.found, a.limits.search, a.lookupCode),
		on("GET", "/assets/:name", asset),
		on("GET", "/", a.frontDoor),
	}
}

// houseRoutes tell about the server itself.
func (a *api) houseRoutes() []route {
	return []route{
		on("GET", "/openapi.yaml", openAPI),
		on("GET", "/asyncapi.yaml", asyncAPI),
		on("GET", "/healthz", alive),
		on("GET", "/readyz", a.ready),
		on("GET", "/metrics", a.metrics),
	}
}
