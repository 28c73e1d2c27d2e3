//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Roles of a process that this test binary is started as.
const (
	roleEnv    = "ANXIN_BENCH_ROLE"
	roleServer = "server"
	roleFloor  = "floor"
)

// wish is what the load asks of the process under measurement, one JSON line each.
type wish struct {
	Do      string
	N       int
	Seconds int
	Path    string
}

// reply is its answer, one JSON line each.
type reply struct {
	Addr      string
	Greetings string  // file with a greeting for each client
	CPU       float64 // s, of the whole process since its start
	Resident  int64   // bytes
	Millis    float64
}

// subject is a process under measurement.
type subject struct {
	b         *testing.B
	addr      string
	greetings [][]byte // two of each client: for its own order and for the crowd's; nil for none
	profiles  string   // folder for CPU profiles; empty for none

	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	enter *json.Encoder
}

func startSubject(b *testing.B, role string) *subject {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	p := &subject{b: b, cmd: exec.Command(self), profiles: os.Getenv("BENCH_PROFILES")}
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), roleEnv + "=" + role, "TMPDIR=" + b.TempDir()}
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		b.Fatal(err)
	}
	p.out, p.enter = bufio.NewReader(out), json.NewEncoder(p.in)
	if err := p.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	ready := p.hear()
	p.addr = ready.Addr
	if ready.Greetings != "" {
		p.greetings = readGreetings(b, ready.Greetings)
	}
	return p
}

func readGreetings(b *testing.B, path string) (lines [][]byte) {
	b.Helper()
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for scan := bufio.NewScanner(f); scan.Scan(); {
		lines = append(lines, clientFrame(scan.Text()))
	}
	return lines
}

func (p *subject) stop() {
	_ = p.in.Close()
	if err := p.cmd.Wait(); err != nil {
		p.b.Errorf("%s", err)
	}
}

func (p *subject) tell(w wish) reply {
	p.b.Helper()
	p.begin(w)
	return p.hear()
}

func (p *subject) begin(w wish) {
	p.b.Helper()
	if err := p.enter.Encode(w); err != nil {
		p.b.Fatal(err)
	}
}

// deliver asks for n frames and takes them while they come.
func (p *subject) deliver(s *swarm, n int, w wish) {
	p.b.Helper()
	s.expect(n)
	p.begin(w)
	s.await()
	p.hear()
}

func (p *subject) hear() reply {
	p.b.Helper()
	var r reply
	line, err := p.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &r)
	}
	if err != nil {
		p.b.Fatalf("the server process: %v: %s", err, line)
	}
	return r
}

func (p *subject) ask(what string) reply { p.b.Helper(); return p.tell(wish{Do: what}) }

// during returns what the process used while do ran.
func (p *subject) during(name string, do func()) reply {
	p.b.Helper()
	if p.profiles != "" {
		p.tell(wish{Do: "profile", Path: filepath.Join(p.profiles, fmt.Sprintf("%s-%d.prof", name, p.cmd.Process.Pid))})
		defer p.ask("profiled")
	}
	before := p.ask("look")
	do()
	after := p.ask("look")
	return reply{CPU: after.CPU - before.CPU, Resident: after.Resident - before.Resident}
}

// updates brings every client an update and waits for all of them, round by round, so
// that none is replaced by the next.
func (p *subject) updates(s *swarm, rounds int) {
	p.b.Helper()
	for range rounds {
		p.deliver(s, liveClients, wish{Do: "updates", N: liveClients})
	}
}

func (p *subject) paced(s *swarm) {
	p.b.Helper()
	p.deliver(s, liveRate*liveSeconds, wish{Do: "paced", N: liveRate, Seconds: liveSeconds})
}

// broadcasts returns the sum of the times until the last client had its message.
func (p *subject) broadcasts(s *swarm) (last time.Duration) {
	p.b.Helper()
	for range liveCasts {
		began := time.Now()
		p.deliver(s, liveClients, wish{Do: "broadcast"})
		last += time.Since(began)
	}
	return last
}
