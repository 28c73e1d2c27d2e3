package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"anxin/engine/order"
	"anxin/server/httpapi"
)

// previewTimeout bounds the one request of a preview.
const previewTimeout = 10 * time.Second

// previewed is a line of a preview as the command reads it.
type previewed struct {
	Notice   string     `json:"notice"`
	Refund   string     `json:"refund_id"`
	Current  bool       `json:"current"`
	Channel  string     `json:"channel"`
	Action   string     `json:"action"`
	Reason   string     `json:"reason"`
	At       order.Time `json:"at"`
	To       string     `json:"to"`
	Title    string     `json:"title"`
	Body     string     `json:"body"`
	Segments int        `json:"segments"`
}

// runNotify asks a running server what it would tell whom about an order, and prints it, or
// has the providers of the configuration look at their accounts.
func runNotify(ctx context.Context, args []string, getenv func(string) string, out io.Writer) error {
	usage := errors.New("usage: server notify preview [-url URL] [-key KEY] [-text] ORDER_NO, or server notify check")
	if len(args) == 1 && args[0] == "check" {
		return checkProviders(ctx, getenv, out)
	}
	if len(args) == 0 || args[0] != "preview" {
		return usage
	}
	flags := flag.NewFlagSet("notify preview", flag.ContinueOnError)
	flags.SetOutput(out)
	base := flags.String("url", "http://127.0.0.1:8080", "where the server is")
	key := flags.String("key", "dev", "operator key")
	texts := flags.Bool("text", false, "print the texts too")
	if err := flags.Parse(args[1:]); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	if !order.ValidOrderNo(flags.Arg(0)) {
		return usage
	}
	list, err := fetchPreview(ctx, *base, *key, flags.Arg(0))
	if err != nil {
		return err
	}
	return printPreview(list, *texts, out)
}

func fetchPreview(ctx context.Context, base, key, orderNo string) ([]previewed, error) {
	ctx, cancel := context.WithTimeout(ctx, previewTimeout)
	defer cancel()
	address, err := url.JoinPath(base, "v1/ops/orders", orderNo, "notify-preview")
	if err != nil {
		return nil, fmt.Errorf("notify: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("notify: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("notify: %w", err)
	}
	defer resp.Body.Close()
	body := json.NewDecoder(io.LimitReader(resp.Body, 1<<20))
	if resp.StatusCode != http.StatusOK {
		var refused httpapi.Problem
		if err := body.Decode(&refused); err != nil || refused.Code == "" {
			return nil, fmt.Errorf("notify: %s", resp.Status)
		}
		return nil, fmt.Errorf("notify: %s: %s", refused.Code, refused.Detail)
	}
	var answer struct {
		Items []previewed `json:"items"`
	}
	if err := body.Decode(&answer); err != nil {
		return nil, fmt.Errorf("notify: %w", err)
	}
	return answer.Items, nil
}

// printPreview prints a block for each notice and a line for each channel.
func printPreview(list []previewed, texts bool, out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	notice, refund := "", ""
	for _, p := range list {
		if p.Notice != notice || p.Refund != refund {
			notice, refund = p.Notice, p.Refund
			when := "if it came now"
			if p.Current {
				when = "now"
			}
			fmt.Fprintf(table, "%s (%s)\n", strings.TrimSpace(notice+" "+refund), when)
		}
		at := ""
		if p.Action == "wait" {
			at = "until " + p.At.Std().Format(time.RFC3339)
		}
		to := p.To
		if to == "" {
			to = "-"
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\t%s\n", p.Channel, p.Action, to, p.Reason, at)
		if texts && p.Action != "skip" {
			fmt.Fprintf(table, "\t%s\n", strings.ReplaceAll(strings.TrimSpace(p.Title+"\n"+p.Body), "\n", "\n\t"))
		}
	}
	return table.Flush()
}
