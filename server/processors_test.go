package main

import (
	"regexp"
	"runtime"
	"strconv"
	"testing"
)

func TestTheServerRunsMoreAtATimeThanThereAreCores(t *testing.T) {
	t.Parallel()
	t.Run("unless it is told otherwise", func(t *testing.T) {
		t.Parallel()
		p := startServer(t, t.TempDir(), "GOMAXPROCS=3")
		if got := p.processors(); got != 3 {
			t.Errorf("it was told 3 and has %d", got)
		}
	})
	t.Run("on top of what Go finds", func(t *testing.T) {
		t.Parallel()
		before := runtime.GOMAXPROCS(0)
		runtime.SetDefaultGOMAXPROCS()
		usual := runtime.GOMAXPROCS(before)
		if got := startServer(t, t.TempDir()).processors(); got <= usual || got > usual+8 {
			t.Errorf("it has %d, Go would have %d", got, usual)
		}
	})
}

var processorsLogged = regexp.MustCompile(`processors=(\d+)`)

// processors stops the server and returns what it logged at its start.
func (p *process) processors() int {
	p.t.Helper()
	p.terminate() // then all of its log has been read
	found := processorsLogged.FindStringSubmatch(p.log.String())
	if found == nil {
		p.t.Fatalf("it does not tell: %s", p.log)
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}
