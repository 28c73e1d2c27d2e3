package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// appending is one call of Append.
type appending struct {
	values [][]byte
	places []Place
	done   chan error // one value
}

// run writes groups of appends until Close, one write and one sync for each.
func (j *Journal) run() {
	defer close(j.ended)
	fill := time.NewTimer(fillAfter)
	fill.Stop()
	planned := uint32(0) // the segment whose filling was
	for {
		select {
		case a := <-j.queue:
			j.write(j.gather(a))
			if planned != j.current.seq {
				planned = j.current.seq
				fill.Reset(fillAfter)
			}
		case <-j.marks:
			j.writeMarks()
		case <-fill.C:
			if err := j.fill(); err != nil {
				j.opts.Log.WithError(err).Warn("intake journal: its file grows with each record, which takes longer")
			}
		case <-j.quit:
			for len(j.queue) > 0 {
				j.write(j.gather(<-j.queue))
			}
			j.writeMarks()
			return
		}
	}
}

// fill gives the current segment its full length. What is written within a file needs no
// sync of the file system's own records, which may be waiting for others.
func (j *Journal) fill() error {
	s := j.current
	info, err := s.file.Stat()
	if err != nil || info.Size() >= j.opts.SegmentBytes {
		return err
	}
	from := max(info.Size(), s.end)
	if _, err := s.file.WriteAt(make([]byte, j.opts.SegmentBytes-from), from); err != nil {
		return err
	}
	return syncData(s.file)
}

// gather takes what is queued now, without waiting for more.
func (j *Journal) gather(first *appending) []*appending {
	group, size := []*appending{first}, 0
	for _, v := range first.values {
		size += len(v)
	}
	for size < maxGroup {
		select {
		case a := <-j.queue:
			group = append(group, a)
			for _, v := range a.values {
				size += len(v)
			}
		default:
			return group
		}
	}
	return group
}

// write makes a group durable and answers all of it. A segment that could not be written
// is not written again: what is in it is unknown from there on.
func (j *Journal) write(group []*appending) {
	err := j.room()
	if err == nil {
		err = j.writeGroup(group)
		if err != nil {
			j.abandon()
		}
	}
	if err != nil {
		err = fmt.Errorf("write journal: %w", err)
	}
	for _, a := range group {
		if err != nil {
			a.places = nil
		}
		a.done <- err
	}
}

// writeGroup writes behind the end of the current segment, which only this goroutine moves.
func (j *Journal) writeGroup(group []*appending) error {
	s := j.current
	at := s.end
	buffer := j.appendMarks(j.buffer[:0], s, at)
	var offsets []int64
	for _, a := range group {
		for _, v := range a.values {
			offset := at + int64(len(buffer))
			buffer = appendRecord(buffer, s.seq, offset, kindValue, v)
			a.places = append(a.places, placeOf(s.seq, offset))
			offsets = append(offsets, offset)
		}
	}
	j.keepBuffer(buffer)
	if _, err := s.file.WriteAt(buffer, at); err != nil {
		return err
	}
	if err := syncData(s.file); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	s.end = at + int64(len(buffer))
	for _, offset := range offsets {
		s.live[offset] = struct{}{}
	}
	j.size += int64(len(offsets))
	return nil
}

// keepBuffer holds on to a buffer of common length.
func (j *Journal) keepBuffer(buffer []byte) {
	if cap(buffer) <= 2*maxGroup {
		j.buffer = buffer
	}
}

// appendMarks tells what is done. When that cannot be written it is not told again: it is
// only told to spare the next Open some work.
func (j *Journal) appendMarks(to []byte, s *segment, at int64) []byte {
	j.mu.Lock()
	done := j.done
	j.done = nil
	j.mu.Unlock()
	if len(done) == 0 {
		return to
	}
	content := make([]byte, 0, 8*len(done))
	for _, p := range done {
		content = binary.LittleEndian.AppendUint64(content, uint64(p))
	}
	return appendRecord(to, s.seq, at, kindDone, content)
}

// writeMarks tells what is done without a sync, and gives up the segments that need not
// be kept for it.
func (j *Journal) writeMarks() {
	err := j.room()
	if err == nil {
		err = j.writeDone()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err = errors.Join(err, j.tidy()); err != nil {
		j.opts.Log.WithError(err).Warn("intake journal: what is done could not be told; it is looked at again at the next start")
	}
}

func (j *Journal) writeDone() error {
	s := j.current
	buffer := j.appendMarks(j.buffer[:0], s, s.end)
	if len(buffer) == 0 {
		return nil
	}
	j.keepBuffer(buffer)
	if _, err := s.file.WriteAt(buffer, s.end); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	s.end += int64(len(buffer))
	return nil
}

// room begins another segment when the current one is full or was abandoned.
func (j *Journal) room() error {
	if j.current != nil && j.current.end < j.opts.SegmentBytes {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.advance()
}

// abandon has the next write begin another segment.
func (j *Journal) abandon() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.current.end = max(j.current.end, j.opts.SegmentBytes)
}

// advance begins another segment. j.mu is held, or nobody else knows of j.
func (j *Journal) advance() error {
	next := j.spare
	if next == nil {
		var err error
		if next, err = createSegment(j.dir, j.lastFile+1); err != nil {
			return err
		}
		j.lastFile++
	}
	j.spare = next // until it is begun
	if err := next.begin(j.lastSeq + 1); err != nil {
		return err
	}
	j.lastSeq++
	if j.current != nil {
		j.older = append(j.older, j.current)
	}
	j.current, j.spare = next, nil
	return j.tidy()
}

// tidy gives up the older segments in which all is done: one becomes the spare, the
// others are removed. j.mu is held, or nobody else knows of j.
func (j *Journal) tidy() error {
	var err error
	kept := j.older[:0]
	for _, s := range j.older {
		switch {
		case len(s.live) > 0:
			kept = append(kept, s)
		case j.spare == nil && s.seq != 0:
			err = errors.Join(err, s.retire())
			j.spare = s
		default:
			err = errors.Join(err, s.remove())
		}
	}
	clear(j.older[len(kept):])
	j.older = kept
	return err
}
