package engine

import (
	"context"

	"anxin/engine/notify"
	"anxin/engine/order"
)

// TemplateStore keeps the wording that people write. A version's text never changes; what
// becomes of it does.
type TemplateStore interface {
	// Templates returns the versions in force: of each template the one that was put in
	// force last.
	Templates(ctx context.Context) ([]StoredTemplate, error)
	// TemplatesChange returns a number that rises with every change of any version.
	TemplatesChange(ctx context.Context) (int64, error)
	// TemplateVersions lists versions, the highest first, at most f.Limit.
	TemplateVersions(ctx context.Context, f TemplateFilter) ([]StoredTemplate, error)
}

// StoredTemplate is one version of a template that a person wrote.
type StoredTemplate struct {
	notify.Template
	Actor     string
	At        order.Time
	Off       bool // it says nothing itself: what stands in the configuration, or built in, holds again
	State     notify.Approval
	DecidedBy string // who approved or rejected it
	DecidedAt order.Time
	N         int64 // number of its newest change, given by the store
	Used      int64 // number of the change that put it in force, 0 = none did
}

// TemplateWrite writes a version as it is now. N is the number of the newest change that
// the writer knows of, 0 for a new version; another one is ErrConflict. Use puts it in force.
type TemplateWrite struct {
	StoredTemplate
	Use bool
}

// TemplateFilter selects versions. Zero fields select all.
type TemplateFilter struct {
	Name     string
	Language string
	State    notify.Approval
	One      bool // of exactly this channel and brand, also when these are empty
	Channel  notify.Channel
	Brand    string
	Limit    int
}
