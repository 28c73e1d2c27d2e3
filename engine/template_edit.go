package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"anxin/engine/notify"
	"anxin/engine/order"
)

// MaxTemplateVersions bounds the versions of one template: they are never deleted, since
// messages name them.
const MaxTemplateVersions = 500

// TemplateKey is what there is one template in force of.
type TemplateKey struct {
	Name     string
	Language string
	Channel  notify.Channel // "" = all
	Brand    string         // "" = all
}

func keyOf(t notify.Template) TemplateKey {
	return TemplateKey{t.Name, t.Language, t.Channel, t.Brand}
}

// at names a version in the audit.
func (k TemplateKey) at(version int) string {
	parts := []string{k.Name, k.Language, string(k.Channel), k.Brand}
	return fmt.Sprintf("%s v%d", strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "/"), version)
}

// TemplatesInForce lists what is sent, by name and language.
func (e *Engine) TemplatesInForce() ([]notify.InForce, error) {
	if e.messages == nil {
		return nil, ErrNoMessages
	}
	return e.messages.catalogue.Load().Templates(), nil
}

// TemplateVersions lists versions that people wrote, the highest first.
func (e *Engine) TemplateVersions(ctx context.Context, f TemplateFilter) ([]StoredTemplate, error) {
	return e.deps.Store.TemplateVersions(ctx, f)
}

// WriteTemplate adds a version, above all that there are, which waits for its approval. It
// fails with a *notify.TemplateError.
func (e *Engine) WriteTemplate(ctx context.Context, t notify.Template, actor, reason string) (StoredTemplate, error) {
	m := e.messages
	if m == nil {
		return StoredTemplate{}, ErrNoMessages
	}
	if err := validReason(reason); err != nil {
		return StoredTemplate{}, err
	}
	for range maxRaces {
		version, err := e.nextVersion(ctx, keyOf(t))
		if err != nil {
			return StoredTemplate{}, err
		}
		t.Version = version
		if _, err := m.draft(t); err != nil {
			return StoredTemplate{}, err
		}
		stored := StoredTemplate{Template: t, Actor: actor, At: now(), State: notify.ApprovalPending}
		err = e.changeTemplate(ctx, TemplateWrite{StoredTemplate: stored}, "templates.write", actor, reason)
		if !errors.Is(err, ErrTemplateChanged) {
			return stored, err
		}
	}
	return StoredTemplate{}, ErrBusy
}

// draft returns the catalogue as it would be with a version in force.
func (m *messages) draft(t notify.Template) (*notify.Catalogue, error) {
	return m.configured().With([]notify.Template{t})
}

// nextVersion is above every text that had the key so far, so that a message's record
// names one text.
func (e *Engine) nextVersion(ctx context.Context, k TemplateKey) (int, error) {
	list, err := e.deps.Store.TemplateVersions(ctx, TemplateFilter{
		Name: k.Name, Language: k.Language, One: true, Channel: k.Channel, Brand: k.Brand, Limit: MaxTemplateVersions,
	})
	if err != nil {
		return 0, err
	}
	if len(list) == MaxTemplateVersions {
		return 0, ErrTooManyTemplates
	}
	highest := 1 // of the built-in ones, also where this one narrows them
	for _, t := range e.messages.configured().Templates() {
		if keyOf(t.Template) == k {
			highest = max(highest, t.Version)
		}
	}
	if len(list) > 0 {
		highest = max(highest, list[0].Version)
	}
	return highest + 1, nil
}

// TemplateDecision is a person's word on a version, or what a provider said of the template
// that it knows by an id.
type TemplateDecision struct {
	TemplateKey
	Version  int
	Provider string // "" = on the version itself
	Approval notify.Approval
	Actor    string
	Reason   string
}

// DecideTemplate approves or rejects a version; one that is approved is in force from then
// on. With a provider it says how far that has got with its template: only an approved one
// is sent by it.
func (e *Engine) DecideTemplate(ctx context.Context, d TemplateDecision) (StoredTemplate, error) {
	if err := d.validate(); err != nil {
		return StoredTemplate{}, err
	}
	t, err := e.templateVersion(ctx, d.TemplateKey, d.Version)
	if err != nil {
		return StoredTemplate{}, err
	}
	w := TemplateWrite{StoredTemplate: t}
	action := "templates." + string(d.Approval)
	if d.Provider != "" {
		p, ok := t.Providers[d.Provider]
		if !ok {
			return StoredTemplate{}, &order.FieldError{Field: "provider", Reason: "the version has no template of this provider"}
		}
		p.Approval = d.Approval
		w.Providers = maps.Clone(t.Providers)
		w.Providers[d.Provider] = p
		action += "_by_provider"
	} else {
		inForce, err := e.inForce(ctx, t)
		switch {
		case err != nil:
			return StoredTemplate{}, err
		case inForce && d.Approval != notify.ApprovalApproved:
			return StoredTemplate{}, ErrTemplateInForce
		}
		w.State, w.DecidedBy, w.DecidedAt = d.Approval, d.Actor, now()
		w.Use = d.Approval == notify.ApprovalApproved
	}
	if err := e.usable(w); err != nil {
		return StoredTemplate{}, err
	}
	return w.StoredTemplate, e.changeTemplate(ctx, w, action, d.Actor, d.Reason)
}

func (d TemplateDecision) validate() error {
	if !slices.Contains([]notify.Approval{notify.ApprovalApproved, notify.ApprovalRejected}, d.Approval) &&
		(d.Provider == "" || d.Approval != notify.ApprovalPending) {
		return &order.FieldError{Field: "approval", Reason: "must be approved or rejected, or of a provider pending"}
	}
	return validReason(d.Reason)
}

// usable reports why a version cannot be in force.
func (e *Engine) usable(w TemplateWrite) error {
	if e.messages == nil {
		return ErrNoMessages
	}
	if w.Off {
		return nil
	}
	_, err := e.messages.draft(w.Template)
	return err
}

// UseTemplate puts an approved version in force again, or with version 0 what stands in the
// configuration or is built in. What was sent stays what it was.
func (e *Engine) UseTemplate(ctx context.Context, k TemplateKey, version int, actor, reason string) (StoredTemplate, error) {
	if err := validReason(reason); err != nil {
		return StoredTemplate{}, err
	}
	if version == 0 {
		return e.withoutTemplate(ctx, k, actor, reason)
	}
	t, err := e.templateVersion(ctx, k, version)
	switch {
	case err != nil:
		return StoredTemplate{}, err
	case t.State != notify.ApprovalApproved:
		return StoredTemplate{}, ErrNotApproved
	}
	w := TemplateWrite{StoredTemplate: t, Use: true}
	if err := e.usable(w); err != nil {
		return StoredTemplate{}, err
	}
	return t, e.changeTemplate(ctx, w, "templates.use", actor, reason)
}

// withoutTemplate writes a version that says nothing itself. There must be one that it
// takes the place of.
func (e *Engine) withoutTemplate(ctx context.Context, k TemplateKey, actor, reason string) (StoredTemplate, error) {
	if e.messages == nil {
		return StoredTemplate{}, ErrNoMessages
	}
	written := slices.ContainsFunc(e.messages.catalogue.Load().Templates(), func(t notify.InForce) bool {
		return t.Origin == notify.OriginWritten && keyOf(t.Template) == k
	})
	if !written {
		return StoredTemplate{}, ErrNoTemplate
	}
	version, err := e.nextVersion(ctx, k)
	if err != nil {
		return StoredTemplate{}, err
	}
	at := now()
	off := StoredTemplate{
		Template: notify.Template{Name: k.Name, Language: k.Language, Channel: k.Channel, Brand: k.Brand, Version: version},
		Actor:    actor, At: at, Off: true, State: notify.ApprovalApproved, DecidedBy: actor, DecidedAt: at,
	}
	return off, e.changeTemplate(ctx, TemplateWrite{StoredTemplate: off, Use: true}, "templates.use", actor, reason)
}

// templateVersion reads one version that a person wrote.
func (e *Engine) templateVersion(ctx context.Context, k TemplateKey, version int) (StoredTemplate, error) {
	list, err := e.deps.Store.TemplateVersions(ctx, TemplateFilter{
		Name: k.Name, Language: k.Language, One: true, Channel: k.Channel, Brand: k.Brand, Limit: MaxTemplateVersions,
	})
	if err != nil {
		return StoredTemplate{}, err
	}
	i := slices.IndexFunc(list, func(t StoredTemplate) bool { return t.Version == version && keyOf(t.Template) == k })
	if i < 0 {
		return StoredTemplate{}, ErrNoTemplate
	}
	return list[i], nil
}

// inForce reports whether a version is the one that was put in force last.
func (e *Engine) inForce(ctx context.Context, t StoredTemplate) (bool, error) {
	list, err := e.deps.Store.Templates(ctx)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(list, func(other StoredTemplate) bool {
		return keyOf(other.Template) == keyOf(t.Template) && other.Version == t.Version
	}), nil
}

// changeTemplate commits a change with its audit, and takes it in at this node at once.
func (e *Engine) changeTemplate(ctx context.Context, w TemplateWrite, action, actor, reason string) error {
	audit := &Audit{At: now(), Actor: actor, Action: action, Target: keyOf(w.Template).at(w.Version), Reason: reason}
	err := e.commit(ctx, Commit{Messages: &MessageWrites{Template: &w}, Audit: audit})
	switch {
	case errors.Is(err, ErrConflict):
		return ErrTemplateChanged
	case err != nil:
		return fmt.Errorf("store template: %w", err)
	}
	return e.loadTemplates(ctx)
}
