//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// measured is a server inside a process under measurement.
type measured interface {
	// ready returns where it listens and the file of greetings.
	ready() reply
	// update brings client i a new state that tells when it was published.
	update(i int) error
	// broadcast brings every client the same message.
	broadcast() error
	// sweep returns the mean time of a look at all watched states, in ms.
	sweep() float64
	close()
}

// playRole is the whole life of a process under measurement: it does what standard input
// asks, and ends with it.
func playRole(role string) error {
	var server measured
	var err error
	switch role {
	case roleServer:
		server, err = newMeasuredServer()
	case roleFloor:
		server, err = newMeasuredFloor()
	default:
		err = fmt.Errorf("no role %q", role)
	}
	if err != nil {
		return err
	}
	defer server.close()
	answers := json.NewEncoder(os.Stdout)
	if err := answers.Encode(server.ready()); err != nil {
		return err
	}
	wishes := json.NewDecoder(bufio.NewReader(os.Stdin))
	for {
		var w wish
		if err := wishes.Decode(&w); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		r, err := grant(server, w)
		if err != nil {
			return err
		}
		if err := answers.Encode(r); err != nil {
			return err
		}
	}
}

func grant(server measured, w wish) (reply, error) {
	switch w.Do {
	case "look":
	case "collect":
		for range 3 { // stacks shrink by half in each
			runtime.GC()
		}
		debug.FreeOSMemory()
	case "updates":
		for i := range w.N {
			if err := server.update(i); err != nil {
				return reply{}, err
			}
		}
	case "paced":
		if err := updatePaced(server, w.N, w.Seconds); err != nil {
			return reply{}, err
		}
	case "broadcast":
		return reply{}, server.broadcast()
	case "sweep":
		return reply{Millis: server.sweep()}, nil
	case "profile":
		f, err := os.Create(w.Path)
		if err != nil {
			return reply{}, err
		}
		return reply{}, pprof.StartCPUProfile(f)
	case "profiled":
		pprof.StopCPUProfile()
		return reply{}, nil
	default:
		return reply{}, fmt.Errorf("cannot %q", w.Do)
	}
	return usage()
}

// updatePaced publishes one at a time, at even distances, to clients far from each other.
func updatePaced(server measured, rate, seconds int) error {
	every := time.Second / time.Duration(rate)
	const stride = 7919 // prime to the number of clients
	for i, began := 0, time.Now(); i < rate*seconds; i++ {
		if wait := time.Until(began.Add(every * time.Duration(i))); wait > 0 {
			<-time.After(wait)
		}
		if err := server.update(i * stride % liveClients); err != nil {
			return err
		}
	}
	return nil
}

func usage() (reply, error) {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return reply{}, err
	}
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return reply{}, err
	}
	pages, err := strconv.ParseInt(strings.Fields(string(statm))[1], 10, 64)
	if err != nil {
		return reply{}, err
	}
	cpu := time.Duration(used.Utime.Nano() + used.Stime.Nano())
	return reply{CPU: cpu.Seconds(), Resident: pages * int64(os.Getpagesize())}, nil
}

// progressPad fills the state up to the about 400 bytes of a real one.
var progressPad = strings.Repeat("x", 360)

// timedState is a state that tells when it was published, in Unix nanoseconds.
func timedState(now time.Time) []byte {
	b := make([]byte, 0, 420)
	b = append(b, `{"t":`...)
	b = strconv.AppendInt(b, now.UnixNano(), 10)
	b = append(b, `,"pad":"`...)
	b = append(b, progressPad...)
	return append(b, `"}`...)
}
