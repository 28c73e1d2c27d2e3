// Package journal keeps records on disk from the moment they are added until somebody is
// done with them: what was acknowledged and is yet to be worked on. Adding is an append to
// a file and one sync for all that wait; nothing is read, sorted or indexed for it.
//
// # Files
//
// A journal is a folder of segments, whose numbers rise with their age. A segment begins
// with its number; behind it stand records, each with its length and a checksum that holds
// for its place in this segment only. So a file can be used again without being emptied:
// what is left of its past has no valid checksum. A record brings a value, or tells that
// values before it are done. Reading a segment ends at the first record that is not whole,
// which nobody was told of as durable.
//
// Which values are done is written behind them without a sync, and is gone with the segment
// in which it stands. After a crash some of them may come again, so whoever works on them
// has to know his own work again.
package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

const (
	// SegmentBytes is the default of Options.SegmentBytes.
	SegmentBytes = 4 << 20
	// MaxRecord bounds a value in bytes.
	MaxRecord = 16 << 20
	// queueSize bounds the appends that wait for the one that is being written.
	queueSize = 1024
	// maxGroup bounds the bytes of one write and sync; one append may have more.
	maxGroup = 1 << 20
	// fillAfter is how long a segment must have been in use to be given its full length: not
	// in the way of a burst that begins one after the other.
	fillAfter = time.Second
	// manyMarks is how many values are done before that is written without being asked.
	manyMarks = 256
)

// Errors of this package.
var (
	// ErrClosed is what becomes of an append after Close.
	ErrClosed = errors.New("journal is closed")
	// ErrTooLarge refuses a value above MaxRecord.
	ErrTooLarge = fmt.Errorf("journal: a record has more than %d bytes", MaxRecord)
	// ErrGone says that no value that is not done stands at a place.
	ErrGone = errors.New("journal: no such record")
)

// Options of a journal. The zero value is ready to use.
type Options struct {
	// SegmentBytes is how long a segment grows.
	SegmentBytes int64
	// Log is told of trouble that no caller sees.
	Log logrus.FieldLogger
}

// Place is where a value stands: it rises from append to append.
type Place int64

func placeOf(segment uint32, offset int64) Place { return Place(int64(segment)<<32 | offset) }

func (p Place) segment() uint32 { return uint32(p >> 32) }
func (p Place) offset() int64   { return int64(p & 0xffff_ffff) }

// Journal is safe for concurrent use. One process may have it open at a time; whoever
// opens it sees to that.
type Journal struct {
	dir   string
	opts  Options
	queue chan *appending
	marks chan struct{} // holds a value when marks are to be written
	quit  chan struct{}
	ended chan struct{}
	close sync.Once

	buffer []byte // of the writing goroutine

	mu       sync.Mutex // guards what follows, and the files against being closed while read
	current  *segment
	older    []*segment // that have values which are not done, oldest first
	spare    *segment   // to be used next
	lastSeq  uint32     // number of the newest segment that was begun
	lastFile int        // that was created
	done     []Place    // not yet told on disk
	size     int64      // values that are not done
	closed   bool
}

// Open reads the journal in dir, which it makes if need be, readable by the owner only.
func Open(dir string, opts Options) (*Journal, error) {
	if opts.SegmentBytes <= 0 {
		opts.SegmentBytes = SegmentBytes
	}
	if opts.Log == nil {
		silent := logrus.New()
		silent.SetOutput(io.Discard)
		opts.Log = silent
	}
	j := &Journal{
		dir: dir, opts: opts, queue: make(chan *appending, queueSize), marks: make(chan struct{}, 1),
		quit: make(chan struct{}), ended: make(chan struct{}),
	}
	if err := j.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("open journal %s: %w", dir, err), j.closeFiles())
	}
	go j.run()
	return j, nil
}

// load reads all segments, and begins one to append to.
func (j *Journal) load() error {
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return err
	}
	names, err := filepath.Glob(filepath.Join(j.dir, "[0-9]*"+suffix))
	if err != nil {
		return err
	}
	for _, name := range names {
		s, err := openSegment(name)
		if err != nil {
			return err
		}
		j.older = append(j.older, s)
		j.lastFile, j.lastSeq = max(j.lastFile, s.number()), max(j.lastSeq, s.seq)
	}
	slices.SortFunc(j.older, func(a, b *segment) int { return int(a.seq) - int(b.seq) })
	for _, s := range j.older {
		marks, err := s.scan()
		if err != nil {
			return err
		}
		j.size += int64(len(s.live))
		for _, p := range marks {
			j.settle(p)
		}
	}
	if err := j.tidy(); err != nil {
		return err
	}
	return j.advance()
}

// Append makes values durable, in their order, and returns their places. After an error
// they may be found by the next Open all the same.
func (j *Journal) Append(values ...[]byte) ([]Place, error) {
	for _, v := range values {
		if len(v) > MaxRecord {
			return nil, ErrTooLarge
		}
	}
	a := &appending{values: values, done: make(chan error, 1)}
	select {
	case j.queue <- a:
	case <-j.quit:
		return nil, ErrClosed
	}
	select {
	case err := <-a.done:
		return a.places, err
	case <-j.ended:
	}
	select {
	case err := <-a.done: // in the last group
		return a.places, err
	default:
		return nil, ErrClosed
	}
}

// Done forgets values. Places that hold none are no error.
func (j *Journal) Done(places ...Place) {
	j.mu.Lock()
	for _, p := range places {
		if j.settle(p) {
			j.done = append(j.done, p)
		}
	}
	tell := len(j.done) >= manyMarks || (j.size == 0 && len(j.done) > 0)
	j.mu.Unlock()
	if tell {
		select {
		case j.marks <- struct{}{}:
		default:
		}
	}
}

// settle forgets a value, and reports whether there was one. j.mu is held, or nobody
// else knows of j.
func (j *Journal) settle(p Place) bool {
	s := j.segmentOf(p)
	if s == nil || !s.forget(p.offset()) {
		return false
	}
	j.size--
	return true
}

func (j *Journal) segmentOf(p Place) *segment {
	if j.current != nil && j.current.seq == p.segment() {
		return j.current
	}
	i, ok := slices.BinarySearchFunc(j.older, p.segment(), func(s *segment, seq uint32) int { return int(s.seq) - int(seq) })
	if !ok {
		return nil
	}
	return j.older[i]
}

// Read returns the value at a place, or ErrGone.
func (j *Journal) Read(p Place) ([]byte, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil, ErrClosed
	}
	s := j.segmentOf(p)
	if s == nil || !s.has(p.offset()) {
		return nil, ErrGone
	}
	value, err := s.read(p.offset())
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	return value, nil
}

// Places returns at most limit places of values that are not done, above after and below
// before, lowest first.
func (j *Journal) Places(after, before Place, limit int) []Place {
	j.mu.Lock()
	defer j.mu.Unlock()
	var list []Place
	for _, s := range append(slices.Clone(j.older), j.current) {
		if s.seq < after.segment() {
			continue
		}
		for _, offset := range s.offsets() {
			if p := placeOf(s.seq, offset); p > after && p < before {
				list = append(list, p)
			}
		}
		if len(list) >= limit {
			return list[:limit]
		}
	}
	return list
}

// End returns a place above all that were given.
func (j *Journal) End() Place {
	j.mu.Lock()
	defer j.mu.Unlock()
	return placeOf(j.current.seq, j.current.end)
}

// Size returns how many values are not done.
func (j *Journal) Size() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.size
}

// Close writes what waits. When nothing is left in the journal its files are removed.
func (j *Journal) Close() error {
	var err error
	j.close.Do(func() {
		close(j.quit)
		<-j.ended
		err = j.closeFiles()
	})
	return err
}

func (j *Journal) closeFiles() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	var err error
	for _, s := range append(slices.Clone(j.older), j.current, j.spare) {
		switch {
		case s == nil:
		case j.size == 0 && j.current != nil: // it was opened in full
			err = errors.Join(err, s.remove())
		default:
			err = errors.Join(err, s.file.Close())
		}
	}
	return err
}
