package chaos

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"anxin/engine/crash"
)

const (
	merchant = "sandbox-shop" // the account of the sandbox channel
	apiKey   = "chaos-key"
	// operatorKey is a person's.
	operatorKey = "chaos-operator-key"
	// readyWithin bounds a start; it is no expectation.
	readyWithin = time.Minute
)

// server is the real binary over one data folder, through all of its lives.
type server struct {
	t       testing.TB
	binary  string
	dir     string
	address string
	env     []string
	// settings are files, of which lives take turns: in one callbacks are weighed and then
	// acknowledged, in the next it is the other way round.
	settings []string
	giveUp   func() // ends the run

	mu     sync.Mutex // guards what follows
	life   *life
	lives  int
	deaths []string
	downs  []span // when it was away
}

// life is one process.
type life struct {
	cmd   *exec.Cmd
	up    chan struct{} // closed when it is ready
	ended chan struct{} // closed when it has exited
	place string        // of the crash, read once ended
	tail  []string      // last lines of its log
	meant atomic.Bool   // it was told to end
}

type span struct{ from, to time.Time }

// newServer builds the binary with crash points and starts it without any.
func newServer(t testing.TB, giveUp func(), a around) *server {
	t.Helper()
	dir := t.TempDir()
	s := &server{t: t, binary: filepath.Join(dir, "anxin"), dir: filepath.Join(dir, "data"), address: freeAddress(t), giveUp: giveUp}
	build := exec.Command("go", "build", "-tags", "chaos", "-o", s.binary, "anxin/server")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	settings := a.yaml(time.Now())
	file := filepath.Join(dir, "anxin.yaml")
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	first := filepath.Join(dir, "first.yaml")
	if err := os.WriteFile(first, []byte("weigh_at_once: 0"+settings), 0o600); err != nil {
		t.Fatal(err)
	}
	hasty := filepath.Join(dir, "hasty.yaml")
	if err := os.WriteFile(hasty, []byte("weigh_within: 1ms"+settings), 0o600); err != nil {
		t.Fatal(err)
	}
	s.settings = []string{file, first, hasty}
	s.env = []string{
		"PATH=" + os.Getenv("PATH"), "ANXIN_LISTEN=" + s.address, "ANXIN_DATA_DIR=" + s.dir,
		"ANXIN_API_KEYS=" + backendName + ":" + apiKey, "ANXIN_OPERATOR_KEYS=chaos:" + operatorKey,
		"ANXIN_SANDBOX=on", "ANXIN_SANDBOX_GATEWAY=" + a.gateway, "CHAOS_TWILIO=" + carrierToken, "CHAOS_FCM=" + a.account,
		// Each payer has an address of its own, or they would share one's rate limits.
		"ANXIN_TRUSTED_PROXIES=127.0.0.1", "ANXIN_LOG_LEVEL=warning",
	}
	s.start("")
	return s
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

func (s *server) base() string { return "http://" + s.address }

// channelSecret reads what the server made for its sandbox.
func (s *server) channelSecret() string {
	s.t.Helper()
	raw, err := os.ReadFile(filepath.Join(s.dir, "secrets.json"))
	if err != nil {
		s.t.Fatal(err)
	}
	var secrets struct {
		Channel string `json:"sandbox_channel_secret"`
	}
	if err := json.Unmarshal(raw, &secrets); err != nil || secrets.Channel == "" {
		s.t.Fatalf("secrets.json: %v", err)
	}
	return secrets.Channel
}

// start begins a life that ends at a crash point ("" = none), and waits until the server
// is ready or has died of it already. One that does not come up ends the run.
func (s *server) start(doom string) *life {
	s.t.Helper()
	for {
		l := s.begin(doom)
		err := s.awaitReady(l)
		if err == nil {
			return l
		}
		if strings.Contains(err.Error(), "address already in use") {
			continue // somebody's outgoing connection has the port for the moment
		}
		s.t.Error(err)
		s.giveUp()
		return l
	}
}

func (s *server) begin(doom string) *life {
	s.t.Helper()
	l := &life{cmd: exec.Command(s.binary), up: make(chan struct{}), ended: make(chan struct{})}
	s.mu.Lock()
	s.lives++
	settings := s.settings[s.lives%len(s.settings)]
	s.mu.Unlock()
	l.cmd.Env = append(slices.Clip(s.env), "ANXIN_CONFIG="+settings)
	if doom != "" {
		l.cmd.Env = append(l.cmd.Env, "ANXIN_CRASH="+doom)
	}
	stderr, err := l.cmd.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := l.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		defer close(l.ended)
		l.read(stderr)
		if up := isClosed(l.up); up && l.place == "" && !l.meant.Load() {
			s.t.Errorf("server ended by itself:\n%s", strings.Join(l.tail, "\n"))
			s.giveUp()
		}
	}()
	s.mu.Lock()
	s.life = l
	s.mu.Unlock()
	return l
}

const tailLines = 200

func (l *life) read(stderr io.Reader) {
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		line := lines.Text()
		if place, ok := strings.CutPrefix(line, "crash at "); ok {
			l.place = place
		}
		if l.tail = append(l.tail, line); len(l.tail) > tailLines {
			l.tail = l.tail[1:]
		}
	}
	_ = l.cmd.Wait()
}

func (s *server) awaitReady(l *life) error {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(readyWithin); time.Now().Before(deadline); {
		select {
		case <-l.ended:
			if l.place == "" {
				return fmt.Errorf("server exited at start:\n%s", strings.Join(l.tail, "\n"))
			}
			return nil
		case <-again.C:
		}
		resp, err := http.Get(s.base() + "/readyz")
		if err != nil {
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			s.isUp()
			close(l.up)
			return nil
		}
	}
	return errors.New("server is not ready")
}

// await returns when the server takes requests, or false when ctx has ended.
func (s *server) await(ctx context.Context) bool {
	for ctx.Err() == nil {
		s.mu.Lock()
		l := s.life
		s.mu.Unlock()
		select {
		case <-ctx.Done():
			return false
		case <-l.up:
		case <-l.ended:
		}
		select {
		case <-l.ended:
			wait(ctx, 10*time.Millisecond) // the next life is being started
		default:
			return true
		}
	}
	return false
}

// dieOften kills the server n times within about the span: mostly at a crash point, now
// and then from outside, and by then at the latest. The life after is a quiet one.
func (s *server) dieOften(ctx context.Context, n int, rng *rand.Rand, within time.Duration) {
	if n == 0 {
		return
	}
	each := max(within/time.Duration(n), time.Second)
	wait(ctx, each/2)
	s.kill(s.life, "power cut")
	for i := range n - 1 {
		if ctx.Err() != nil {
			return
		}
		if i%restartEvery == restartEvery-1 {
			s.start("")
			wait(ctx, each/2)
			s.terminate()
		}
		l := s.start(doom(rng, each))
		late := time.NewTimer(each/4 + time.Duration(rng.Int64N(int64(each))))
		select {
		case <-l.ended:
		case <-late.C:
		}
		late.Stop()
		s.kill(l, "power cut")
	}
	s.start("")
}

// restartEvery is after how many kills there is a graceful restart besides.
const restartEvery = 5

// terminate is an orderly restart: nothing may be lost in it either.
func (s *server) terminate() {
	at := time.Now()
	s.stop()
	s.noteDown(at)
}

// doom draws a place and how often it is crossed before it kills: mostly within a life
// of the length.
func doom(rng *rand.Rand, life time.Duration) string {
	places := append(crash.Places(), crash.Any)
	place := places[rng.IntN(len(places))]
	aSecond := 8.0
	switch place {
	case crash.Any:
		aSecond = 200
	case crash.BeforeCommit, crash.AfterCommit, crash.BeforeTransaction, crash.AfterTransaction:
		aSecond = 60
	case crash.BeforeQuery, crash.AfterQuery, crash.BeforeSend, crash.AfterSend, crash.BeforeMessage, crash.AfterMessage, crash.BeforeAnswer,
		crash.BeforeJournal, crash.AfterJournal, crash.BeforeWeighing:
	}
	return fmt.Sprintf("%s:%d", place, 1+rng.IntN(int(aSecond*life.Seconds())))
}

// kill ends a life if it has not ended by itself, and notes the death.
func (s *server) kill(l *life, how string) {
	at := time.Now()
	l.meant.Store(true)
	_ = l.cmd.Process.Kill()
	<-l.ended
	if l.place != "" {
		how = l.place
	}
	s.mu.Lock()
	s.deaths = append(s.deaths, how)
	s.mu.Unlock()
	s.noteDown(at)
}

func (s *server) noteDown(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.downs); n == 0 || !s.downs[n-1].to.IsZero() { // else it died before it was up
		s.downs = append(s.downs, span{from: at})
	}
}

func (s *server) isUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.downs); n > 0 && s.downs[n-1].to.IsZero() {
		s.downs[n-1].to = time.Now()
	}
}

// backBy returns when the server was back for the last time between two times, zero if
// it did not die in between.
func (s *server) backBy(from, to time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	var back time.Time
	for _, d := range s.downs {
		if d.from.Before(to) && d.to.After(from) {
			back = d.to
		}
	}
	return back
}

// upSince returns when the life began that the server was in at a time; zero in the first.
func (s *server) upSince(at time.Time) (since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.downs {
		if !d.to.After(at) {
			since = d.to
		}
	}
	return since
}

// stop asks for a graceful end and insists after a while.
func (s *server) stop() {
	s.mu.Lock()
	l := s.life
	s.mu.Unlock()
	l.meant.Store(true)
	_ = l.cmd.Process.Signal(syscall.SIGTERM)
	late := time.NewTimer(readyWithin)
	defer late.Stop()
	select {
	case <-l.ended:
	case <-late.C:
		_ = l.cmd.Process.Kill()
		<-l.ended
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// wait lets time pass in the world, or ctx end.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
