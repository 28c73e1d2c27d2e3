package httpapi

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"anxin/engine"
	"anxin/engine/notify"
	"anxin/engine/order"
)

// textPreviewView is one text as it would go out.
type textPreviewView struct {
	Sample    string                `json:"sample"`
	Notice    notify.Notice         `json:"notice"`
	Diagnosis order.Diagnosis       `json:"diagnosis"`
	Language  string                `json:"language"`
	Channel   notify.Channel        `json:"channel"`
	Template  string                `json:"template"`
	Version   int                   `json:"version"`
	Title     string                `json:"title"`
	Body      string                `json:"body"`
	HTML      string                `json:"html"`
	Encoding  string                `json:"encoding"`
	Units     int                   `json:"units"`
	Segments  int                   `json:"segments"`
	Providers []providerPreviewView `json:"providers"`
}

// providerPreviewView is what one provider would be given.
type providerPreviewView struct {
	Name       string             `json:"name"`
	Sends      bool               `json:"sends"`
	TemplateID string             `json:"template_id"`
	Params     []paramPreviewView `json:"params"`
}

type paramPreviewView struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func viewOfPreview(p engine.TemplatePreview) textPreviewView {
	v := textPreviewView{
		p.Sample, p.Notice, p.Diagnosis, p.Language, p.Channel, p.Template, p.Version, p.Text.Title, p.Text.Body, p.Text.HTML,
		p.Size.Encoding, p.Size.Units, p.Size.Segments,
		[]providerPreviewView{},
	}
	for _, s := range p.Providers {
		shown := providerPreviewView{s.Name, s.Sends, s.SMS.ID, []paramPreviewView{}}
		for _, param := range s.SMS.Params {
			shown.Params = append(shown.Params, paramPreviewView(param))
		}
		v.Providers = append(v.Providers, shown)
	}
	return v
}

// previewTemplates answers POST /v1/ops/templates/preview.
func (a *api) previewTemplates(c *fiber.Ctx) error {
	if _, err := a.editor(c); err != nil {
		return err
	}
	var body struct {
		Draft    *templateText `json:"draft"`
		Of       *templateAct  `json:"of"`
		Sample   string        `json:"sample"`
		Brand    string        `json:"brand"`
		Language string        `json:"language"`
		Channel  string        `json:"channel"`
	}
	if err := decodeJSON(c, &body); err != nil {
		return err
	}
	wanted := engine.PreviewWanted{Sample: body.Sample, Brand: body.Brand, Language: body.Language, Channel: notify.Channel(body.Channel)}
	switch {
	case body.Draft != nil && body.Of != nil:
		return &order.FieldError{Field: "of", Reason: "cannot be there beside a draft"}
	case body.Draft != nil:
		t, err := body.Draft.template()
		if err != nil {
			return err
		}
		wanted.Draft = &t
	case body.Of != nil:
		key := body.Of.key()
		wanted.Stored, wanted.Version = &key, int(body.Of.Version)
	}
	ctx, cancel := work()
	defer cancel()
	list, err := a.deps.Engine.PreviewTemplates(ctx, wanted)
	if err != nil {
		return err
	}
	return sendList(c, list, "", viewOfPreview)
}

// tryTemplate answers POST /v1/ops/templates/test.
func (a *api) tryTemplate(c *fiber.Ctx) error {
	actor, err := a.editor(c)
	if err != nil {
		return err
	}
	var body struct {
		Of       templateAct `json:"of"`
		Sample   string      `json:"sample"`
		Via      string      `json:"via"`
		Provider string      `json:"provider"`
		To       string      `json:"to"`
	}
	if err := decodeJSON(c, &body); err != nil {
		return err
	}
	ctx, cancel := work()
	defer cancel()
	sent, err := a.deps.Engine.TrySend(ctx, engine.Trial{
		TemplateKey: body.Of.key(), Version: int(body.Of.Version), Sample: body.Sample, Via: notify.Channel(body.Via),
		Provider: body.Provider, To: body.To, Actor: actor,
	})
	if err != nil {
		return err
	}
	return sendJSON(c, http.StatusOK, viewOfMessage(sent))
}
