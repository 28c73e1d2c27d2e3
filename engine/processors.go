package engine

import "runtime"

// moreProcessors is how many goroutines run at a time on top of one for each core. With
// four a due task was no sooner on two cores, and what computes lost a tenth.
const moreProcessors = 2

// AddProcessors has more goroutines run at a time than there are cores, as threads among
// which the operating system shares the cores. A goroutine that computes gives way to
// another of its thread after ten milliseconds at the earliest, and a transaction of the
// store, the copying of its log, a wait for the disk or a collection of garbage are such;
// with as many threads as cores, a task that is due, or a payer's frame, waits for them.
// The operating system has a thread that was idle run within a millisecond or so.
//
// It is called once, at the start of a process, and adds to what Go found then, the bound
// of a container included; a bound that is changed later is not followed. Who sets
// GOMAXPROCS is obeyed.
func AddProcessors(getenv func(string) string) {
	if getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + moreProcessors)
	}
}
