package httpapi

import (
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"anxin/engine"
	"anxin/engine/order"
)

// promisesSpan is the span of a summary that names none.
const promisesSpan = 24 * time.Hour

// promisesView is how well the promises to payers were kept.
type promisesView struct {
	Since order.Time    `json:"since"`
	Until order.Time    `json:"until"`
	Kinds []promiseView `json:"kinds"`
}

type promiseView struct {
	Kind      engine.PromiseKind `json:"kind"`
	Shown     int64              `json:"shown"`
	Open      int64              `json:"open"`
	Kept      int64              `json:"kept"`
	Late      int64              `json:"late"`
	Early     int64              `json:"early"`
	Replaced  int64              `json:"replaced"`
	Void      int64              `json:"void"`
	ShareKept *float64           `json:"share_kept"` // of kept, late and early; null without any
	P50       int64              `json:"late_by_p50_ms"`
	P99       int64              `json:"late_by_p99_ms"`
}

func promiseViewOf(s engine.PromiseScore) promiseView {
	v := promiseView{
		Kind: s.Kind, Shown: s.Shown(), Open: s.Outcomes[engine.PromiseOpen], Kept: s.Outcomes[engine.PromiseKept],
		Late: s.Outcomes[engine.PromiseBroken], Early: s.Outcomes[engine.PromiseEarly],
		Replaced: s.Outcomes[engine.PromiseReplaced], Void: s.Outcomes[engine.PromiseVoid],
		P50: s.P50.Milliseconds(), P99: s.P99.Milliseconds(),
	}
	if tested := s.Tested(); tested > 0 {
		share := float64(v.Kept) / float64(tested)
		v.ShareKept = &share
	}
	return v
}

// promiseSummary answers GET /v1/promises/summary: to a backend of its own orders, to an
// operator of all.
func (a *api) promiseSummary(c *fiber.Ctx) error {
	backend, err := a.backendOrOperator(c)
	if err != nil {
		return err
	}
	filter, err := promiseFilterOf(c)
	if err != nil {
		return err
	}
	filter.Backend = backend
	ctx, cancel := work()
	defer cancel()
	scores, err := a.deps.Engine.PromiseSummary(ctx, filter)
	if err != nil {
		return err
	}
	answer := promisesView{Since: filter.Since, Until: filter.Until, Kinds: make([]promiseView, 0, len(scores))}
	for _, s := range scores {
		answer.Kinds = append(answer.Kinds, promiseViewOf(s))
	}
	return sendJSON(c, fiber.StatusOK, answer)
}

// backendOrOperator admits api keys, and returns the name, and operator keys with "".
func (a *api) backendOrOperator(c *fiber.Ctx) (string, error) {
	if _, ok := a.deps.Operators.Name(bearer(c)); ok {
		return "", nil
	}
	return a.backend(c)
}

func promiseFilterOf(c *fiber.Ctx) (engine.PromiseFilter, error) {
	var f engine.PromiseFilter
	seen := make(map[string]bool)
	for k, v := range c.Context().QueryArgs().All() {
		var ok bool
		name := string(k)
		switch name {
		case "since":
			ok = readTime(&f.Since, string(v))
		case "until":
			ok = readTime(&f.Until, string(v))
		case "channel":
			f.Channel, ok = string(v), channelName.Match(v)
		default:
			return f, badParameter(clip(strings.ToValidUTF8(name, "?")), "there is no such parameter")
		}
		if seen[name] || !ok {
			return f, badParameter(name, "is not valid, or there twice")
		}
		seen[name] = true
	}
	if f.Until == 0 {
		f.Until = order.At(time.Now())
	}
	if f.Since == 0 {
		f.Since = f.Until.Add(-promisesSpan)
	}
	return f, nil
}
