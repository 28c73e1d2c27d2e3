package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// settlementFile writes a file of successes for the orders, and of as many rows that
// name no order.
func settlementFile(t *testing.T, orderNos []string, strangers int, more ...string) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("order_no,channel_txn,amount,status,at\n")
	at := time.Now().UTC().Format(time.RFC3339)
	for i := range strangers {
		fmt.Fprintf(&b, "STRANGER-%d,t,1.00,succeeded,%s\n", i, at)
	}
	for _, orderNo := range orderNos {
		fmt.Fprintf(&b, "%s,tx_%s,88.00,succeeded,%s\n", orderNo, orderNo, at)
	}
	b.WriteString(strings.Join(more, "\n"))
	path := filepath.Join(t.TempDir(), "settled.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSettleCommand(t *testing.T) {
	t.Parallel()
	p := startServer(t, t.TempDir())
	p.register("S1")
	file := settlementFile(t, []string{"S1"}, 2, "garbage", "")
	args := []string{"-url", p.base, "-currency", "CNY", file, "sandbox"}
	for range 2 { // the second time it is known
		var out bytes.Buffer
		err := runSettle(t.Context(), args, &out)
		if !errors.Is(err, errBadLines) {
			t.Fatalf("got %v\n%s", err, out.String())
		}
		for _, want := range []string{"4 rows, 1 moved their orders", "2 have no order, 1 cannot be read", "line 5: bad_fields"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%q is not in\n%s", want, out.String())
			}
		}
	}
	if o := p.order("S1"); o["payment"] != "succeeded" {
		t.Errorf("order %v", o)
	}
}

func TestSettleCommandSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	p := startServer(t, t.TempDir())
	file := settlementFile(t, nil, 1)
	for want, args := range map[string][]string{
		"usage: server settle":  {file},
		"no such file":          {filepath.Join(t.TempDir(), "absent.csv"), "sandbox"},
		"unknown_channel":       {"-currency", "CNY", file, "nowhere"},
		"settlement_unreadable": {file, "sandbox"},
		"unauthorized":          {"-key", "wrong", file, "sandbox"},
	} {
		err := runSettle(t.Context(), append([]string{"-url", p.base}, args...), &bytes.Buffer{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// TestKillDuringImport cuts the power while a file is imported: the command is run again,
// and each row has counted once.
func TestKillDuringImport(t *testing.T) {
	t.Parallel()
	const orders, strangers = 100, 10_000
	p := startServer(t, t.TempDir())
	var orderNos []string
	for i := range orders {
		orderNos = append(orderNos, fmt.Sprintf("K%d", i))
		p.register(orderNos[i])
	}
	file := settlementFile(t, orderNos, strangers)
	args := []string{"-currency", "CNY", file, "sandbox"}
	address, _ := strings.CutPrefix(p.base, "http://")
	for _, until := range []string{"", "running"} { // once as soon as it is there, once while rows are weighed
		ended := make(chan error, 1)
		go func() { ended <- runSettle(t.Context(), append([]string{"-url", p.base}, args...), &bytes.Buffer{}) }()
		p.awaitImport(until)
		p.kill()
		if err := <-ended; err == nil {
			t.Logf("the import was over before the kill (%q)", until)
		}
		p = startServerAt(t, p.dir, address)
	}
	var out bytes.Buffer
	if err := runSettle(t.Context(), append([]string{"-url", p.base}, args...), &out); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%d rows, %d moved their orders, 0 were known, 0 opened a case, %d have no order", orders+strangers, orders, strangers); !strings.Contains(out.String(), want) {
		t.Errorf("got %s want %s", out.String(), want)
	}
	for _, orderNo := range orderNos {
		o := p.order(orderNo)
		timeline, _ := o["timeline"].([]any)
		if o["payment"] != "succeeded" || o["seq"] != float64(len(timeline)) {
			t.Errorf("%s is %v at seq %v with %d events", orderNo, o["payment"], o["seq"], len(timeline))
		}
	}
}

// awaitImport asks until an import is in a state ("" = any) or over.
func (p *process) awaitImport(state string) {
	p.t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-again.C {
		status, answer := p.call(http.MethodGet, "/v1/ops/settlements", nil)
		if status != http.StatusOK {
			p.t.Fatalf("settlements: %d %v", status, answer)
		}
		for _, item := range answer["items"].([]any) {
			now := item.(object)["state"]
			if state == "" || now == state || now == "done" {
				return
			}
		}
	}
	p.t.Fatal("the import never begins")
}
