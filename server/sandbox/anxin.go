package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"anxin/engine/order"
)

// registration is what the shop says of an order at POST /v1/orders.
type registration struct {
	OrderNo   string      `json:"order_no"`
	Channel   string      `json:"channel"`
	Mode      order.Mode  `json:"mode"`
	Amount    order.Money `json:"amount"`
	Subject   string      `json:"subject"`
	Payer     order.Payer `json:"payer"`
	Links     order.Links `json:"links"`
	ExpiresAt order.Time  `json:"expires_at"`
}

// maxRegistered bounds the answer to a registration, which carries a whole order.
const maxRegistered = 256 << 10

// register tells Anxin about an order and returns the payer's page.
func (s *Sandbox) register(ctx context.Context, r registration) (string, error) {
	raw, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("write registration: %w", err)
	}
	answer, err := s.call(ctx, "/v1/orders", raw)
	if err != nil {
		return "", err
	}
	var registered struct {
		PageURL string `json:"page_url"`
	}
	if err := json.Unmarshal(answer, &registered); err != nil {
		return "", fmt.Errorf("read registration: %w", err)
	}
	return s.absolute(registered.PageURL)
}

// claim tells Anxin that the payer is back from the cashier.
func (s *Sandbox) claim(ctx context.Context, orderNo string) error {
	_, err := s.call(ctx, "/v1/orders/"+orderNo+"/claim", nil)
	return err
}

// call posts to Anxin as the shop's backend. Any answer but 2xx is an error; its body
// is not repeated there, because it may hold what no log may.
func (s *Sandbox) call(ctx context.Context, path string, content []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.cfg.BaseURL+path, bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", path, err)
	}
	request.Header.Set("Authorization", "Bearer "+s.cfg.APIKey)
	if len(content) > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w: %w", path, errAnxin, err)
	}
	defer func() { _ = response.Body.Close() }() // read to its bound
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxRegistered))
	if err != nil {
		return nil, fmt.Errorf("call %s: %w: %w", path, errAnxin, err)
	}
	if response.StatusCode/100 != 2 {
		return nil, fmt.Errorf("call %s: %w: status %d", path, errAnxin, response.StatusCode)
	}
	return answer, nil
}

// absolute resolves a page's address against the base URL; other schemes than http and
// https are no pages.
func (s *Sandbox) absolute(address string) (string, error) {
	base, err := url.Parse(s.cfg.BaseURL)
	if err != nil {
		return "", fmt.Errorf("read base URL: %w", err)
	}
	page, err := base.Parse(address)
	if err != nil || address == "" || (page.Scheme != "http" && page.Scheme != "https") {
		return "", fmt.Errorf("page address: %w", errAnxin)
	}
	return page.String(), nil
}
