package httpapi

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"anxin/engine/order"
)

func TestDecodingGivesWhatWasMeant(t *testing.T) {
	t.Parallel()
	var u updateInput
	body := `{"type":"refunding","attempt":3,"refund":{"id":"r","amount":{"minor":5,"currency":"JPY"},"credited_at":null},"next_attempt_at":"2026-01-02T03:04:05+08:00"}`
	if err := decodeStrict([]byte(body), &u); err != nil {
		t.Fatal(err)
	}
	want := updateInput{
		Type: "refunding", Attempt: 3, NextAttemptAt: 1767294245000,
		Refund: &refundInput{ID: "r", Amount: &order.Money{Minor: 5, Currency: "JPY"}},
	}
	if !reflect.DeepEqual(u, want) {
		t.Errorf("got %+v, want %+v", u, want)
	}
}

func TestDecodingKeepsNothingOfTheBody(t *testing.T) {
	t.Parallel()
	var r registration
	body := []byte(`{"subject":"tickets","payer":{"push":["device"]}}`)
	if err := decodeStrict(body, &r); err != nil {
		t.Fatal(err)
	}
	for i := range body {
		body[i] = 'x' // as Fiber does with the next request
	}
	if r.Subject != "tickets" || r.Payer.Push[0] != "device" {
		t.Errorf("got %+v", r)
	}
}

// FuzzDecode holds the strict decoder against the standard one: what it accepts, that
// accepts too and reads the same; what it refuses is always a problem.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"order_no":"A1","amount":{"minor":1,"currency":"CNY"},"payer":{"id":"p","push":["d"]},"expires_at":"2026-01-02T03:04:05Z"}`,
		`{"amount":{"minor":1e2}}`, `{"amount":{"minor":1,"minor":2}}`, `{"payer":null}`, `[]`, `{"a":{}}`, `{"subject":"\u0000"}`, `{} {}`, `{"links":{"detail":3}}`,
		`{"payer":{"push":[[]]}}`, "\xff", `{"subject":"\ud800"}`, `{"":1}`, `{"amount"`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var strict, standard registration
		if err := decodeStrict(body, &strict); err != nil {
			if refused, ok := errors.AsType[*Problem](err); !ok || refused.Status < 400 || refused.Status >= 500 {
				t.Fatalf("%v is no problem of the caller's", err)
			}
			return
		}
		if err := json.Unmarshal(body, &standard); err != nil {
			t.Fatalf("accepted what is no JSON of a registration: %v", err)
		}
		if len(strict.Payer.Push) == 0 && len(standard.Payer.Push) == 0 {
			strict.Payer.Push, standard.Payer.Push = nil, nil
		}
		if !reflect.DeepEqual(strict, standard) {
			t.Fatalf("read %+v, the standard decoder %+v", strict, standard)
		}
	})
}
