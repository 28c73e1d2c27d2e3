package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"anxin/hub"
)

func TestFilesAreShared(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ files, live, waits, most int }{
		{files: 0, live: 50_000, waits: 10_000, most: 20_000},
		{files: 1 << 20, live: 50_000, waits: 10_000, most: 20_000},
		{files: 20_000, live: 11_666, waits: 2917, most: 5834},
		{files: 1024, live: 597, waits: 149, most: 299},
		{files: 200, live: 90, waits: 23, most: 46},
		{files: 10, live: 1, waits: 1, most: 1},
	} {
		live, entrance := shareFiles(c.files, hub.Limits{})
		if live.MaxConnections != c.live || live.MaxWaits != c.waits || entrance.Most != c.most || entrance.MostOf > c.most {
			t.Errorf("of %d files: %+v, %+v", c.files, live, entrance)
		}
	}
	if live, _ := shareFiles(1024, hub.Limits{MaxConnections: 10}); live.MaxConnections != 10 {
		t.Errorf("what is configured is %d", live.MaxConnections)
	}
}

func TestTheLogTellsWhichLimitsHold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		files      int
		configured hub.Limits
		want       []logrus.Level
	}{
		{files: 1 << 20},
		{files: 1024, want: []logrus.Level{logrus.InfoLevel}},
		{files: 1024, configured: hub.Limits{MaxConnections: 500, MaxWaits: 100}},
		{files: 1024, configured: hub.Limits{MaxConnections: 600}, want: []logrus.Level{logrus.WarnLevel}},
		{files: 1024, configured: hub.Limits{MaxWaits: 600}, want: []logrus.Level{logrus.WarnLevel}},
	} {
		log, heard := logtest.NewNullLogger()
		have, _ := shareFiles(c.files, c.configured)
		tellFiles(c.files, c.configured, have, log)
		var got []logrus.Level
		for _, e := range heard.AllEntries() {
			got = append(got, e.Level)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%d files, configured %+v: %v, want %v", c.files, c.configured, got, c.want)
		}
	}
}

// TestAFloodOfConnectionsStopsNothing opens more connections than the process may open
// files. Who was there before is served, what arrives is stored and weighed, who is too
// many is told so, and afterwards everybody is let in again.
func TestAFloodOfConnectionsStopsNothing(t *testing.T) {
	t.Parallel()
	const orders, flood = 20, 300
	p := startCommand(t, exec.Command("sh", "-c", `ulimit -n 200 && exec "$0"`, binary), t.TempDir(), freeAddress(t))
	for i := range orders {
		p.register(fmt.Sprintf("F%d", i))
	}
	secret := p.channelSecret()
	client := &http.Client{Timeout: patience, Transport: &http.Transport{MaxConnsPerHost: 1}}
	defer client.CloseIdleConnections()
	send := func(req *http.Request, err error) (answer struct{ Payment string }) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer dev")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s %s %v", req.URL.Path, resp.Status, body, err)
		}
		_ = json.Unmarshal(body, &answer) // that of a callback is none
		return answer
	}
	send(http.NewRequestWithContext(t.Context(), http.MethodGet, p.base+"/readyz", nil))

	address := strings.TrimPrefix(p.base, "http://")
	ends := make([]func() error, flood)
	for i := range ends {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		ends[i] = conn.Close
		t.Cleanup(func() { _ = conn.Close() })
	}
	refused, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = refused.Close() })
	_ = refused.SetReadDeadline(time.Now().Add(patience))
	if answer, err := io.ReadAll(refused); !strings.HasPrefix(string(answer), "HTTP/1.1 503 ") || !strings.Contains(string(answer), `"code":"connections"`) {
		t.Fatalf("who is too many is told %q, %v", answer, err)
	}
	for i := range orders {
		send(p.callback(t.Context(), secret, fmt.Sprintf("F%d", i)))
	}
	for i := range orders {
		await(t, "what came in the flood is weighed", func() bool {
			return send(http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("%s/v1/orders/F%d", p.base, i), nil)).Payment == "succeeded"
		})
	}
	for _, end := range ends {
		_ = end()
	}
	client.CloseIdleConnections()
	await(t, "others are let in again", func() bool {
		resp, err := client.Get(p.base + "/healthz")
		if err != nil {
			return false // refused, which closes the connection
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	if !strings.Contains(p.logs(), "connections are refused") {
		t.Errorf("the log says nothing of it:\n%s", p.logs())
	}
}
