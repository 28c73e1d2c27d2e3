package httpapi

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"anxin/engine"
	"anxin/engine/notify"
	"anxin/engine/order"
)

// Templates is what the API asks about the wording of messages.
type Templates interface {
	TemplatesInForce() ([]notify.InForce, error)
	TemplateVersions(ctx context.Context, f engine.TemplateFilter) ([]engine.StoredTemplate, error)
	WriteTemplate(ctx context.Context, t notify.Template, actor, reason string) (engine.StoredTemplate, error)
	DecideTemplate(ctx context.Context, d engine.TemplateDecision) (engine.StoredTemplate, error)
	UseTemplate(ctx context.Context, k engine.TemplateKey, version int, actor, reason string) (engine.StoredTemplate, error)
	PreviewTemplates(ctx context.Context, w engine.PreviewWanted) ([]engine.TemplatePreview, error)
	TrySend(ctx context.Context, t engine.Trial) (notify.Record, error)
}

const templatesPath = "/v1/ops/templates"

// maxVersions bounds a list of versions: each may have 24 KB of text.
const maxVersions = 100

// templateText is the content of a template in requests and answers.
type templateText struct {
	Name      string             `json:"name"`
	Language  string             `json:"language"`
	Channel   string             `json:"channel"` // "" = all
	Brand     string             `json:"brand"`   // "" = all
	Title     string             `json:"title"`
	Body      string             `json:"body"`
	Short     string             `json:"short"`
	Providers []templateProvider `json:"providers"`
}

// templateProvider is how a provider knows a template.
type templateProvider struct {
	Provider string          `json:"provider"`
	ID       string          `json:"id"`
	Approval string          `json:"approval"`
	Params   []templateParam `json:"params"`
}

type templateParam struct {
	Name string `json:"name"`
	Var  string `json:"var"`
}

// template reads the content. A provider that is there twice is refused, as a map would
// hide it.
func (t templateText) template() (notify.Template, error) {
	out := notify.Template{
		Name: t.Name, Language: t.Language, Channel: notify.Channel(t.Channel), Brand: t.Brand, Title: t.Title, Body: t.Body, Short: t.Short,
	}
	for _, p := range t.Providers {
		if _, twice := out.Providers[p.Provider]; twice || p.Provider == "" {
			return out, &order.FieldError{Field: "providers", Reason: "each must have a name, and be there once"}
		}
		if out.Providers == nil {
			out.Providers = make(map[string]notify.ProviderTemplate)
		}
		known := notify.ProviderTemplate{ID: p.ID, Approval: notify.Approval(p.Approval)}
		for _, param := range p.Params {
			known.Params = append(known.Params, notify.ProviderParam(param))
		}
		out.Providers[p.Provider] = known
	}
	return out, nil
}

func textOfTemplate(t notify.Template) templateText {
	v := templateText{
		Name: t.Name, Language: t.Language, Channel: string(t.Channel), Brand: t.Brand, Title: t.Title, Body: t.Body, Short: t.Short,
		Providers: []templateProvider{},
	}
	for name, p := range t.Providers {
		known := templateProvider{Provider: name, ID: p.ID, Approval: string(p.Approval), Params: []templateParam{}}
		for _, param := range p.Params {
			known.Params = append(known.Params, templateParam(param))
		}
		v.Providers = append(v.Providers, known)
	}
	slices.SortFunc(v.Providers, func(a, b templateProvider) int {
		if a.Provider < b.Provider {
			return -1
		}
		return 1
	})
	return v
}

// inForceView is a template that is sent.
type inForceView struct {
	templateText
	Version int           `json:"version"`
	Origin  notify.Origin `json:"origin"`
}

// opsTemplates answers GET /v1/ops/templates with what is in force.
func (a *api) opsTemplates(c *fiber.Ctx) error {
	if err := a.wholeList(c); err != nil {
		return err
	}
	list, err := a.deps.Engine.TemplatesInForce()
	if err != nil {
		return err
	}
	return sendList(c, list, "", func(t notify.InForce) inForceView {
		return inForceView{textOfTemplate(t.Template), t.Version, t.Origin}
	})
}

// variableView is what a template may say.
type variableView struct {
	Notice   notify.Notice  `json:"notice"`
	Name     string         `json:"name"`
	Type     notify.VarKind `json:"type"`
	Required bool           `json:"required"`
}

// opsVariables answers GET /v1/ops/templates/variables.
func (a *api) opsVariables(c *fiber.Ctx) error {
	if err := a.wholeList(c); err != nil {
		return err
	}
	return sendList(c, notify.Variables(), "", func(v notify.Variable) variableView {
		return variableView{v.Notice, v.Name, v.Kind, v.Required}
	})
}

// versionView is one version that a person wrote.
type versionView struct {
	templateText
	Version   int             `json:"version"`
	Off       bool            `json:"off"`
	State     notify.Approval `json:"state"`
	Actor     string          `json:"actor"`
	At        order.Time      `json:"at"`
	DecidedBy string          `json:"decided_by"`
	DecidedAt order.Time      `json:"decided_at"`
	WasUsed   bool            `json:"was_used"`
}

func viewOfVersion(t engine.StoredTemplate) versionView {
	return versionView{textOfTemplate(t.Template), t.Version, t.Off, t.State, t.Actor, t.At, t.DecidedBy, t.DecidedAt, t.Used > 0}
}

var versionFilters = map[string]func(f *engine.TemplateFilter, v string) bool{
	"name":     func(f *engine.TemplateFilter, v string) bool { f.Name = v; return v != "" },
	"language": func(f *engine.TemplateFilter, v string) bool { f.Language = v; return v != "" },
	"channel": func(f *engine.TemplateFilter, v string) bool {
		f.One, f.Channel = true, notify.Channel(v)
		return v == "" || slices.Contains(notify.Channels, f.Channel)
	},
	"brand": func(f *engine.TemplateFilter, v string) bool { f.One, f.Brand = true, v; return true },
	"state": func(f *engine.TemplateFilter, v string) bool {
		f.State = notify.Approval(v)
		return slices.Contains([]notify.Approval{notify.ApprovalPending, notify.ApprovalApproved, notify.ApprovalRejected}, f.State)
	},
	"limit": func(f *engine.TemplateFilter, v string) bool {
		return readLimit(&f.Limit, v) && f.Limit <= maxVersions
	},
}

// opsVersions answers GET /v1/ops/templates/versions, the highest first.
func (a *api) opsVersions(c *fiber.Ctx) error {
	if _, err := a.operator(c); err != nil {
		return err
	}
	f := engine.TemplateFilter{Limit: maxVersions}
	if err := readQuery(c, &f, versionFilters); err != nil {
		return err
	}
	ctx, cancel := work()
	defer cancel()
	list, err := a.deps.Engine.TemplateVersions(ctx, f)
	if err != nil {
		return err
	}
	return sendList(c, list, "", viewOfVersion)
}

// editor admits operators to acts on templates, each so many a second: a preview writes some
// hundred texts, and a test is a message that costs.
func (a *api) editor(c *fiber.Ctx) (string, error) {
	actor, err := a.operator(c)
	if err != nil {
		return "", err
	}
	if wait := a.limits.templates.take(actor, time.Now()); wait > 0 {
		return "", problem(http.StatusTooManyRequests, "rate_limited", "too many acts on templates with this key").retry(wait)
	}
	return actor, nil
}

// writeTemplate answers POST /v1/ops/templates with the new version.
func (a *api) writeTemplate(c *fiber.Ctx) error {
	actor, err := a.editor(c)
	if err != nil {
		return err
	}
	var body struct {
		Template *templateText `json:"template"`
		Reason   string        `json:"reason"`
	}
	if err := decodeJSON(c, &body); err != nil {
		return err
	}
	if body.Template == nil {
		return &order.FieldError{Field: "template", Reason: "must be there"}
	}
	t, err := body.Template.template()
	if err != nil {
		return err
	}
	ctx, cancel := work()
	defer cancel()
	written, err := a.deps.Engine.WriteTemplate(ctx, t, actor, body.Reason)
	if err != nil {
		return err
	}
	return sendJSON(c, http.StatusCreated, viewOfVersion(written))
}

// templateAct is an act on one version.
type templateAct struct {
	Name     string `json:"name"`
	Language string `json:"language"`
	Channel  string `json:"channel"`
	Brand    string `json:"brand"`
	Version  int64  `json:"version"`
}

func (t templateAct) key() engine.TemplateKey {
	return engine.TemplateKey{Name: t.Name, Language: t.Language, Channel: notify.Channel(t.Channel), Brand: t.Brand}
}

// decideTemplate answers POST /v1/ops/templates/decide.
func (a *api) decideTemplate(c *fiber.Ctx) error {
	actor, err := a.editor(c)
	if err != nil {
		return err
	}
	var body struct {
		Of       templateAct `json:"of"`
		Provider string      `json:"provider"`
		Approval string      `json:"approval"`
		Reason   string      `json:"reason"`
	}
	if err := decodeJSON(c, &body); err != nil {
		return err
	}
	ctx, cancel := work()
	defer cancel()
	decided, err := a.deps.Engine.DecideTemplate(ctx, engine.TemplateDecision{
		TemplateKey: body.Of.key(), Version: int(body.Of.Version), Provider: body.Provider, Approval: notify.Approval(body.Approval),
		Actor: actor, Reason: body.Reason,
	})
	if err != nil {
		return err
	}
	return sendJSON(c, http.StatusOK, viewOfVersion(decided))
}

// useTemplate answers POST /v1/ops/templates/use.
func (a *api) useTemplate(c *fiber.Ctx) error {
	actor, err := a.editor(c)
	if err != nil {
		return err
	}
	var body struct {
		Of     templateAct `json:"of"`
		Reason string      `json:"reason"`
	}
	if err := decodeJSON(c, &body); err != nil {
		return err
	}
	ctx, cancel := work()
	defer cancel()
	used, err := a.deps.Engine.UseTemplate(ctx, body.Of.key(), int(body.Of.Version), actor, body.Reason)
	if err != nil {
		return err
	}
	return sendJSON(c, http.StatusOK, viewOfVersion(used))
}
