package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"anxin/engine/channel/sandbox"
	"anxin/engine/order"
)

// openAPI loads the description and closes its objects: clients must accept more fields,
// the test must not.
func openAPI(t *testing.T, server string) (*openapi3.T, routers.Router) {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("openapi.yaml")
	must(t, err)
	must(t, doc.Validate(context.Background()))
	no := false
	for _, schema := range doc.Components.Schemas {
		closeObjects(schema, &no)
	}
	doc.Servers = openapi3.Servers{{URL: server}}
	router, err := legacy.NewRouter(doc)
	must(t, err)
	return doc, router
}

func routerOf(t *testing.T, w *world) routers.Router {
	t.Helper()
	_, router := openAPI(t, w.base)
	return router
}

func closeObjects(ref *openapi3.SchemaRef, no *bool) {
	if ref == nil || ref.Value == nil {
		return
	}
	s := ref.Value
	if len(s.Properties) > 0 {
		s.AdditionalProperties = openapi3.AdditionalProperties{Has: no}
	}
	for _, p := range s.Properties {
		closeObjects(p, no)
	}
	closeObjects(s.Items, no)
}

func TestTheDescriptionHasExactlyTheRoutesOfTheServer(t *testing.T) {
	t.Parallel()
	w := setup(t)
	doc, _ := openAPI(t, w.base)
	parameter := regexp.MustCompile(`:([a-z_]+)`)
	served := map[string]bool{}
	for _, r := range w.app.GetRoutes(true) {
		path := parameter.ReplaceAllString(r.Path, "{$1}")
		if r.Method != http.MethodHead && path != "/" && !strings.HasPrefix(path, "/assets/") {
			served[r.Method+" "+path] = true
		}
	}
	described := map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			described[method+" "+path] = true
		}
	}
	if !maps.Equal(served, described) {
		t.Errorf("served    %v\ndescribed %v", slices.Sorted(maps.Keys(served)), slices.Sorted(maps.Keys(described)))
	}
}

func TestTheDescriptionsAreServed(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for _, name := range []string{"openapi.yaml", "asyncapi.yaml"} {
		file, err := os.ReadFile(name)
		must(t, err)
		if a := w.want(http.StatusOK, "GET", "/"+name, nil); !bytes.Equal(a.body, file) {
			t.Errorf("/%s is not the file", name)
		}
	}
}

// checker holds real exchanges against the description.
type checker struct {
	*world
	router routers.Router
}

// exchange makes a request and checks the response, and the request itself unless it is
// wrong on purpose.
func (c checker) exchange(status int, method, path string, body any, headers ...header) answer {
	c.t.Helper()
	a := c.want(status, method, path, body, headers...)
	c.check(a, status < http.StatusBadRequest, method, path, body, headers)
	return a
}

func (c checker) check(a answer, valid bool, method, path string, body any, headers []header) {
	c.t.Helper()
	content := []byte{}
	if body != nil {
		content = []byte(mustJSON(c.t, body))
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, bytes.NewReader(content))
	must(c.t, err)
	if len(content) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		for k, v := range h {
			req.Header.Set(k, v)
		}
	}
	route, parameters, err := c.router.FindRoute(req)
	if err != nil {
		c.t.Fatalf("%s %s is not described: %v", method, path, err)
	}
	input := &openapi3filter.RequestValidationInput{
		Request: req, PathParams: parameters, Route: route,
		Options: &openapi3filter.Options{
			IncludeResponseStatus: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, MultiError: true,
		},
	}
	if valid {
		if err := openapi3filter.ValidateRequest(c.t.Context(), input); err != nil {
			c.t.Errorf("request %s %s: %v", method, path, err)
		}
	}
	mediaType := a.header.Get("Content-Type")
	input.Options.ExcludeResponseBody = strings.HasPrefix(mediaType, "text/html") || mediaType == "text/event-stream" // no decoder knows them
	err = openapi3filter.ValidateResponse(c.t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: a.status, Header: a.header, Body: io.NopCloser(bytes.NewReader(a.body)), Options: input.Options,
	})
	if err != nil {
		c.t.Errorf("%d of %s %s: %v\n%s", a.status, method, path, err, a.body)
	}
}

func TestRealAnswersAreAsDescribed(t *testing.T) {
	t.Parallel()
	w := setup(t)
	_, router := openAPI(t, w.base)
	c := checker{w, router}
	key := bearer(shopKey)

	full := with(with(registration("A1"), "expires_at", "2099-01-01T00:00:00Z"), "links",
		object{"detail": "https://shop.example/o/1", "repay": "/again", "support": "https://shop.example/help"})
	full["payer"] = object{"id": "p", "locale": "zh-CN", "phone": "13800000000", "email": "a@b.example", "push": []string{"d"}}
	r := decode[registered](t, c.exchange(201, "POST", "/v1/orders", full, key))
	view := bearer(r.ViewToken)
	c.exchange(200, "POST", "/v1/orders", full, key)
	c.exchange(409, "POST", "/v1/orders", with(full, "subject", "x"), key)
	c.exchange(422, "POST", "/v1/orders", with(full, "mode", "x"), key)
	c.exchange(400, "POST", "/v1/orders", with(full, "x", "x"), key)
	c.exchange(401, "POST", "/v1/orders", full)
	c.exchange(403, "POST", "/v1/orders", full, view)

	c.exchange(200, "GET", "/v1/orders/A1", nil, key)
	c.exchange(200, "GET", "/v1/orders/A1", nil, view)
	c.exchange(204, "GET", "/v1/orders/A1?after=1&wait=1ms", nil, view)
	framed := header{"Accept": "application/vnd.anxin.frame+json"}
	c.exchange(200, "GET", "/v1/orders/A1", nil, view, framed)
	c.exchange(200, "GET", "/v1/orders/A1?after=1&wait=1ms", nil, view, framed)
	c.exchange(200, "GET", "/v1/orders/A1/stream", nil, view)
	c.exchange(401, "GET", "/v1/orders/A1/stream", nil)
	c.exchange(400, "GET", "/v1/orders/A1/stream?after=x", nil, view)
	c.exchange(204, "POST", "/v1/orders/A1/acts", object{"token": r.ViewToken, "frames": []object{
		{"type": "seen", "seq": 1}, {"type": "act", "topic": "order:A1", "name": "visible", "seq": 1, "value": 9},
	}})
	c.exchange(422, "POST", "/v1/orders/A1/acts", object{"token": r.ViewToken, "frames": []object{{"type": "x"}}})
	c.exchange(401, "POST", "/v1/orders/A1/acts", object{"frames": []object{}})
	c.exchange(200, "POST", "/v1/orders/A1/claim", nil, view)
	c.exchange(200, "GET", "/v1/orders/A1", nil, view)
	c.exchange(202, "POST", "/v1/orders/A1/query", object{}, view)
	w.awaitQuery("A1")
	c.exchange(429, "POST", "/v1/orders/A1/query", nil, view)
	c.exchange(200, "GET", "/v1/orders/A1", nil, key)
	c.exchange(201, "POST", "/v1/orders/A1/tokens", nil, key)
	if a := w.callback("A1", sandbox.StateSucceeded, 8801); a.status != 200 { // another amount: a case
		t.Errorf("callback: %d", a.status)
	}
	c.exchange(200, "GET", "/v1/orders/A1", nil, key)
	c.exchange(200, "GET", "/v1/orders/A1", nil, view)
	c.exchange(404, "GET", "/v1/orders/Z1", nil, key)
	c.exchange(400, "GET", "/v1/orders/A1?after=-1", nil, key)

	c.exchange(201, "POST", "/v1/orders", with(registration("P1"), "mode", "pushed"), key)
	push := func(status int, id string, body object) {
		c.exchange(status, "POST", "/v1/orders/P1/updates", body, key, header{"Idempotency-Key": id})
	}
	push(200, "1", object{"type": "confirming"})
	push(200, "2", object{"type": "retrying", "attempt": 2, "next_attempt_at": order.At(time.Now().Add(time.Hour))})
	push(200, "3", object{"type": "succeeded"})
	push(200, "4", object{"type": "refunding", "refund": object{"id": "r", "amount": object{"minor": 8800, "currency": "CNY"}}})
	push(200, "5", object{"type": "refunded", "refund": object{"id": "r", "credited_at": order.At(time.Now())}})
	push(409, "5", object{"type": "failed"})
	push(422, "6", object{"type": "x"})
	c.exchange(200, "GET", "/v1/orders/P1", nil, key)
	c.exchange(409, "POST", "/v1/orders/A1/updates", object{"type": "closed"}, key, header{"Idempotency-Key": "7"})
	c.exchange(200, "GET", "/v1/orders?limit=1", nil, key)
	c.exchange(200, "GET", "/v1/orders?status=confirming&diagnosis=callback_rejected", nil, key)
	c.exchange(400, "GET", "/v1/orders?cursor=AAAA", nil, key)

	c.exchange(404, "POST", "/v1/callbacks/nowhere", nil)
	c.exchange(426, "GET", "/v1/live", nil)
	c.exchange(200, "GET", "/healthz", nil)
	c.exchange(200, "GET", "/readyz", nil)
	c.exchange(200, "GET", "/metrics", nil)
	c.exchange(200, "GET", "/pay/A1?k="+r.ViewToken, nil)
	c.exchange(404, "GET", "/pay/A1?k=x", nil)
}

// TestEveryCodeIsDescribed compares the codes in the source with the description's list.
func TestEveryCodeIsDescribed(t *testing.T) {
	t.Parallel()
	doc, _ := openAPI(t, "http://localhost")
	var described []string
	for _, code := range doc.Components.Schemas["ProblemCode"].Value.Enum {
		described = append(described, code.(string))
	}
	var used []string
	files, err := os.ReadDir(".")
	must(t, err)
	call := regexp.MustCompile(`(?s)problem\([^"()]*(?:\([^)]*\))?[^"()]*"([a-z_]+)"|Err[A-Za-z]+, http\.Status[A-Za-z]+, "([a-z_]+)"|context\.[A-Za-z]+, http\.Status[A-Za-z]+, "([a-z_]+)"|"code":"([a-z_]+)"`)
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".go") || strings.HasSuffix(file.Name(), "_test.go") {
			continue
		}
		source, err := os.ReadFile(file.Name())
		must(t, err)
		for _, m := range call.FindAllStringSubmatch(string(source), -1) {
			used = append(used, m[1]+m[2]+m[3]+m[4])
		}
	}
	used = append(used, "connections", "connections_per_address") // the hub's, of a long poll
	slices.Sort(used)
	used = slices.Compact(used)
	slices.Sort(described)
	if !slices.Equal(used, described) {
		t.Errorf("used      %v\ndescribed %v", used, described)
	}
}

// asJSON turns decoded YAML into what a JSON decoder gives.
func asJSON(t *testing.T, v any) any {
	t.Helper()
	raw, err := json.Marshal(v)
	must(t, err)
	var out any
	must(t, json.Unmarshal(raw, &out))
	return out
}
