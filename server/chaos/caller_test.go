package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"time"
)

// calls carries the world's requests. Each payer has an address of its own.
var calls = &http.Client{
	Timeout:   20 * time.Second,
	Transport: &http.Transport{MaxIdleConnsPerHost: 256, MaxConnsPerHost: 256},
}

// try does one request. An error means that nobody knows what became of it.
func (w *world) try(f *fate, method, path string, header http.Header, body []byte) (int, []byte, error) {
	req, err := http.NewRequestWithContext(w.ctx, method, w.server.base()+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Forwarded-For", fmt.Sprintf("10.%d.%d.%d", f.index>>16&255, f.index>>8&255, f.index&255))
	maps.Copy(req.Header, header)
	resp, err := calls.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

var (
	asBackend  = http.Header{"Authorization": {"Bearer " + apiKey}}
	asOperator = http.Header{"Authorization": {"Bearer " + operatorKey}}
)

// insist does a request as the merchant's backend until it is answered with anything
// but a failure, through as many deaths of the server as it takes.
func (w *world) insist(f *fate, method, path string, header http.Header, content any) (int, []byte) {
	body, err := json.Marshal(content)
	if err != nil {
		panic(err)
	}
	for w.server.await(w.ctx) {
		status, answer, err := w.try(f, method, path, header, body)
		if err == nil && status < 500 && status != http.StatusTooManyRequests {
			return status, answer
		}
		wait(w.ctx, 50*time.Millisecond)
	}
	return 0, nil
}

func with(h http.Header, name, value string) http.Header {
	h = h.Clone()
	h.Set(name, value)
	return h
}

func decode[T any](w *world, f *fate, raw []byte) T {
	var v T
	if err := json.Unmarshal(raw, &v); err != nil && w.ctx.Err() == nil {
		w.wrongs.add("answer", "%s: %v in %s", f.no, err, raw)
	}
	return v
}

// ended reports whether the run was broken off.
func ended(ctx context.Context) bool { return ctx.Err() != nil }
