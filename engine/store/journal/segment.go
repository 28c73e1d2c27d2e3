package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	suffix = ".log"
	family = "anxin journal "
	magic  = family + "1\n"
	// headBytes is the length of a segment's head: magic, number, what it is, and their
	// checksum.
	headBytes = int64(len(magic)) + 9
	// recordHead is the length of what stands before a record: length and checksum of what
	// follows, which is its kind and its content.
	recordHead = 8
)

// The kinds of records.
const (
	kindValue = 'v'
	kindDone  = 'd' // its content are places, eight bytes each
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// What a segment is: in use, or with nothing in it that counts. One of those keeps its
// number, which is never given again: what is left in the file would be valid once more.
const (
	headUsed    = 'u'
	headRetired = 'r'
)

// ErrVersion says that a segment was written by another version of this package.
var ErrVersion = errors.New("journal has another format: it was written by a newer version")

// segment is one file.
type segment struct {
	file *os.File
	seq  uint32             // its number; 0 = none can be read
	used bool               // something in it may count
	end  int64              // where the next record goes
	live map[int64]struct{} // offsets of the values that are not done
}

// createSegment makes a file that nothing is in, durably.
func createSegment(dir string, number int) (*segment, error) {
	name := filepath.Join(dir, fmt.Sprintf("%06d%s", number, suffix))
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // in the operator's folder
	if err != nil {
		return nil, err
	}
	if err := syncFolder(dir); err != nil {
		return nil, errors.Join(err, file.Close(), os.Remove(name))
	}
	return &segment{file: file}, nil
}

func openSegment(name string) (*segment, error) {
	file, err := os.OpenFile(name, os.O_RDWR, 0o600) //nolint:gosec // in the operator's folder
	if err != nil {
		return nil, err
	}
	s := &segment{file: file}
	head := make([]byte, headBytes)
	switch _, err := file.ReadAt(head, 0); {
	case errors.Is(err, io.EOF):
		return s, nil
	case err != nil:
		return nil, errors.Join(err, file.Close())
	}
	if bytes.HasPrefix(head, []byte(family)) && !bytes.HasPrefix(head, []byte(magic)) {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, ErrVersion), file.Close())
	}
	seq := binary.LittleEndian.Uint32(head[len(magic):])
	for _, what := range []byte{headUsed, headRetired} {
		if bytes.Equal(head, headOf(seq, what)) {
			s.seq, s.used = seq, what == headUsed
		}
	}
	return s, nil
}

func headOf(seq uint32, what byte) []byte {
	head := append(binary.LittleEndian.AppendUint32([]byte(magic), seq), what)
	return binary.LittleEndian.AppendUint32(head, crc32.Checksum(head, castagnoli))
}

// number is the one in the file's name, 0 when there is none.
func (s *segment) number() int {
	n, _ := strconv.Atoi(strings.TrimSuffix(filepath.Base(s.file.Name()), suffix))
	return n
}

// begin makes an empty segment of it. That is durable with the first record.
func (s *segment) begin(seq uint32) error {
	if _, err := s.file.WriteAt(headOf(seq, headUsed), 0); err != nil {
		return err
	}
	s.seq, s.used, s.end, s.live = seq, true, headBytes, make(map[int64]struct{})
	return nil
}

// retire says of a segment that all in it is done, so that the next Open need not read it.
// Should that be lost, it is read in vain.
func (s *segment) retire() error {
	s.used = false
	_, err := s.file.WriteAt(headOf(s.seq, headRetired), 0)
	return err
}

func (s *segment) remove() error {
	return errors.Join(s.file.Close(), os.Remove(s.file.Name()))
}

// appendRecord puts a record behind what is to be written at an offset of a segment.
func appendRecord(to []byte, seq uint32, at int64, kind byte, content []byte) []byte {
	to = binary.LittleEndian.AppendUint32(to, uint32(1+len(content)))
	to = binary.LittleEndian.AppendUint32(to, 0)
	from := len(to)
	to = append(append(to, kind), content...)
	binary.LittleEndian.PutUint32(to[from-4:], checksum(seq, at, to[from:]))
	return to
}

// checksum is that of a record at an offset of a segment.
func checksum(seq uint32, at int64, record []byte) uint32 {
	var place [12]byte
	binary.LittleEndian.PutUint32(place[:], seq)
	binary.LittleEndian.PutUint64(place[4:], uint64(at))
	return crc32.Update(crc32.Checksum(place[:], castagnoli), castagnoli, record)
}

// scan reads the segment up to the first record that is not whole, and returns what it
// says to be done.
func (s *segment) scan() (done []Place, err error) {
	s.end, s.live = headBytes, make(map[int64]struct{})
	if !s.used {
		return nil, nil
	}
	for {
		record, err := s.record(s.end)
		if err != nil {
			if errors.Is(err, errNotWhole) {
				err = nil
			}
			return done, err
		}
		next := s.end + recordHead + int64(len(record))
		switch record[0] {
		case kindValue:
			s.live[s.end] = struct{}{}
		case kindDone:
			for places := record[1:]; len(places) >= 8; places = places[8:] {
				done = append(done, Place(binary.LittleEndian.Uint64(places)))
			}
		}
		s.end = next
	}
}

// errNotWhole says that no record, or none of this segment, begins at an offset.
var errNotWhole = errors.New("no whole record")

// record returns the kind and content of the record at an offset.
func (s *segment) record(at int64) ([]byte, error) {
	var head [recordHead]byte
	if err := s.fill(head[:], at); err != nil {
		return nil, err
	}
	size := binary.LittleEndian.Uint32(head[:])
	if size == 0 || size > MaxRecord+1 || at+int64(size) > math.MaxUint32 {
		return nil, errNotWhole
	}
	info, err := s.file.Stat()
	if err != nil {
		return nil, err
	}
	if at+recordHead+int64(size) > info.Size() {
		return nil, errNotWhole
	}
	record := make([]byte, size)
	if err := s.fill(record, at+recordHead); err != nil {
		return nil, err
	}
	if checksum(s.seq, at, record) != binary.LittleEndian.Uint32(head[4:]) {
		return nil, errNotWhole
	}
	return record, nil
}

func (s *segment) fill(into []byte, at int64) error {
	_, err := s.file.ReadAt(into, at)
	if errors.Is(err, io.EOF) {
		return errNotWhole
	}
	return err
}

// read returns the value at an offset that has one.
func (s *segment) read(at int64) ([]byte, error) {
	record, err := s.record(at)
	if err != nil {
		return nil, err
	}
	return record[1:], nil
}

func (s *segment) has(offset int64) bool { _, ok := s.live[offset]; return ok }

// forget reports whether there was a value.
func (s *segment) forget(offset int64) bool {
	_, ok := s.live[offset]
	delete(s.live, offset)
	return ok
}

func (s *segment) offsets() []int64 { return slices.Sorted(maps.Keys(s.live)) }
