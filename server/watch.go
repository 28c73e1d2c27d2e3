package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"anxin/engine/order"
	"anxin/hub/client"
)

// watchTimeout bounds the one request that fetches a view token.
const watchTimeout = 10 * time.Second

// runWatch follows one order live and prints a line for each frame until there is a
// result: what a payer's page would show, for terminals and scripts.
func runWatch(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("watch", flag.ContinueOnError)
	flags.SetOutput(out)
	base := flags.String("url", "http://127.0.0.1:8080", "where the server is")
	key := flags.String("key", "dev", "api key that may issue a view token")
	token := flags.String("token", "", "view token to use instead of a key")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	orderNo := flags.Arg(0)
	if !order.ValidOrderNo(orderNo) {
		return errors.New("usage: server watch [-url URL] [-key KEY | -token TOKEN] ORDER_NO")
	}
	if *token == "" {
		issued, err := fetchToken(ctx, *base, *key, orderNo)
		if err != nil {
			return err
		}
		*token = issued
	}
	return follow(ctx, *base, orderNo, *token, out)
}

// follow prints frames until the order is final or refused.
func follow(ctx context.Context, base, orderNo, token string, out io.Writer) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	done := errors.New("result is known")
	c, err := client.New(client.Config{
		URL:   "ws" + strings.TrimPrefix(strings.TrimSuffix(base, "/"), "http") + "/v1/live",
		Token: func(context.Context, string) (string, error) { return token, nil },
		Handle: func(f client.Frame) {
			if f.Type == client.Error {
				stop(fmt.Errorf("watch: %s: %s", f.Code, f.Message))
				return
			}
			var p order.Progress
			if err := json.Unmarshal(f.Data, &p); err != nil {
				return // a `current` frame carries no state
			}
			fmt.Fprintln(out, frameLine(f, p))
			if p.Status.Final() {
				stop(done)
			}
		},
		Disconnected: func(err error, next time.Duration) {
			fmt.Fprintf(out, "%s  connection lost, again in %s\n", time.Now().Format(time.TimeOnly), next.Round(time.Millisecond))
		},
	})
	if err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	c.Subscribe(orderTopic + orderNo)
	err = c.Run(ctx)
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if errors.Is(err, done) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// frameLine is one frame in words.
func frameLine(f client.Frame, p order.Progress) string {
	event := f.Event
	if event == "" {
		event = f.Type
	}
	line := fmt.Sprintf("%s  seq %-3d %-16s %-16s", f.Now.Format("15:04:05.000"), f.Seq, event, p.Status)
	switch {
	case p.Attempting:
		line += fmt.Sprintf("  check #%d is running", p.Attempt)
	case p.NextAttemptAt != 0:
		line += fmt.Sprintf("  check #%d at %s", p.Attempt+1, p.NextAttemptAt.Std().Format("15:04:05.000"))
	case p.Result != nil && p.Result.Refund != nil:
		line += fmt.Sprintf("  refund %s %s", p.Result.Refund.Amount.Decimal(), p.Result.Refund.Amount.Currency)
	case p.Step != order.StepNone:
		line += "  " + string(p.Step)
	}
	return line
}

func fetchToken(ctx context.Context, base, key, orderNo string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, watchTimeout)
	defer cancel()
	address, err := url.JoinPath(base, "v1/orders", orderNo, "tokens")
	if err != nil {
		return "", fmt.Errorf("watch: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader([]byte("{}")))
	if err != nil {
		return "", fmt.Errorf("watch: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("watch: %w", err)
	}
	defer resp.Body.Close()
	var answer struct {
		ViewToken string `json:"view_token"`
		Detail    string `json:"detail"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&answer); err != nil {
		return "", fmt.Errorf("watch: read token: %w", err)
	}
	if answer.ViewToken == "" {
		return "", fmt.Errorf("watch: no token for %s: %s %s", orderNo, resp.Status, answer.Detail)
	}
	return answer.ViewToken, nil
}
