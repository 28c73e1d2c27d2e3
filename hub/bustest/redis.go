package bustest

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis is a redis-server of a test's own, on a free port of the loopback
// address, that keeps nothing on disk.
type Redis struct {
	Addr string

	t    *testing.T
	args []string
	mu   sync.Mutex // guards cmd
	cmd  *exec.Cmd
}

// StartRedis starts the redis-server of PATH and ends it with the test. Further
// arguments go to the server.
func StartRedis(t *testing.T, args ...string) *Redis {
	t.Helper()
	const attempts = 5 // another process may take the port before the server does
	var err error
	for range attempts {
		r := &Redis{t: t, Addr: freeAddr(t)}
		host, port, _ := net.SplitHostPort(r.Addr)
		r.args = append([]string{"--bind", host, "--port", port, "--dir", t.TempDir(), "--save", "", "--appendonly", "no"}, args...)
		if err = r.start(); err == nil {
			t.Cleanup(r.Kill)
			return r
		}
	}
	t.Fatalf("start redis-server: %v", err)
	return nil
}

// URL returns the address in the form of a setting.
func (r *Redis) URL() string { return "redis://" + r.Addr }

// Client returns a client that is closed with the test.
func (r *Redis) Client(t *testing.T) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: r.Addr})
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close redis client: %v", err)
		}
	})
	return c
}

// Kill ends the server as a crash would. It may be called again.
func (r *Redis) Kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cmd == nil {
		return
	}
	if err := r.cmd.Process.Kill(); err != nil {
		r.t.Errorf("kill redis-server: %v", err)
	}
	_ = r.cmd.Wait() // it says "killed"
	r.cmd = nil
}

// Restart starts the killed server again on its address.
func (r *Redis) Restart() {
	r.t.Helper()
	if err := r.start(); err != nil {
		r.t.Fatalf("restart redis-server: %v", err)
	}
}

func (r *Redis) start() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	cmd := exec.CommandContext(context.Background(), "redis-server", r.args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	var log strings.Builder
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "Ready to accept connections") {
			r.cmd = cmd
			go func() { // the server must not block on a full pipe
				for lines.Scan() {
				}
			}()
			return nil
		}
		log.WriteString(lines.Text() + "\n")
	}
	return fmt.Errorf("%w\n%s", cmd.Wait(), log.String())
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return addr
}

// StartRedisCluster starts a cluster of three masters and returns their
// addresses once all of them agree on who owns what.
func StartRedisCluster(t *testing.T) []string {
	t.Helper()
	const slots = 16384
	nodes := make([]*Redis, 3)
	addrs := make([]string, len(nodes))
	for i := range nodes {
		_, busPort, _ := net.SplitHostPort(freeAddr(t))
		nodes[i] = StartRedis(t, "--cluster-enabled", "yes", "--cluster-port", busPort)
		addrs[i] = nodes[i].Addr
		first, last := slots*i/len(nodes), slots*(i+1)/len(nodes)-1
		must(t, nodes[i], "cluster", "addslotsrange", first, last)
		must(t, nodes[i], "cluster", "set-config-epoch", i+1)
		if i > 0 {
			host, port, _ := net.SplitHostPort(nodes[i].Addr)
			must(t, nodes[0], "cluster", "meet", host, port, busPort)
		}
	}
	for _, n := range nodes {
		n.agrees(t, len(nodes))
	}
	return addrs
}

func must(t *testing.T, r *Redis, args ...any) string {
	t.Helper()
	answer, err := r.Client(t).Do(context.Background(), args...).Text()
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return answer
}

// agrees waits until the node sees the whole cluster.
func (r *Redis) agrees(t *testing.T, size int) {
	t.Helper()
	client := r.Client(t)
	deadline := time.Now().Add(Patience)
	for poll := time.NewTicker(50 * time.Millisecond); ; <-poll.C {
		info, err := client.ClusterInfo(context.Background()).Result()
		if err == nil && strings.Contains(info, "cluster_state:ok") &&
			strings.Contains(info, "cluster_size:"+strconv.Itoa(size)) {
			poll.Stop()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the cluster never formed: %v\n%s", err, info)
		}
	}
}
