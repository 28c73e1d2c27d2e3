package httpapi

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"anxin/engine"
	"anxin/engine/order"
)

const (
	defaultPage = 50
	maxPage     = 200 // some 400 KB of JSON
)

// sendList answers with a page of a list, whose items are shown by view. A list that the
// configuration bounds has one page: next is "".
func sendList[T, V any](c *fiber.Ctx, list []T, next string, view func(T) V) error {
	page := struct {
		Items      []V     `json:"items"`
		NextCursor *string `json:"next_cursor"` // null = the end
	}{make([]V, 0, len(list)), nullable(next)}
	for _, item := range list {
		page.Items = append(page.Items, view(item))
	}
	return sendJSON(c, fiber.StatusOK, page)
}

func nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// list answers GET /v1/orders with the caller's orders, newest first.
func (a *api) list(c *fiber.Ctx) error {
	backend, err := a.backend(c)
	if err != nil {
		return err
	}
	filter, err := filterOf(c)
	if err != nil {
		return err
	}
	filter.Backend = backend
	ctx, cancel := work()
	defer cancel()
	orders, next, err := a.deps.Engine.Orders(ctx, filter)
	if err != nil {
		return err
	}
	return sendList(c, orders, next, viewOf)
}

// filters reads each parameter of a list. One that is not here is refused: a mistyped
// filter must not look like a list of everything.
var filters = map[string]func(f *engine.Filter, value string) bool{
	"status": func(f *engine.Filter, v string) bool {
		f.Status = order.Status(v)
		return slices.Contains(statuses, f.Status)
	},
	"diagnosis": func(f *engine.Filter, v string) bool {
		f.Diagnosis = order.Diagnosis(v)
		return slices.Contains(diagnoses, f.Diagnosis)
	},
	"stage": func(f *engine.Filter, v string) bool {
		f.Stage = order.Stage(v)
		return slices.Contains(stages, f.Stage)
	},
	"channel": func(f *engine.Filter, v string) bool { f.Channel = v; return channelName.MatchString(v) },
	"since":   func(f *engine.Filter, v string) bool { return readTime(&f.Since, v) },
	"until":   func(f *engine.Filter, v string) bool { return readTime(&f.Until, v) },
	"cursor":  func(f *engine.Filter, v string) bool { f.Cursor = v; return true },
	"limit":   func(f *engine.Filter, v string) bool { return readLimit(&f.Limit, v) },
}

var (
	statuses = []order.Status{
		order.StatusAwaiting, order.StatusConfirming, order.StatusSucceeded, order.StatusFailed,
		order.StatusClosed, order.StatusRefunding, order.StatusRefunded,
	}
	diagnoses = []order.Diagnosis{
		order.DiagnosisHealthy, order.DiagnosisPayerUnpaid, order.DiagnosisCallbackMissing, order.DiagnosisChannelSilent,
		order.DiagnosisChannelUnreachable, order.DiagnosisCallbackRejected, order.DiagnosisProcessingFailed,
		order.DiagnosisConflict, order.DiagnosisResolved,
	}
	stages = []order.Stage{order.Fresh, order.Delayed, order.Prolonged, order.Resolved}
)

func readTime(t *order.Time, v string) bool {
	return t.UnmarshalJSON([]byte(strconv.Quote(v))) == nil && *t != 0
}

func filterOf(c *fiber.Ctx) (engine.Filter, error) {
	f := engine.Filter{Limit: defaultPage}
	err := readQuery(c, &f, filters)
	return f, err
}

// readQuery reads the parameters of a list into its filter, strictly.
func readQuery[F any](c *fiber.Ctx, f *F, known map[string]func(f *F, value string) bool) error {
	seen := make(map[string]bool)
	for k, v := range c.Context().QueryArgs().All() {
		name := string(k)
		read, ok := known[name]
		switch {
		case !ok:
			return badParameter(clip(strings.ToValidUTF8(name, "?")), "there is no such parameter")
		case seen[name] || !read(f, string(v)):
			return badParameter(name, "is not valid, or there twice")
		}
		seen[name] = true
	}
	return nil
}

func readLimit(limit *int, v string) bool {
	n, err := strconv.Atoi(v)
	*limit = n
	return err == nil && n >= 1 && n <= maxPage
}
