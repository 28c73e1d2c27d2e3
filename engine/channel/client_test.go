package channel_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"anxin/engine/channel"
)

const limit = 1000

// read asks a server through a Client and reads the answer.
func read(t *testing.T, answer http.HandlerFunc) (*http.Response, []byte, error) {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	client := channel.Client(nil, limit)
	t.Cleanup(client.CloseIdleConnections)
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response, body, err
}

func TestAnswersAreReadToTheLimitAndNotBeyond(t *testing.T) {
	t.Parallel()
	for length, fits := range map[int]bool{0: true, 1: true, limit: true, limit + 1: false, 100 * limit: false} {
		_, body, err := read(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", length)) })
		if (err == nil) != fits || (fits && len(body) != length) {
			t.Errorf("%d bytes: read %d, error %v", length, len(body), err)
		}
		if failed, ok := errors.AsType[*channel.QueryError](channel.TransportError(err)); !fits && (!ok || failed.Code != channel.CodeMalformed) {
			t.Errorf("%d bytes: %v", length, err)
		}
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	asked := 0
	response, _, err := read(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	})
	if err != nil || response.StatusCode != http.StatusFound || asked != 1 {
		t.Errorf("status %d after %d requests, error %v", response.StatusCode, asked, err)
	}
}

func TestClientLeavesAloneWhatItWasGiven(t *testing.T) {
	t.Parallel()
	given := &http.Client{Timeout: time.Second}
	if own := channel.Client(given, limit); own.Timeout != time.Second || given.CheckRedirect != nil || given.Transport != nil {
		t.Errorf("own %+v, given %+v", own, given)
	}
}
