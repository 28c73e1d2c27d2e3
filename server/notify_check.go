package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"anxin/engine/notify"
	"anxin/server/config"
)

// inspectTimeout bounds what one provider may take for all that it is asked.
const inspectTimeout = 30 * time.Second

// errProviderFindings ends the command with a failure that scripts see.
var errProviderFindings = errors.New("notify: not all providers can work")

// checkProviders has every configured provider of messages look at its account: whether
// credentials and sender are accepted, and the templates that the configuration file names.
// It sends nothing to anybody.
func checkProviders(ctx context.Context, getenv func(string) string, out io.Writer) error {
	cfg, err := config.Load(getenv)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	failed := false
	for _, p := range cfg.Notifications.Providers {
		fmt.Fprintf(table, "%s (%s)\n", p.Name, p.Kind)
		for _, f := range inspect(ctx, cfg, p) {
			fmt.Fprintf(table, "  %s\t%s", f.State, f.Subject)
			if f.Code != "" {
				fmt.Fprintf(table, "\t%s", f.Code)
			}
			fmt.Fprintln(table)
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
func inspect(ctx context.Context, cfg config.Config, p config.Provider) []notify.Finding {
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
	return inspector.Inspect(ctx, templateIDs(cfg.Notifications.Templates, p.Name))
}

// templateIDs are the ids by which a provider is to know templates.
func templateIDs(list []notify.Template, provider string) []string {
	var ids []string
	for _, t := range list {
		if known, ok := t.Providers[provider]; ok {
			ids = append(ids, known.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
