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
	"os"
	"strings"
	"time"

	"anxin/server/httpapi"
)

const (
	// uploadTimeout is what the server gives a settlement file to arrive and to be stored.
	uploadTimeout = 4 * time.Minute
	// The import is asked about until it is done: soon at first, then ever more rarely, as
	// each answer counts all rows of the file.
	settleSoon  = 200 * time.Millisecond
	settleLater = 5 * time.Second
)

// imported is what the command reads of a settlement.
type imported struct {
	ID        string `json:"id"`
	State     string `json:"state"`
	Rows      int    `json:"rows"`
	Moved     int    `json:"moved"`
	Unchanged int    `json:"unchanged"`
	Cases     int    `json:"cases"`
	NoOrder   int    `json:"no_order"`
	BadCount  int    `json:"bad_count"`
	Bad       []struct {
		Line int    `json:"line"`
		Code string `json:"code"`
	} `json:"bad"`
}

// errBadLines ends the command with a failure that scripts see; the rest was imported.
var errBadLines = errors.New("settle: the file has lines that cannot be read; the others were imported")

// runSettle sends a settlement file to a running server and prints what became of it.
// Running it again with the same file is safe: what was cut off goes on.
func runSettle(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("settle", flag.ContinueOnError)
	flags.SetOutput(out)
	base := flags.String("url", "http://127.0.0.1:8080", "where the server is")
	key := flags.String("key", "dev", "operator key")
	currency := flags.String("currency", "", "currency of a file that names none")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	if flags.NArg() != 2 {
		return errors.New("usage: server settle [-url URL] [-key KEY] [-currency CODE] FILE CHANNEL")
	}
	file, err := os.Open(flags.Arg(0))
	if err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	query := url.Values{"channel": {flags.Arg(1)}}
	if *currency != "" {
		query.Set("currency", *currency)
	}
	at := strings.TrimSuffix(*base, "/") + "/v1/ops/settlements"
	s, err := callSettle(ctx, http.MethodPost, at+"?"+query.Encode(), *key, file)
	for wait := settleSoon; err == nil && s.State != "done"; wait = min(2*wait, settleLater) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("settle: %w; the server goes on with %s", ctx.Err(), s.ID)
		case <-time.After(wait):
		}
		s, err = callSettle(ctx, http.MethodGet, at+"/"+s.ID, *key, http.NoBody)
	}
	if err != nil {
		return err
	}
	return printSettlement(s, out)
}

func printSettlement(s imported, out io.Writer) error {
	fmt.Fprintf(out, "%s: %d rows, %d moved their orders, %d were known, %d opened a case, %d have no order, %d cannot be read\n",
		s.ID, s.Rows, s.Moved, s.Unchanged, s.Cases, s.NoOrder, s.BadCount)
	for _, bad := range s.Bad {
		fmt.Fprintf(out, "line %d: %s\n", bad.Line, bad.Code)
	}
	if s.BadCount > 0 {
		return errBadLines
	}
	return nil
}

func callSettle(ctx context.Context, method, address, key string, body io.Reader) (imported, error) {
	ctx, cancel := context.WithTimeout(ctx, uploadTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return imported{}, fmt.Errorf("settle: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "text/csv")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return imported{}, fmt.Errorf("settle: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusBadRequest {
		var refused httpapi.Problem
		if err := json.NewDecoder(resp.Body).Decode(&refused); err != nil || refused.Code == "" {
			return imported{}, fmt.Errorf("settle: %s", resp.Status)
		}
		return imported{}, fmt.Errorf("settle: %s: %s", refused.Code, refused.Detail)
	}
	var s imported
	if err := json.NewDecoder(resp.Body).Decode(&s); err != nil {
		return imported{}, fmt.Errorf("settle: %w", err)
	}
	return s, nil
}
