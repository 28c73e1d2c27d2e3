package httpapi_test

import (
	"bytes"
	"errors"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"anxin/engine/channel/sandbox"
	"anxin/engine/order"
	"anxin/hub"
)

// asyncAPI is what the tests read of the description.
type asyncAPI struct {
	Info struct {
		CloseCodes []struct {
			Code      hub.CloseCode `yaml:"code"`
			Reconnect bool          `yaml:"reconnect"`
			Reason    string        `yaml:"reason"`
		} `yaml:"x-close-codes"`
	} `yaml:"info"`
	Components struct {
		Messages map[string]struct {
			Payload struct {
				Ref string `yaml:"$ref"`
			} `yaml:"payload"`
		} `yaml:"messages"`
		Schemas map[string]any `yaml:"schemas"`
	} `yaml:"components"`
}

func loadAsyncAPI(t *testing.T) (asyncAPI, map[string]*jsonschema.Schema) {
	t.Helper()
	raw, err := os.ReadFile("asyncapi.yaml")
	must(t, err)
	var doc asyncAPI
	must(t, yaml.Unmarshal(raw, &doc))
	var whole any
	must(t, yaml.Unmarshal(raw, &whole))
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft7) // what AsyncAPI 3.0 builds on
	must(t, compiler.AddResource("file:///asyncapi.json", asJSON(t, whole)))
	schemas := map[string]*jsonschema.Schema{}
	for name, message := range doc.Components.Messages {
		schemas[name], err = compiler.Compile("file:///asyncapi.json" + message.Payload.Ref)
		must(t, err)
	}
	return doc, schemas
}

// live is one session that records and checks every frame, both ways.
type live struct {
	t       *testing.T
	conn    *websocket.Conn
	schemas map[string]*jsonschema.Schema
	seen    map[string]bool
}

func (w *world) live(schemas map[string]*jsonschema.Schema) *live {
	w.t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{hub.Subprotocol}, HandshakeTimeout: patience}
	conn, resp, err := dialer.DialContext(w.t.Context(), "ws"+strings.TrimPrefix(w.base, "http")+"/v1/live", nil)
	must(w.t, err)
	_ = resp.Body.Close()
	w.t.Cleanup(func() { _ = conn.Close() })
	must(w.t, conn.SetReadDeadline(time.Now().Add(patience)))
	return &live{t: w.t, conn: conn, schemas: schemas, seen: map[string]bool{}}
}

func (l *live) check(raw []byte) map[string]any {
	l.t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	must(l.t, err)
	frame := v.(map[string]any)
	kind := frame["type"].(string)
	schema, ok := l.schemas[kind]
	if !ok {
		l.t.Fatalf("frame %s is not described", raw)
	}
	if err := schema.Validate(v); err != nil {
		l.t.Errorf("%s: %v", raw, err)
	}
	l.seen[kind] = true
	return frame
}

func (l *live) send(frame object) {
	l.t.Helper()
	raw := mustJSON(l.t, frame)
	l.check([]byte(raw))
	must(l.t, l.conn.WriteMessage(websocket.TextMessage, []byte(raw)))
}

// next reads frames up to the first of a kind.
func (l *live) next(kind string) map[string]any {
	l.t.Helper()
	for {
		_, raw, err := l.conn.ReadMessage()
		must(l.t, err)
		if frame := l.check(raw); frame["type"] == kind {
			return frame
		}
	}
}

func TestRealFramesAreAsDescribed(t *testing.T) {
	t.Parallel()
	_, schemas := loadAsyncAPI(t)
	w := setup(t)
	r := w.register(registration("A1"))
	l := w.live(schemas)
	topic := "order:A1"
	l.send(object{"type": "subscribe", "topic": topic, "token": "forged"})
	if code := l.next("error")["code"]; code != "forbidden" {
		t.Errorf("a forged token: %v", code)
	}
	l.send(object{"type": "subscribe", "topic": topic, "token": r.ViewToken})
	l.next("snapshot")
	l.send(object{"type": "ping"})
	l.next("pong")
	w.want(http.StatusOK, "POST", "/v1/orders/A1/claim", nil, bearer(shopKey))
	l.next("update")
	l.send(object{"type": "seen", "topic": topic, "seq": 1})
	l.send(object{"type": "act", "topic": topic, "name": "support_opened"})
	w.callback("A1", sandbox.StateSucceeded, 8800)
	var last map[string]any
	for last == nil || last["data"].(map[string]any)["status"] != string(order.StatusSucceeded) {
		last = l.next("update")
	}
	l.send(object{"type": "unsubscribe", "topic": topic})
	l.send(object{"type": "subscribe", "topic": topic, "token": r.ViewToken, "after": last["seq"]})
	l.next("current")
	go w.hub.Drain(t.Context(), time.Millisecond)
	l.next("reconnect")
	if all := slices.Sorted(maps.Keys(schemas)); !slices.Equal(all, slices.Sorted(maps.Keys(l.seen))) {
		t.Errorf("described %v, exchanged %v", all, slices.Sorted(maps.Keys(l.seen)))
	}
	var closed *websocket.CloseError
	for closed == nil {
		if _, _, err := l.conn.ReadMessage(); err != nil && !errors.As(err, &closed) {
			t.Fatalf("the drain ended with %v", err)
		}
	}
	if closed.Code != int(hub.CloseRestart) {
		t.Errorf("closed with %d", closed.Code)
	}
}

func TestTheDescribedCodesAreTheHubs(t *testing.T) {
	t.Parallel()
	doc, _ := loadAsyncAPI(t)
	codes := hub.CloseCodes()
	if len(codes) != len(doc.Info.CloseCodes) {
		t.Fatalf("%d close codes are described, the hub has %d", len(doc.Info.CloseCodes), len(codes))
	}
	for i, c := range codes {
		if d := doc.Info.CloseCodes[i]; d.Code != c.Code || d.Reconnect != c.Reconnect || d.Reason != c.Reason {
			t.Errorf("described %+v, the hub has %+v", d, c)
		}
	}
	var described []string
	properties := doc.Components.Schemas["Error"].(map[string]any)["properties"].(map[string]any)
	for _, code := range properties["code"].(map[string]any)["enum"].([]any) {
		described = append(described, code.(string))
	}
	var existing []string
	for _, info := range hub.ErrorCodes() {
		existing = append(existing, string(info.Code))
	}
	if !slices.Equal(described, existing) {
		t.Errorf("described %v, the hub has %v", described, existing)
	}
}

func TestTheDescribedEventsAreThePublicOnes(t *testing.T) {
	t.Parallel()
	doc, _ := loadAsyncAPI(t)
	properties := doc.Components.Schemas["UpdateFrame"].(map[string]any)["properties"].(map[string]any)
	for _, event := range properties["event"].(map[string]any)["enum"].([]any) {
		// Boards of announcements and inboxes are no orders.
		if event != "" && event != "announcement.changed" && event != "inbox.changed" && !order.EventType(event.(string)).Public() {
			t.Errorf("%v is not public", event)
		}
	}
}
