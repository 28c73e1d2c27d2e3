package chaos

import (
	"slices"
	"strings"
	"sync"
	"time"

	"anxin/engine/notify"
)

// post is the observer of messages: it sees what the providers were really given, however
// they answered, and it is the payers' mailbox.
type post struct {
	w   *world
	all sync.WaitGroup // what providers and payers do later about a message

	mu      sync.Mutex // guards what follows, and the letters' taken and heard
	letters map[string][]*letter
}

// letter is one call to a provider.
type letter struct {
	via     notify.Channel
	by      string // the provider
	no      string
	notice  notify.Notice
	located bool // says that the cause was found
	to      string
	id      string // of the message, where the provider is told
	key     string // what a newer message of the order replaces it by
	sid     string // what the provider calls it
	at      time.Time
	before  int           // calls of the same message
	taken   bool          // the payer gets it, whatever the caller was answered
	heard   notify.Status // what the first report that the server took says
	heardAt time.Time
}

func newPost(w *world) *post { return &post{w: w, letters: make(map[string][]*letter)} }

// came notes a call whose text was written by the templates of this suite. It returns nil
// for one that nobody may have made.
func (p *post) came(l letter, text string) (*letter, *fate) {
	l.at = time.Now()
	words := strings.Fields(text)
	if len(words) < 2 {
		p.w.wrongs.add("message text", "%q by %s", text, l.by)
		return nil, nil
	}
	l.no, l.notice, l.located = words[0], notify.Notice(words[1]), slices.Contains(words, "located")
	f := p.w.byNo[l.no]
	if f == nil || f.payer.at(l.via) != l.to {
		p.w.wrongs.add("message to a stranger", "%q by %s to %s", text, l.by, l.to)
		return nil, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, other := range p.letters[l.no] {
		if other.via == l.via && other.notice == l.notice {
			l.before++
		}
	}
	p.letters[l.no] = append(p.letters[l.no], &l)
	return &l, f
}

// take has the payer get a message.
func (p *post) take(l *letter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l.taken = true
}

// hear notes what the server took in about a message: the first word that decides counts.
func (p *post) hear(l *letter, s notify.Status) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l.heard == "" {
		l.heard, l.heardAt = s, time.Now()
	}
}

// of returns the calls about an order, in the order of their beginning.
func (p *post) of(no string) []letter {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []letter
	for _, l := range p.letters[no] {
		list = append(list, *l)
	}
	slices.SortStableFunc(list, func(a, b letter) int { return a.at.Compare(b.at) })
	return list
}

// misfortune is how a provider treats one call.
type misfortune int

const (
	fine       misfortune = iota
	slow                  // takes it after a while
	busy                  // wants fewer calls
	down                  // takes nothing, and says so
	refuses               // this provider never takes it
	drops                 // the line breaks before it was taken in
	takesDrops            // takes it, and the line breaks
	takesFails            // takes it, and answers that it failed
	takesHangs            // takes it, and answers when nobody waits any more
	babbles               // takes it, and answers nonsense
)

// luck are the misfortunes in parts of a hundred; the rest is fine.
var luck = []struct {
	what  misfortune
	parts int
}{{slow, 6}, {busy, 4}, {down, 6}, {refuses, 2}, {drops, 3}, {takesDrops, 4}, {takesFails, 2}, {takesHangs, 1}, {babbles, 2}}

// draw deals a call its luck. A provider that is out takes nothing; the others fail a
// message as seldom as the backend does a webhook.
func (p *post) draw(l *letter, out bool) misfortune {
	switch {
	case out:
		return down
	case l.before >= mostFailures:
		return fine
	}
	at := p.w.faults.upTo(100)
	for _, l := range luck {
		if at -= l.parts; at < 0 {
			return l.what
		}
	}
	return fine
}

// linger is how long a slow provider takes.
func (p *post) linger() time.Duration {
	return time.Duration(100+p.w.faults.upTo(1400)) * time.Millisecond
}
