package hub

import (
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// shardCount spreads the topics over locks, enough that the cores rarely meet, and over
// the period of the sweep: of 10,000 topics each shard has forty, which the sweep compares
// in one go.
const shardCount = 256

// registry holds the topics that somebody here watches. Locks are taken in the
// order shard, topic, session, and none is held while the network or a port is
// waited for.
type registry struct {
	seed   maphash.Seed
	bus    Bus
	shards [shardCount]shard
}

type shard struct {
	mu     sync.Mutex
	topics map[string]*topic // guarded by mu
}

// topic is one watched topic. It exists from its first watcher to its last.
type topic struct {
	name string

	mu sync.Mutex // guards what follows
	// seq is the newest state that all watchers were given, apart from those
	// who are still reading; 0 before anybody has any.
	seq int64
	// behind says that a state newer than seq may exist although the truth may
	// have been compared already: something arrived that did not fit.
	behind   bool
	watchers []*watch
}

// watch is one watcher of one topic.
type watch struct {
	topic *topic
	at    int // index in topic.watchers; guarded by topic.mu
	sink  sink
	// audience is who watches; it does not change.
	audience Audience
}

// sink takes the states of a topic, with the topic locked: it must be quick and
// must take no topic's lock. It sees the states in any order and drops what is
// not newer than what it has. It returns the session that has something to write
// now and nobody who does: the caller flushes it when no lock is held.
type sink interface {
	offer(*state) (claimed *session)
}

func newRegistry(bus Bus) *registry {
	r := &registry{seed: maphash.MakeSeed(), bus: bus}
	for i := range r.shards {
		r.shards[i].topics = make(map[string]*topic)
	}
	return r
}

func (r *registry) shard(name string) *shard {
	return &r.shards[maphash.String(r.seed, name)%shardCount]
}

// join registers a watcher. The bus hears of the first one under the shard's
// lock, so that it sees joins and leaves in their order.
func (r *registry) join(name string, w *watch) {
	sh := r.shard(name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	t := sh.topics[name]
	if t == nil {
		t = &topic{name: name}
		sh.topics[name] = t
		r.bus.Subscribe(name)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	w.topic, w.at = t, len(t.watchers)
	t.watchers = append(t.watchers, w)
}

func (r *registry) leave(w *watch) {
	t := w.topic
	sh := r.shard(t.name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if t.remove(w) {
		delete(sh.topics, t.name)
		r.bus.Unsubscribe(t.name)
	}
}

// remove takes the watcher out and says whether it was the last one.
func (t *topic) remove(w *watch) (empty bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := len(t.watchers) - 1
	moved := t.watchers[last]
	t.watchers[w.at], moved.at = moved, w.at
	t.watchers[last] = nil
	t.watchers = t.watchers[:last]
	return last == 0
}

// find returns the topic if it is watched. Between find and the use of it the
// last watcher may leave and a new one may make a new topic; a state passed to
// the old one is then not lost, since the new watcher reads the Source after it
// joined, and the state was in the Source before it came here.
func (r *registry) find(name string) *topic {
	sh := r.shard(name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.topics[name]
}

// namesOf returns the topics of one shard.
func (r *registry) namesOf(i int) []string {
	sh := &r.shards[i]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return slices.AppendSeq(make([]string, 0, len(sh.topics)), maps.Keys(sh.topics))
}

func (r *registry) count() (n int) {
	for i := range r.shards {
		sh := &r.shards[i]
		sh.mu.Lock()
		n += len(sh.topics)
		sh.mu.Unlock()
	}
	return n
}

// pass gives a published state to the watchers, and appends those that have to be
// flushed to claimed. It reports false if the state shows that an earlier one is
// missing which it does not contain: then only the Source knows what to show.
func (t *topic) pass(s *state, claimed []*session) (_ []*session, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.Seq <= t.seq {
		return claimed, true
	}
	if s.Data == nil {
		if s.Seq != t.seq+1 {
			t.behind = true
			return claimed, false
		}
		t.seq = s.Seq
		return claimed, true
	}
	t.seq = s.Seq
	return t.offer(s, claimed), true
}

// repair gives a state read from the Source to the watchers that lack it.
func (t *topic) repair(s *state) (claimed []*session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seq = max(t.seq, s.Seq)
	return t.offer(s, nil)
}

// read notes that one watcher read seq from the Source. It only counts for the
// topic if nobody had anything before: what is new to one watcher may have been
// lost for the others, and the sweep must still find that. A stale read, older
// than what others have, is made up for by the sweep as well.
func (t *topic) read(seq int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.seq == 0 {
		t.seq = seq
	}
	t.behind = t.behind || seq < t.seq
}

// late says whether the topic lacks the state with the seq of the Source. A
// topic without any state yet is being read by its first watcher.
func (t *topic) late(truth int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.behind || t.seq != 0 && truth > t.seq
}

// settle ends the state of being behind; called before the Source is read, so
// that what happens during the read counts again.
func (t *topic) settle() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.behind = false
}

// doubt marks the topic as behind, to be repaired by the next sweep.
func (t *topic) doubt() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.behind = true
}

func (t *topic) offer(s *state, claimed []*session) []*session {
	s.shared = len(t.watchers) > 1
	if len(t.watchers) >= crowd {
		claimed = slices.Grow(claimed, len(t.watchers))
	}
	for _, w := range t.watchers {
		if writer := w.sink.offer(s); writer != nil {
			claimed = append(claimed, writer)
		}
	}
	return claimed
}

// ValidTopic says whether a topic can be watched: up to MaxTopic bytes of UTF-8
// without control characters.
func ValidTopic(topic string) bool {
	return topic != "" && len(topic) <= MaxTopic && utf8.ValidString(topic) &&
		!strings.ContainsFunc(topic, unicode.IsControl)
}
