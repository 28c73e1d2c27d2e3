package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"anxin/engine/notify"
	"anxin/engine/store"
	"anxin/server/config"
)

// inspectTimeout bounds what one provider may take for all that it is asked.
const inspectTimeout = 30 * time.Second

// errProviderFindings ends the command with a failure that scripts see.
var errProviderFindings = errors.New("notify: not all providers can work")

// checkProviders has every configured provider of messages look at its account: whether
// credentials and sender are accepted, and the templates that it is to know: those of the
// configuration file, and what people made of them while the server ran, as far as there is
// a database. It sends nothing to anybody, and may run beside the server.
func checkProviders(ctx context.Context, getenv func(string) string, out io.Writer) error {
	cfg, err := config.Load(getenv)
	if err != nil {
		return err
	}
	templates, err := templatesInForce(ctx, cfg)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	failed := false
	for _, p := range cfg.Notifications.Providers {
		fmt.Fprintf(table, "%s (%s)\n", p.Name, p.Kind)
		ids := templateIDs(templates, p.Name)
		for _, f := range inspect(ctx, cfg, p, slices.Sorted(maps.Keys(ids))) {
			printFinding(table, f, ids)
			failed = failed || f.State == notify.FindingFailed
		}
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	if failed {
		return errProviderFindings
	}
	return nil
}

// inspect opens one provider and has it look. That it cannot be opened is a finding like
// any other.
func inspect(ctx context.Context, cfg config.Config, p config.Provider, templates []string) []notify.Finding {
	provider, err := openProvider(cfg, p)
	if err != nil {
		return []notify.Finding{{Subject: "account", State: notify.FindingFailed, Code: err.Error()}}
	}
	if closes, ok := provider.(interface{ Close() }); ok {
		defer closes.Close()
	}
	inspector, ok := provider.(notify.Inspector)
	if !ok { // gateways, browsers and robots answer to messages only
		return []notify.Finding{{Subject: "credentials", State: notify.FindingUnknown, Code: "not_asked"}}
	}
	ctx, cancel := context.WithTimeout(ctx, inspectTimeout)
	defer cancel()
	return inspector.Inspect(ctx, templates)
}

// printFinding prints one line, with where a template that it is about comes from.
func printFinding(out io.Writer, f notify.Finding, ids map[string][]notify.Origin) {
	columns := []string{string(f.State), f.Subject}
	if f.Code != "" {
		columns = append(columns, f.Code)
	}
	id, _ := strings.CutPrefix(f.Subject, "template ")
	for _, origin := range ids[id] {
		columns = append(columns, sources[origin])
	}
	fmt.Fprintf(out, "  %s\n", strings.Join(columns, "\t"))
}

var sources = map[notify.Origin]string{
	notify.OriginBuiltIn: "built in", notify.OriginFile: "of the file", notify.OriginWritten: "edited",
}

// templatesInForce are those of the configuration, and over them what was edited. Without a
// database there is nothing of that.
func templatesInForce(ctx context.Context, cfg config.Config) ([]notify.InForce, error) {
	catalogue, err := notify.NewCatalogue(cfg.Notifications.Templates)
	if err != nil {
		return nil, fmt.Errorf("notify: %w", err)
	}
	stored, err := store.StoredTemplates(ctx, cfg.DatabaseURL.Reveal())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return catalogue.Templates(), nil
	case err != nil:
		return nil, fmt.Errorf("notify: %w", err)
	}
	var edited []notify.Template
	for _, t := range stored {
		if !t.Off {
			edited = append(edited, t.Template)
		}
	}
	if catalogue, err = catalogue.With(edited); err != nil {
		return nil, fmt.Errorf("notify: %w", err)
	}
	return catalogue.Templates(), nil
}

// templateIDs are the ids by which a provider is to know templates, and where these were
// written.
func templateIDs(list []notify.InForce, provider string) map[string][]notify.Origin {
	ids := make(map[string][]notify.Origin)
	for _, t := range list {
		known, ok := t.Providers[provider]
		if ok && !slices.Contains(ids[known.ID], t.Origin) {
			ids[known.ID] = append(ids[known.ID], t.Origin)
		}
	}
	return ids
}
