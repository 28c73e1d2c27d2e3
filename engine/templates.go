package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

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

// wording is what the catalogue in force is made from.
type wording struct {
	mu      sync.Mutex // guards what follows, and that the newest catalogue is the one in force
	base    *notify.Catalogue
	written []notify.Template
	change  int64 // the newest that was taken in
}

// rebase puts what people wrote over other templates of the configuration.
func (m *messages) rebase(base *notify.Catalogue) error {
	m.wording.mu.Lock()
	defer m.wording.mu.Unlock()
	over, err := base.With(m.wording.written)
	if err != nil {
		return fmt.Errorf("take templates: %w", err)
	}
	m.wording.base = base
	m.catalogue.Store(over)
	return nil
}

// take puts what people wrote over the templates of the configuration.
func (m *messages) take(list []StoredTemplate, change int64) error {
	m.wording.mu.Lock()
	defer m.wording.mu.Unlock()
	if change < m.wording.change {
		return nil // somebody else has read more
	}
	var written []notify.Template
	for _, t := range list {
		if !t.Off {
			written = append(written, t.Template)
		}
	}
	over, err := m.wording.base.With(written)
	if err != nil {
		return fmt.Errorf("take templates: %w", err)
	}
	m.wording.written, m.wording.change = written, change
	m.catalogue.Store(over)
	return nil
}

// configured is the catalogue without what people wrote.
func (m *messages) configured() *notify.Catalogue {
	m.wording.mu.Lock()
	defer m.wording.mu.Unlock()
	return m.wording.base
}

func (m *messages) changeTaken() int64 {
	m.wording.mu.Lock()
	defer m.wording.mu.Unlock()
	return m.wording.change
}

// loadTemplates takes in what is in force, if it has changed. One that is written while it
// reads has a higher number than the one it read first, and is found by the next look.
func (e *Engine) loadTemplates(ctx context.Context) error {
	if e.messages == nil {
		return nil
	}
	change, err := e.deps.Store.TemplatesChange(ctx)
	if err != nil || change == e.messages.changeTaken() {
		return err
	}
	list, err := e.deps.Store.Templates(ctx)
	if err != nil {
		return err
	}
	return e.messages.take(list, change)
}

// templatesEvery is how soon every node knows of a change: the text that an operator puts
// right is wrong for as long.
const templatesEvery = 2 * time.Second

// followTemplates takes in what people write at other nodes, until ctx ends. What cannot be
// used leaves the templates as they are.
func (e *Engine) followTemplates(ctx context.Context) {
	tick := time.NewTicker(templatesEvery)
	defer tick.Stop()
	said := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := e.loadTemplates(ctx)
		if err == nil || ctx.Err() != nil {
			said = ""
			continue
		}
		if said != err.Error() {
			said = err.Error()
			e.deps.Log.WithError(err).Error("the templates stay as they were")
		}
	}
}

// Errors of acts on templates.
var (
	ErrNoTemplate       = errors.New("there is no such version of the template")
	ErrTemplateChanged  = errors.New("somebody else changed the template meanwhile")
	ErrNotApproved      = errors.New("the version is not approved")
	ErrTemplateInForce  = errors.New("the version is in force")
	ErrTooManyTemplates = errors.New("the template has too many versions")
)
