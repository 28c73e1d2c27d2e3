package sandbox

import "time"

// preset is a fate that people choose by name. Its texts are preset.ID.title and
// preset.ID.hint of the catalogues.
type preset struct {
	ID   string
	Plan Plan
}

// presets are in the order in which they are offered. Where a query's fault is to be
// seen, the callback is lost: otherwise it would tell the result before any query.
var presets = []preset{
	{"late", Plan{Outcome: Succeeds, Callback: CallbackPlan{Delay: seconds(12)}, Query: QueryPlan{Processing: 3}}},
	{"fine", Plan{Outcome: Succeeds}},
	{"lost", Plan{Outcome: Succeeds, Callback: CallbackPlan{Lost: true}, Query: QueryPlan{Processing: 1}}},
	// By the default schedule the seventh query is the one two minutes after the claim.
	{"two_minutes", Plan{Outcome: Succeeds, Callback: CallbackPlan{Lost: true}, Query: QueryPlan{Processing: 6}}},
	{"twice", Plan{Outcome: Succeeds, Callback: CallbackPlan{Times: 2}}},
	{"forged", Plan{Outcome: Succeeds, Callback: CallbackPlan{BadSignature: true}, Query: QueryPlan{Processing: 1}}},
	{"wrong_amount", Plan{Outcome: Succeeds, Callback: CallbackPlan{WrongAmount: true}, Query: QueryPlan{Processing: 1}}},
	{"processing", Plan{Outcome: Succeeds, Callback: CallbackPlan{Lost: true}, Query: QueryPlan{Processing: 3}}},
	{"not_found", Plan{Outcome: Succeeds, Callback: CallbackPlan{Lost: true}, Query: QueryPlan{NotFound: 2}}},
	{"timeout", Plan{Outcome: Succeeds, Callback: CallbackPlan{Lost: true}, Query: QueryPlan{Timeout: 2}}},
	{"backend", Plan{Outcome: Succeeds, Backend: BackendPlan{Fail: 3}}},
	{"declined", Plan{Outcome: Declines}},
	{"refunded", Plan{Outcome: Succeeds, Refund: &RefundPlan{After: seconds(10), CreditedAfter: seconds(20)}}},
}

func seconds(n int) Duration { return Duration(time.Duration(n) * time.Second) }

// presetByID returns the preset of that name, else the first one.
func presetByID(id string) preset {
	for _, p := range presets {
		if p.ID == id {
			return p
		}
	}
	return presets[0]
}
