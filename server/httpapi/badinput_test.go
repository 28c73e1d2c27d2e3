package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"anxin/engine/order"
)

// TestBadInputIsNamedAndChangesNothing is the table of everything that a caller can get
// wrong. Each entry has its code, names the field where there is one, and leaves the
// store as it was.
func TestBadInputIsNamedAndChangesNothing(t *testing.T) { //nolint:tparallel // one store, which is compared at the end
	t.Parallel()
	w := setup(t)
	foreign := w.register(registration("OTHER")).ViewToken
	known := registration("A1")
	view := w.register(known).ViewToken
	w.register(with(registration("P1"), "mode", "pushed"))
	before := w.state()
	fresh := registration("NEW")
	key := bearer(shopKey)
	pushKey := header{"Idempotency-Key": "k"}
	amount := func(minor any, currency any) object {
		return with(fresh, "amount", object{"minor": minor, "currency": currency})
	}
	raw := func(s string) string { return strings.Replace(mustJSON(t, fresh), `"order_no":"NEW"`, s, 1) }
	link := func(s string) object { return with(fresh, "links", object{"repay": s}) }

	for _, c := range []struct {
		name         string
		method, path string
		body         any
		headers      []header
		status       int
		code, field  string
	}{
		{"no JSON", "POST", "/v1/orders", `{"order_no":`, []header{key}, 400, "malformed_json", ""},
		{"not JSON at all", "POST", "/v1/orders", `order_no=1`, []header{key}, 400, "malformed_json", ""},
		{"empty body", "POST", "/v1/orders", ``, []header{key, {"Content-Type": "application/json"}}, 400, "malformed_json", ""},
		{"two values", "POST", "/v1/orders", mustJSON(t, fresh) + `{}`, []header{key}, 400, "malformed_json", ""},
		{"broken UTF-8", "POST", "/v1/orders", "{\"order_no\":\"\xff\"}", []header{key}, 400, "malformed_json", ""},
		{"an array", "POST", "/v1/orders", `[]`, []header{key}, 400, "wrong_type", ""},
		{"null", "POST", "/v1/orders", `null`, []header{key}, 400, "wrong_type", ""},
		{"number for string", "POST", "/v1/orders", with(fresh, "order_no", 17), []header{key}, 400, "wrong_type", "order_no"},
		{"string for number", "POST", "/v1/orders", amount("8800", "CNY"), []header{key}, 400, "wrong_type", "amount.minor"},
		{"string for object", "POST", "/v1/orders", with(fresh, "payer", "p"), []header{key}, 400, "wrong_type", "payer"},
		{"object for string", "POST", "/v1/orders", with(fresh, "subject", object{}), []header{key}, 400, "wrong_type", "subject"},
		{"number in array", "POST", "/v1/orders", with(fresh, "payer", object{"id": "p", "push": []any{"d", 1}}), []header{key}, 400, "wrong_type", "payer.push[1]"},
		{"object for time", "POST", "/v1/orders", with(fresh, "expires_at", object{}), []header{key}, 400, "wrong_type", "expires_at"},
		{"unknown field", "POST", "/v1/orders", with(fresh, "colour", "red"), []header{key}, 400, "unknown_field", "colour"},
		{"field in other case", "POST", "/v1/orders", with(fresh, "Subject", "x"), []header{key}, 400, "unknown_field", "Subject"},
		{"unknown nested field", "POST", "/v1/orders", with(fresh, "amount", object{"minor": 1, "currency": "CNY", "major": 1}), []header{key}, 400, "unknown_field", "amount.major"},
		{"field twice", "POST", "/v1/orders", raw(`"order_no":"NEW","order_no":"NEW2"`), []header{key}, 400, "duplicate_field", "order_no"},
		{"nested field twice", "POST", "/v1/orders", strings.Replace(mustJSON(t, fresh), `"minor":8800`, `"minor":8800,"minor":1`, 1), []header{key}, 400, "duplicate_field", "amount.minor"},

		{"negative amount", "POST", "/v1/orders", amount(-1, "CNY"), []header{key}, 422, "invalid_field", "amount.minor"},
		{"nothing to pay", "POST", "/v1/orders", amount(0, "CNY"), []header{key}, 422, "invalid_field", "amount.minor"},
		{"huge amount", "POST", "/v1/orders", amount(int64(order.MaxMinor+1), "CNY"), []header{key}, 422, "invalid_field", "amount.minor"},
		{"amount beyond 64 bits", "POST", "/v1/orders", strings.Replace(mustJSON(t, fresh), `8800`, `92233720368547758080`, 1), []header{key}, 400, "wrong_type", "amount.minor"},
		{"amount with fraction", "POST", "/v1/orders", amount(88.5, "CNY"), []header{key}, 400, "wrong_type", "amount.minor"},
		{"amount with exponent", "POST", "/v1/orders", strings.Replace(mustJSON(t, fresh), `8800`, `88e2`, 1), []header{key}, 400, "wrong_type", "amount.minor"},
		{"no currency", "POST", "/v1/orders", amount(1, ""), []header{key}, 422, "invalid_field", "amount.currency"},
		{"unknown currency", "POST", "/v1/orders", amount(1, "XXX"), []header{key}, 422, "invalid_field", "amount.currency"},
		{"currency in lower case", "POST", "/v1/orders", amount(1, "cny"), []header{key}, 422, "invalid_field", "amount.currency"},
		{"control character", "POST", "/v1/orders", with(fresh, "subject", "a\u0000b"), []header{key}, 422, "invalid_field", "subject"},
		{"line break", "POST", "/v1/orders", with(fresh, "payer", object{"id": "a\nb"}), []header{key}, 422, "invalid_field", "payer.id"},
		{"long subject", "POST", "/v1/orders", with(fresh, "subject", strings.Repeat("长", 257)), []header{key}, 422, "invalid_field", "subject"},
		{"bad number", "POST", "/v1/orders", with(fresh, "order_no", "A/1"), []header{key}, 422, "invalid_field", "order_no"},
		{"no mode", "POST", "/v1/orders", with(fresh, "mode", nil), []header{key}, 422, "invalid_field", "mode"},
		{"no payer", "POST", "/v1/orders", with(fresh, "payer", nil), []header{key}, 422, "invalid_field", "payer.id"},
		{"bad channel name", "POST", "/v1/orders", with(fresh, "channel", "a b"), []header{key}, 422, "invalid_field", "channel"},
		{"unknown channel", "POST", "/v1/orders", with(fresh, "channel", "nowhere"), []header{key}, 422, "unknown_channel", ""},
		{"bad locale", "POST", "/v1/orders", with(fresh, "payer", object{"id": "p", "locale": "not a locale"}), []header{key}, 422, "invalid_field", "payer.locale"},
		{"bad phone", "POST", "/v1/orders", with(fresh, "payer", object{"id": "p", "phone": "call me"}), []header{key}, 422, "invalid_field", "payer.phone"},
		{"bad e-mail", "POST", "/v1/orders", with(fresh, "payer", object{"id": "p", "email": "A <a@b.c>"}), []header{key}, 422, "invalid_field", "payer.email"},
		{"too many devices", "POST", "/v1/orders", with(fresh, "payer", object{"id": "p", "push": make([]string, 101)}), []header{key}, 422, "invalid_field", "payer.push"},
		{"script link", "POST", "/v1/orders", link("javascript:alert(1)"), []header{key}, 422, "invalid_field", "links.repay"},
		{"other host by slashes", "POST", "/v1/orders", link("//evil.example"), []header{key}, 422, "invalid_field", "links.repay"},
		{"other host by backslash", "POST", "/v1/orders", link(`/\evil.example`), []header{key}, 422, "invalid_field", "links.repay"},
		{"link with password", "POST", "/v1/orders", link("https://a:b@shop.example"), []header{key}, 422, "invalid_field", "links.repay"},
		{"link without host", "POST", "/v1/orders", link("https:///x"), []header{key}, 422, "invalid_field", "links.repay"},
		{"relative link", "POST", "/v1/orders", link("orders/1"), []header{key}, 422, "invalid_field", "links.repay"},
		{"time without zone", "POST", "/v1/orders", with(fresh, "expires_at", "2099-01-01 10:00"), []header{key}, 422, "invalid_field", "expires_at"},
		{"past end", "POST", "/v1/orders", with(fresh, "expires_at", order.At(time.Now().Add(-time.Second))), []header{key}, 422, "invalid_field", "expires_at"},
		{"conflicting re-registration", "POST", "/v1/orders", with(known, "amount", object{"minor": 8801, "currency": "CNY"}), []header{key}, 409, "order_exists", ""},

		{"10 MB", "POST", "/v1/orders", `{"subject":"` + strings.Repeat("x", 10<<20) + `"}`, []header{key}, 413, "body_too_large", ""},
		{"65 KiB", "POST", "/v1/orders", `{"subject":"` + strings.Repeat("x", 65<<10) + `"}`, []header{key}, 413, "body_too_large", ""},
		{"a form", "POST", "/v1/orders", `a=b`, []header{key, {"Content-Type": "application/x-www-form-urlencoded"}}, 415, "unsupported_media_type", ""},
		{"another charset", "POST", "/v1/orders", fresh, []header{key, {"Content-Type": "application/json; charset=gbk"}}, 415, "unsupported_media_type", ""},
		{"compressed", "POST", "/v1/orders", fresh, []header{key, {"Content-Encoding": "gzip"}}, 415, "unsupported_media_type", ""},

		{"no key", "POST", "/v1/orders", fresh, nil, 401, "unauthorized", ""},
		{"wrong key", "POST", "/v1/orders", fresh, []header{bearer("nonsense")}, 401, "unauthorized", ""},
		{"view token in place of a key", "POST", "/v1/orders", fresh, []header{bearer(view)}, 403, "forbidden", ""},
		{"foreign token", "POST", "/v1/orders/A1/claim", nil, []header{bearer(foreign)}, 403, "forbidden", ""},
		{"unknown order", "POST", "/v1/orders/NEW/claim", nil, []header{key}, 404, "order_not_found", ""},
		{"impossible order", "GET", "/v1/orders/a.b", nil, []header{key}, 404, "order_not_found", ""},
		{"claim with content", "POST", "/v1/orders/A1/claim", object{"paid": true}, []header{key}, 400, "unknown_field", "paid"},
		{"tokens with content", "POST", "/v1/orders/A1/tokens", object{"ttl": 1}, []header{key}, 400, "unknown_field", "ttl"},

		{"update of a managed order", "POST", "/v1/orders/A1/updates", object{"type": "succeeded"}, []header{key, pushKey}, 409, "not_pushed", ""},
		{"update without key", "POST", "/v1/orders/P1/updates", object{"type": "succeeded"}, []header{key}, 400, "idempotency_key_required", "Idempotency-Key"},
		{"update with long key", "POST", "/v1/orders/P1/updates", object{"type": "succeeded"}, []header{key, {"Idempotency-Key": strings.Repeat("k", 256)}}, 400, "idempotency_key_required", "Idempotency-Key"},
		{"update of no type", "POST", "/v1/orders/P1/updates", object{}, []header{key, pushKey}, 422, "invalid_field", "type"},
		{"update of a strange type", "POST", "/v1/orders/P1/updates", object{"type": "paid"}, []header{key, pushKey}, 422, "invalid_field", "type"},
		{"update with negative attempt", "POST", "/v1/orders/P1/updates", object{"type": "retrying", "attempt": -1}, []header{key, pushKey}, 422, "invalid_field", "attempt"},
		{"update with free text", "POST", "/v1/orders/P1/updates", object{"type": "failed", "reason": "Card declined!"}, []header{key, pushKey}, 422, "invalid_field", "reason"},
		{"refund of nothing", "POST", "/v1/orders/P1/updates", object{"type": "refunding", "refund": object{"amount": object{"minor": 0, "currency": "CNY"}}}, []header{key, pushKey}, 422, "invalid_field", "refund.amount"},
		{"refund with odd id", "POST", "/v1/orders/P1/updates", object{"type": "refunding", "refund": object{"id": "a b"}}, []header{key, pushKey}, 422, "invalid_field", "refund.id"},

		{"poll after nonsense", "GET", "/v1/orders/A1?after=x", nil, []header{key}, 400, "invalid_parameter", "after"},
		{"poll for an hour", "GET", "/v1/orders/A1?after=1&wait=1h", nil, []header{key}, 400, "invalid_parameter", "wait"},
		{"unknown status", "GET", "/v1/orders?status=lost", nil, []header{key}, 400, "invalid_parameter", "status"},
		{"unknown filter", "GET", "/v1/orders?state=lost", nil, []header{key}, 400, "invalid_parameter", "state"},
		{"filter twice", "GET", "/v1/orders?limit=1&limit=2", nil, []header{key}, 400, "invalid_parameter", "limit"},
		{"huge page", "GET", "/v1/orders?limit=1000", nil, []header{key}, 400, "invalid_parameter", "limit"},
		{"forged cursor", "GET", "/v1/orders?cursor=AAAA", nil, []header{key}, 400, "bad_cursor", ""},

		{"callback of no channel", "POST", "/v1/callbacks/nowhere", `{}`, nil, 404, "unknown_channel", ""},
		{"callback beyond the limit", "POST", "/v1/callbacks/sandbox", strings.Repeat("x", 256<<10+1), nil, 413, "body_too_large", ""},
		{"callback of 10 MB", "POST", "/v1/callbacks/sandbox", strings.Repeat("x", 10<<20), nil, 413, "body_too_large", ""},
		{"no route", "GET", "/v1/nothing", nil, []header{key}, 404, "no_such_route", ""},
		{"wrong method", "PUT", "/v1/orders", fresh, []header{key}, 405, "method_not_allowed", ""},
		{"method of no kind", "FROB", "/v1/orders", nil, []header{key}, 501, "unknown_method", ""},
		{"huge header", "GET", "/v1/orders", nil, []header{key, {"X-Big": strings.Repeat("x", 10<<10)}}, 431, "headers_too_large", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := w.send(c.method, c.path, c.body, c.headers...).problem(t)
			if p.Status != c.status || p.Code != c.code || p.Field != c.field {
				t.Errorf("got %d %s %q (%s), want %d %s %q", p.Status, p.Code, p.Field, p.Detail, c.status, c.code, c.field)
			}
			if p.Type != "urn:anxin:problem:"+p.Code || p.Title == "" || p.Detail == "" {
				t.Errorf("incomplete problem %+v", p)
			}
		})
	}
	if after := w.state(); after != before {
		t.Errorf("the store has changed\nfrom %s\nto   %s", before, after)
	}
}

func TestACallbackThatIsRefusedIsAnsweredInTheChannelsWay(t *testing.T) {
	t.Parallel()
	w := setup(t)
	before := w.state()
	for name, c := range map[string]struct {
		status int
		body   string
	}{
		"unsigned": {http.StatusUnauthorized, `{"id":"1"}`}, "empty": {http.StatusUnauthorized, ""},
		"longer than the channel's": {http.StatusBadRequest, strings.Repeat("x", 256<<10)},
	} {
		a := w.want(c.status, "POST", "/v1/callbacks/sandbox", c.body)
		if string(a.body) != `{"code":"FAIL"}` {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	if after := w.state(); after != before {
		t.Errorf("the store has changed to %s", after)
	}
}
