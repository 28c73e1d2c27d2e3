package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// binary is the real server, built once for all tests that need a process of its own.
var binary string

func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" { // a server of a benchmark
		if err := playRole(role); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	dir, err := os.MkdirTemp("", "anxin-test")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "anxin")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		panic(fmt.Sprintf("build: %v\n%s", err, out))
	}
	code := m.Run()
	http.DefaultClient.CloseIdleConnections()
	_ = os.RemoveAll(dir)
	// The benchmarks' client leaves cleaners behind that end some seconds after its use.
	if code == 0 && flag.Lookup("test.bench").Value.String() == "" {
		// fasthttp's cleaner of workers sleeps out its ten seconds after a shutdown.
		cleaner := goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2")
		// The clock of its Date header runs once for the process.
		clock := goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1")
		if err := goleak.Find(cleaner, clock); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// patience bounds every wait for an event of another process. It is no expectation:
// a test that needs it has failed.
const patience = 60 * time.Second

// process is a running server.
type process struct {
	t    testing.TB
	base string // http://host:port
	dir  string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has exited
	log  *logBuffer
}

// logBuffer collects what a process logs.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) add(line []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text.Write(append(line, '\n'))
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// reportingTo returns the same server reporting to another test.
func (p *process) reportingTo(t testing.TB) *process {
	return &process{t: t, base: p.base, dir: p.dir, cmd: p.cmd, done: p.done, log: p.log}
}

// weighedFirst is the setting with which what a callback did is seen as soon as it is
// answered, however busy the machine.
const weighedFirst = "weigh_within: 10s\n"

// startServer runs the binary on a free port over the data in dir and returns when it
// accepts connections. It is killed at the end of the test if it still runs.
func startServer(t testing.TB, dir string, env ...string) *process {
	t.Helper()
	return startServerAt(t, dir, freeAddress(t), env...)
}

func startServerAt(t testing.TB, dir, address string, env ...string) *process {
	t.Helper()
	return startCommand(t, exec.Command(binary), dir, address, env...)
}

// startCommand is for a command that ends up as the binary.
func startCommand(t testing.TB, cmd *exec.Cmd, dir, address string, env ...string) *process {
	t.Helper()
	p := &process{t: t, base: "http://" + address, dir: dir, cmd: cmd, done: make(chan struct{}), log: &logBuffer{}}
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "ANXIN_LISTEN=" + address, "ANXIN_DATA_DIR=" + dir}, env...)
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read(stderr)
	t.Cleanup(p.kill)
	p.awaitReady()
	return p
}

// awaitReady asks until the server says that it is ready.
func (p *process) awaitReady() {
	p.t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		select {
		case <-p.done:
			p.t.Fatalf("server exited at start:\n%s", p.logs())
		case <-again.C:
		}
		if status, _, err := p.try(p.t.Context(), http.MethodGet, "/readyz", nil); err == nil && status == http.StatusOK {
			return
		}
	}
	p.t.Fatalf("server is not ready:\n%s", p.logs())
}

// read collects the log until the process ends.
func (p *process) read(stderr io.Reader) {
	defer close(p.done)
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		p.log.add(lines.Bytes())
	}
	_ = p.cmd.Wait()
}

func (p *process) logs() string { return p.log.String() }

// kill ends the process as a power cut would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// terminate asks for a graceful stop and returns the exit code.
func (p *process) terminate() int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatalf("server does not stop:\n%s", p.logs())
	}
	return p.cmd.ProcessState.ExitCode()
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// call does one request with the development key and returns status and decoded body.
func (p *process) call(method, path string, body any, header ...string) (int, map[string]any) {
	p.t.Helper()
	status, answer, err := p.try(p.t.Context(), method, path, body, header...)
	if err != nil {
		p.t.Fatalf("%s %s: %v\n%s", method, path, err, p.logs())
	}
	return status, answer
}

func (p *process) try(ctx context.Context, method, path string, body any, header ...string) (int, map[string]any, error) {
	var content []byte
	if body != nil {
		var err error
		if content, err = json.Marshal(body); err != nil {
			return 0, nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, p.base+path, bytes.NewReader(content))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer dev")
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil, err
	}
	var answer map[string]any
	_ = json.Unmarshal(raw, &answer) // 204 and channel answers have no object
	return resp.StatusCode, answer, nil
}

// register makes a sandbox order and returns the answer.
func (p *process) register(orderNo string) map[string]any {
	p.t.Helper()
	status, answer := p.call(http.MethodPost, "/v1/orders", registration(orderNo))
	if status != http.StatusCreated {
		p.t.Fatalf("register %s: %d %v", orderNo, status, answer)
	}
	return answer
}

type object = map[string]any

func registration(orderNo string) object {
	return object{
		"order_no": orderNo, "channel": "sandbox", "mode": "managed",
		"amount": object{"minor": 8800, "currency": "CNY"}, "subject": "Green tea, 250 g",
		"payer": object{"id": "u-" + orderNo, "locale": "en"},
	}
}

// pay lets the sandbox's payer pay with a plan for what goes wrong.
func (p *process) pay(orderNo string, plan object) {
	p.t.Helper()
	payment := object{"order_no": orderNo, "amount": object{"minor": 8800, "currency": "CNY"}, "outcome": "succeeded"}
	maps.Copy(payment, plan)
	if status, answer := p.call(http.MethodPost, "/sandbox/v1/payments", payment); status != http.StatusCreated {
		p.t.Fatalf("pay %s: %d %v", orderNo, status, answer)
	}
}

// progress of an order, as a backend reads it.
func (p *process) order(orderNo string) object {
	p.t.Helper()
	status, answer := p.call(http.MethodGet, "/v1/orders/"+orderNo, nil)
	if status != http.StatusOK {
		p.t.Fatalf("order %s: %d %v", orderNo, status, answer)
	}
	return answer
}

// text returns the body of a GET.
func (p *process) text(path string) string {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.base+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(raw)
}
