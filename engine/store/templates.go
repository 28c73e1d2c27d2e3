package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"anxin/engine"
	"anxin/engine/notify"
	"anxin/engine/order"
)

const (
	templateColumns = `name, language, channel, brand, version, content, off, actor, at, state, decided_by, decided_at, n, used`
	ofTemplate      = `name = $1 AND language = $2 AND channel = $3 AND brand = $4 AND version = $5`
	nextChange      = `(SELECT COALESCE(MAX(n), 0) + 1 FROM message_templates)`

	sqlTemplateChange = `SELECT n FROM message_templates WHERE ` + ofTemplate
	sqlAddTemplate    = `INSERT INTO message_templates (` + templateColumns + `)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, ` + nextChange + `, CASE WHEN $13 = 1 THEN ` + nextChange + ` ELSE 0 END)`
	sqlChangeTemplate = `UPDATE message_templates SET content = $6, state = $7, decided_by = $8, decided_at = $9, n = ` + nextChange + `,
used = CASE WHEN $10 = 1 THEN ` + nextChange + ` ELSE used END WHERE ` + ofTemplate

	sqlTemplatesChange = `SELECT COALESCE(MAX(n), 0) FROM message_templates`
	sqlTemplatesUsed   = `SELECT ` + templateColumns + ` FROM message_templates WHERE used > 0 ORDER BY used`
)

// templateContent is what of a template has no column of its own.
type templateContent struct {
	Title     string                             `json:"title"`
	Body      string                             `json:"body"`
	Short     string                             `json:"short,omitempty"`
	Providers map[string]notify.ProviderTemplate `json:"providers,omitempty"`
}

func encodeTemplate(t *engine.TemplateWrite) (string, error) {
	if t == nil {
		return "", nil
	}
	return encode(templateContent{t.Title, t.Body, t.Short, t.Providers})
}

// checkTemplate refuses a version that somebody else has written or changed meanwhile.
func (e *encoded) checkTemplate(ctx context.Context, w *writes) error {
	if e.Messages == nil || e.Messages.Template == nil {
		return nil
	}
	t, n := e.Messages.Template, int64(0)
	err := w.templateChange.one(ctx, t.Name, t.Language, string(t.Channel), t.Brand, t.Version).Scan(&n)
	switch {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return fmt.Errorf("check template: %w", err)
	}
	if n != t.N {
		return engine.ErrConflict
	}
	return nil
}

func (e *encoded) writeTemplate(ctx context.Context, w *writes) error {
	t := e.Messages.Template
	if t == nil {
		return nil
	}
	key := []any{t.Name, t.Language, string(t.Channel), t.Brand, t.Version, e.template}
	use := asInt(t.Use)
	var err error
	if t.N == 0 {
		_, err = w.run(ctx, "write template", w.addTemplate, append(key, asInt(t.Off), t.Actor, int64(t.At), string(t.State), t.DecidedBy, int64(t.DecidedAt), use)...)
	} else {
		_, err = w.run(ctx, "change template", w.changeTemplate, append(key, string(t.State), t.DecidedBy, int64(t.DecidedAt), use)...)
	}
	return err
}

func asInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func scanTemplate(r row) (engine.StoredTemplate, error) {
	var t engine.StoredTemplate
	var content string
	var off, at, decided int64
	err := r.Scan(&t.Name, &t.Language, &t.Channel, &t.Brand, &t.Version, &content, &off, &t.Actor, &at, &t.State, &t.DecidedBy, &decided, &t.N, &t.Used)
	if err != nil {
		return t, err
	}
	t.Off, t.At, t.DecidedAt = off != 0, order.Time(at), order.Time(decided)
	var c templateContent
	err = decode(content, &c)
	t.Title, t.Body, t.Short, t.Providers = c.Title, c.Body, c.Short, c.Providers
	return t, err
}

// TemplatesChange returns the number of the newest change; see engine.TemplateStore.
func (s *Store) TemplatesChange(ctx context.Context) (n int64, err error) {
	if err := s.reads.templatesChange.QueryRowContext(ctx).Scan(&n); err != nil {
		return 0, fmt.Errorf("read change of templates: %w", err)
	}
	return n, nil
}

// Templates returns the templates in force; see engine.TemplateStore.
func (s *Store) Templates(ctx context.Context) ([]engine.StoredTemplate, error) {
	rows, err := s.reads.templatesUsed.QueryContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("read templates: %w", err)
	}
	return inForce(rows)
}

// StoredTemplates returns the templates in force of a database that another process may have
// open, and changes nothing. One that is not there is fs.ErrNotExist.
func StoredTemplates(ctx context.Context, dsn string) (list []engine.StoredTemplate, err error) {
	path, err := pathOf(dsn)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil { // opening would make one
		return nil, fmt.Errorf("open database: %w", err)
	}
	s := &Store{}
	defer func() { err = errors.Join(err, s.closeAll()) }()
	if path, err = filepath.Abs(path); err != nil {
		return nil, fmt.Errorf("resolve path: %w", err)
	}
	pool, err := s.connect(ctx, path, readerPragmas, 1)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	rows, err := pool.QueryContext(ctx, sqlTemplatesUsed)
	if err != nil {
		return nil, fmt.Errorf("read templates: %w", err)
	}
	return inForce(rows)
}

// inForce reads of each template the one that was put in force last.
func inForce(rows *sql.Rows) ([]engine.StoredTemplate, error) {
	all, err := collect(rows, scanTemplate)
	if err != nil {
		return nil, fmt.Errorf("read templates: %w", err)
	}
	type key struct{ name, language, channel, brand string }
	newest := make(map[key]int) // place in the answer; a later one of the list was put in force later
	var list []engine.StoredTemplate
	for _, t := range all {
		k := key{t.Name, t.Language, string(t.Channel), t.Brand}
		if i, ok := newest[k]; ok {
			list[i] = t
			continue
		}
		newest[k] = len(list)
		list = append(list, t)
	}
	return list, nil
}

// TemplateVersions lists versions, newest first; see engine.TemplateStore.
func (s *Store) TemplateVersions(ctx context.Context, f engine.TemplateFilter) ([]engine.StoredTemplate, error) {
	var c conditions
	c.equal("name", f.Name)
	c.equal("language", f.Language)
	c.equal("state", string(f.State))
	if f.One {
		c.add("channel = ?", string(f.Channel))
		c.add("brand = ?", f.Brand)
	}
	query, args := c.list("SELECT "+templateColumns+" FROM message_templates", "version DESC, name, language, channel, brand", bounded(f.Limit))
	rows, err := s.reads.pool.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list templates: %w", err)
	}
	list, err := collect(rows, scanTemplate)
	if err != nil {
		return nil, fmt.Errorf("list templates: %w", err)
	}
	return list, nil
}
