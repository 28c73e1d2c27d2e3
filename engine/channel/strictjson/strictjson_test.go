package strictjson

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

type sample struct {
	ID    string            `json:"id"`
	Total int               `json:"total"`
	Part  *sample           `json:"part"`
	List  []sample          `json:"list"`
	Words map[string]string `json:"words"`
	Kind  string            `json:"kind"`
}

func TestNamesThatTwoReadersUnderstandDifferently(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]struct{ strict, known string }{
		`{"id":"a","total":1}`:             {"", ""},
		`{"id":"a","other":1}`:             {ReasonUnknownField, ""},
		`{"id":"a","id":"b"}`:              {ReasonRepeated, ReasonRepeated},
		`{"id":"a","i\u0064":"b"}`:         {ReasonRepeated, ReasonRepeated},
		`{"id":"a","ID":"b"}`:              {ReasonUnknownField, ReasonRepeated},
		"{\"kind\":\"a\",\"\u212aind\":1}": {ReasonUnknownField, ReasonRepeated},
		`{"part":{"id":"a","id":"b"}}`:     {ReasonRepeated, ReasonRepeated},
		`{"list":[{"id":"a"},{"id":"b"}]}`: {"", ""},
		`{"other":{"x":1,"x":2}}`:          {ReasonRepeated, ReasonRepeated},
		`{"id":1}`:                         {ReasonWrongType, ReasonWrongType},
		`[{"id":"a"}]`:                     {ReasonSyntax, ReasonSyntax},
		`{"id":"a"}{}`:                     {ReasonSyntax, ReasonSyntax},
		``:                                 {ReasonSyntax, ReasonSyntax},
		`null`:                             {ReasonSyntax, ReasonSyntax},
	} {
		var s sample
		if got := reasonOf(t, Decode([]byte(body), &s)); got != want.strict {
			t.Errorf("Decode %s: %q, want %q", body, got, want.strict)
		}
		if got := reasonOf(t, DecodeKnown([]byte(body), &s)); got != want.known {
			t.Errorf("DecodeKnown %s: %q, want %q", body, got, want.known)
		}
	}
}

func reasonOf(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	read, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("%v is no *Error", err)
	}
	return read.Reason
}

// FuzzDecode holds both readers against the standard one: what they accept, that reads
// the same.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"id":"a","total":3,"part":{"list":[{}]},"words":{"x":"y"}}`, `{"id":"a","Id":"b"}`, `{"id":"a","id":"b"}`,
		`{"id":null}`, `{"part":{"list":[{}]}}`, `{}{}`, `[`, "\xff", `{"\ud800":1}`, `{"a\\":{"b\"":1}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var standard sample
		wrong := json.Unmarshal(body, &standard)
		for name, decode := range map[string]func([]byte, any) error{"Decode": Decode, "DecodeKnown": DecodeKnown} {
			var got sample
			if err := decode(body, &got); err != nil {
				reasonOf(t, err)
			} else if wrong != nil || !reflect.DeepEqual(got, standard) {
				t.Fatalf("%s read %+v, the standard decoder %+v, %v", name, got, standard, wrong)
			}
		}
	})
}

func TestRepetitionIsFoundHoweverManyNamesThereAre(t *testing.T) {
	t.Parallel()
	for n := 1; n < 3*fewNames; n++ {
		var names []string
		for i := range n {
			names = append(names, fmt.Sprintf(`"n%d":{"n%d":1}`, i, i))
		}
		distinct := strings.Join(names, ",")
		var into map[string]any
		if err := DecodeKnown([]byte("{"+distinct+"}"), &into); err != nil || len(into) != n {
			t.Fatalf("%d names: %d read, %v", n, len(into), err)
		}
		for i := range n {
			if got := reasonOf(t, DecodeKnown(fmt.Appendf(nil, `{%s,"N%d":1}`, distinct, i), &into)); got != ReasonRepeated {
				t.Fatalf("name %d of %d: %q", i, n, got)
			}
		}
	}
}
