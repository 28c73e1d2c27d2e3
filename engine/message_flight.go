package engine

import "sync"

// flights are the messages that this process has given to a provider, or is about to, and
// of which it has not written down yet what became of them. What the records call being
// sent beyond these a process left behind that is no more.
type flights struct {
	mu  sync.Mutex // guards what follows
	ids map[string]int
}

// begin has the message be under way until the function that it returns is called. It comes
// before the commit that says so.
func (f *flights) begin(id string) (end func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ids == nil {
		f.ids = make(map[string]int)
	}
	f.ids[id]++
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.ids[id]--; f.ids[id] == 0 {
			delete(f.ids, id)
		}
	}
}

func (f *flights) has(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ids[id] > 0
}
