//go:build chaos

package crash

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// order is what the environment asks for: the place, and how often it is crossed before.
type order struct {
	place Place
	left  atomic.Int64
}

var asked = sync.OnceValue(func() *order {
	place, count, ok := strings.Cut(os.Getenv("ANXIN_CRASH"), ":")
	n, err := strconv.ParseInt(count, 10, 64)
	if !ok || err != nil || n < 1 {
		return nil
	}
	o := &order{place: Place(place)}
	o.left.Store(n)
	return o
})

// At kills the process when its hour has come. Nothing is flushed or closed, and no
// deferred call runs.
func At(p Place) {
	o := asked()
	if o == nil || (o.place != Any && o.place != p) || o.left.Add(-1) != 0 {
		return
	}
	fmt.Fprintf(os.Stderr, "crash at %s\n", p)
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // the signal may take a moment; nothing may happen in it
}
