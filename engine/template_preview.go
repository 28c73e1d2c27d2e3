package engine

import (
	"cmp"
	"context"
	"strings"
	"time"

	"anxin/engine/notify"
	"anxin/engine/order"
)

// TemplatePreview is one text as it would go out.
type TemplatePreview struct {
	Sample    string
	Notice    notify.Notice // "" = nothing is told: people are looking into it
	Diagnosis order.Diagnosis
	Language  string
	Channel   notify.Channel
	Template  string
	Version   int
	Text      notify.Text
	Size      notify.Size // of an SMS
	Providers []ProviderPreview
}

// ProviderPreview is what one provider would be given.
type ProviderPreview struct {
	Name  string
	Sends bool               // false: it wants an approved template, and there is none
	SMS   notify.SMSTemplate // what it knows the text by; zero = it gets the text
}

// PreviewWanted selects what is previewed. Zero fields select all.
type PreviewWanted struct {
	// Draft is a template that is not in force; only what it would say is previewed.
	Draft    *notify.Template
	Stored   *TemplateKey // as Draft, a version that was written
	Version  int          // of Stored
	Sample   string       // one sample, or all of a notice
	Brand    string       // in whose name; "" = everybody's, or that of the draft
	Language string
	Channel  notify.Channel
}

// The samples of what is about no order.
const (
	sampleCode = "code/lookup"
	sampleTest = "test/provider"
)

// PreviewTemplates writes every sample in every language and for every channel, as it would
// go out. It sends nothing.
func (e *Engine) PreviewTemplates(ctx context.Context, w PreviewWanted) ([]TemplatePreview, error) {
	if e.messages == nil {
		return nil, ErrNoMessages
	}
	catalogue, only, err := e.previewed(ctx, w)
	if err != nil {
		return nil, err
	}
	brand := w.Brand
	if only != nil {
		brand = cmp.Or(only.Brand, brand)
	}
	list := []TemplatePreview{}
	for _, s := range e.samples() {
		for _, language := range catalogue.Languages() {
			for _, c := range notify.Channels {
				if !w.wants(s, language, c) {
					continue
				}
				p, text, err := e.previewTemplate(catalogue, s, language, c, brand)
				if err != nil {
					return nil, err
				}
				if only == nil || isOf(text, *only) {
					list = append(list, p)
				}
			}
		}
	}
	return list, nil
}

// samples are all that templates are tried on.
func (e *Engine) samples() []notify.Sample {
	return append(notify.Samples(now(), e.cfg.Stages), notify.Sample{Name: sampleCode}, notify.Sample{Name: sampleTest})
}

func (w PreviewWanted) wants(s notify.Sample, language string, c notify.Channel) bool {
	if w.Sample != "" && s.Name != w.Sample && !strings.HasPrefix(s.Name, w.Sample+"/") {
		return false
	}
	return c != notify.Robot && (w.Channel == "" || c == w.Channel) && (w.Language == "" || language == w.Language)
}

// previewed returns the catalogue that is previewed, and the one template of it that is to
// be looked at.
func (e *Engine) previewed(ctx context.Context, w PreviewWanted) (*notify.Catalogue, *notify.Template, error) {
	draft := w.Draft
	if w.Stored != nil {
		t, err := e.templateVersion(ctx, *w.Stored, w.Version)
		if err != nil {
			return nil, nil, err
		}
		draft = &t.Template
	} else if draft != nil {
		version, err := e.nextVersion(ctx, keyOf(*draft))
		if err != nil {
			return nil, nil, err
		}
		draft.Version = version
	}
	if draft == nil {
		return e.messages.catalogue.Load(), nil, nil
	}
	catalogue, err := e.messages.draft(*draft)
	return catalogue, draft, err
}

func isOf(text notify.Texted, t notify.Template) bool {
	return text.Version == t.Version && text.Language == t.Language && text.Template == t.Reference()
}

func (e *Engine) previewTemplate(catalogue *notify.Catalogue, s notify.Sample, language string, c notify.Channel, brand string) (TemplatePreview, notify.Texted, error) {
	p := TemplatePreview{Sample: s.Name, Language: language, Channel: c, Providers: []ProviderPreview{}}
	notice, text, frame, err := e.writeSample(catalogue, s, language, c, brand)
	if s.Order.OrderNo != "" {
		p.Diagnosis = s.Order.Diagnosis()
	}
	if err != nil || notice == "" {
		return p, text, err
	}
	p.Notice, p.Template, p.Version, p.Text = notice, text.Template, text.Version, e.textFor(c, text, "", frame, "")
	if c == notify.SMS {
		p.Size = notify.SizeOf(p.Text.Body)
	}
	for _, s := range e.messages.providers[c] {
		p.Providers = append(p.Providers, ProviderPreview{s.Name, s.says(text), text.Providers[s.Name]})
	}
	return p, text, nil
}

// sampleCodeLife is how long the sample's code works, as that of an order lookup.
const sampleCodeLife = 10 * time.Minute

// writeSample writes what is told of a sample, in the name of a brand, or of everybody's.
func (e *Engine) writeSample(catalogue *notify.Catalogue, s notify.Sample, language string, c notify.Channel, brand string) (notify.Notice, notify.Texted, notify.Frame, error) {
	frame := e.frame(notify.Facts{Order: s.Order, Records: s.Records, Refund: s.Refund, Now: now()})
	frame.Language = language
	frame.Brand = cmp.Or(brand, frame.Brand)
	notice := s.Notice()
	var text notify.Texted
	var err error
	switch {
	case s.Name == sampleCode:
		notice = notify.NoticeCode
		text, err = catalogue.RenderCode("482913", sampleCodeLife, c, frame)
	case s.Name == sampleTest:
		notice = notify.NoticeTest
		text, err = catalogue.RenderTest(c, frame)
	case notice != "":
		text, err = catalogue.Render(notice, c, s.Order, frame)
	}
	return notice, text, frame, err
}
