package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"anxin/engine/store/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// small is a journal whose segments are soon full.
var small = journal.Options{SegmentBytes: 1 << 10}

func open(t *testing.T, dir string, opts journal.Options) *journal.Journal {
	t.Helper()
	j, err := journal.Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fatal(t, j.Close()) })
	return j
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func add(t *testing.T, j *journal.Journal, values ...string) []journal.Place {
	t.Helper()
	var list [][]byte
	for _, v := range values {
		list = append(list, []byte(v))
	}
	places, err := j.Append(list...)
	fatal(t, err)
	return places
}

// values reads what is not done, in its order.
func values(t *testing.T, j *journal.Journal) []string {
	t.Helper()
	var got []string
	for after := journal.Place(0); ; {
		page := j.Places(after, j.End(), 3)
		if len(page) == 0 {
			break
		}
		for _, p := range page {
			v, err := j.Read(p)
			fatal(t, err)
			got = append(got, string(v))
		}
		after = page[len(page)-1]
	}
	if int64(len(got)) != j.Size() {
		t.Errorf("%d values, and a size of %d", len(got), j.Size())
	}
	return got
}

func want(t *testing.T, j *journal.Journal, want ...string) {
	t.Helper()
	if got := values(t, j); !slices.Equal(got, want) {
		t.Errorf("holds %q, want %q", got, want)
	}
}

// crash copies the journal's files as they are, as if the process had died now.
func crash(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	fatal(t, os.CopyFS(filepath.Join(to, "j"), os.DirFS(dir)))
	return filepath.Join(to, "j")
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	fatal(t, err)
	return names
}

func TestValuesStayUntilTheyAreDone(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "j")
	j := open(t, dir, journal.Options{})
	want(t, j)
	places := add(t, j, "a", "", "c")
	last := add(t, j, "d")
	want(t, j, "a", "", "c", "d")
	if !slices.IsSorted(append(slices.Clone(places), last...)) || j.End() <= last[0] {
		t.Errorf("places %v, %v, end %v", places, last, j.End())
	}
	if got := j.Places(0, places[2], 10); !slices.Equal(got, places[:2]) {
		t.Errorf("before the third: %v, want %v", got, places[:2])
	}
	j.Done(places[1], places[1], 0, last[0]+1)
	if _, err := j.Read(places[1]); !errors.Is(err, journal.ErrGone) {
		t.Errorf("what is done was read: %v", err)
	}
	want(t, j, "a", "c", "d")
	want(t, open(t, crash(t, dir), journal.Options{}), "a", "", "c", "d") // it was not told yet
	fatal(t, j.Close())
	if _, err := j.Append([]byte("e")); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("append after close: %v", err)
	}
	if _, err := j.Read(places[0]); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("read after close: %v", err)
	}
	want(t, open(t, dir, journal.Options{}), "a", "c", "d")
}

func TestFilesAreUsedAgainAndNothingOfTheirPastComesBack(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "j")
	j := open(t, dir, small)
	for round := range 200 {
		text := string(bytes.Repeat([]byte{'a' + byte(round%26)}, 100+round%50))
		j.Done(add(t, j, text)...)
	}
	stays := add(t, j, "stays")
	written := 0
	for ; written < 206; written++ { // of one length: what is left of the past stands where records may
		j.Done(add(t, j, fmt.Sprintf("%0100d", written))...)
	}
	if got := files(t, dir); len(got) > 4 {
		t.Errorf("files: %v", got)
	}
	want(t, j, "stays")
	again := open(t, crash(t, dir), small)
	for _, v := range values(t, again) {
		// Not told to be done yet: the last, and the neighbours of what stays, if the segment
		// that tells it is gone.
		if n, _ := strconv.Atoi(v); v != "stays" && n >= 8 && n != written-1 {
			t.Errorf("after a crash there is %q", v)
		}
	}
	if !slices.Contains(values(t, again), "stays") {
		t.Error("after a crash there is not what stays")
	}
	places := add(t, again, "new")
	if places[0] <= stays[0] {
		t.Errorf("place %d was given after %d", places[0], stays[0])
	}
	j.Done(stays...)
	fatal(t, j.Close())
	if got := files(t, dir); len(got) != 0 {
		t.Errorf("an empty journal leaves %v", got)
	}
}

// A file that is used again after a restart must not bring back what had stood in it,
// wherever the process died.
func TestNumbersOfSegmentsAreNeverGivenAgain(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "j")
	for life := range 12 {
		j := open(t, dir, small)
		for _, v := range values(t, j) {
			if v != fmt.Sprint("kept ", life-1) {
				t.Fatalf("in life %d there is %q", life, v)
			}
		}
		j.Done(j.Places(0, j.End(), 10)...)
		for range 15 {
			j.Done(add(t, j, string(bytes.Repeat([]byte("x"), 200)))...)
		}
		add(t, j, fmt.Sprint("kept ", life))
		dead := crash(t, dir)
		dir = dead
		if life%3 == 2 { // this time it ends well
			fatal(t, j.Close())
		}
	}
}

func TestManyAppendAtOnce(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "j")
	j := open(t, dir, journal.Options{SegmentBytes: 8 << 10})
	var all sync.WaitGroup
	var mu sync.Mutex
	left := make(map[string]bool)
	for w := range 16 {
		all.Go(func() {
			for i := range 50 {
				one, two := fmt.Sprint("w", w, " ", i), fmt.Sprint("w", w, " ", i, "+")
				places, err := j.Append([]byte(one), []byte(two))
				if err != nil || len(places) != 2 {
					t.Errorf("%v, %v", places, err)
					return
				}
				if v, err := j.Read(places[1]); err != nil || string(v) != two {
					t.Errorf("read %q, %v", v, err)
				}
				j.Done(places[0])
				mu.Lock()
				left[two] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
	fatal(t, j.Close())
	got := values(t, open(t, dir, journal.Options{}))
	if len(got) != len(left) {
		t.Errorf("%d are left, want %d", len(got), len(left))
	}
	for _, v := range got {
		if !left[v] {
			t.Errorf("%q was done", v)
		}
	}
}

// Wherever a file ends, or whichever byte of it is wrong, what stands before is found.
func TestWhatIsNotWholeEndsASegment(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "j")
	j := open(t, dir, journal.Options{})
	add(t, j, "first", "second")
	add(t, j, "third")
	whole, err := os.ReadFile(files(t, dir)[0])
	fatal(t, err)
	all := []string{"first", "second", "third"}
	for i := range whole {
		for name, bytes := range map[string][]byte{"cut": whole[:i], "flipped": flipped(whole, i)} {
			broken := filepath.Join(t.TempDir(), "j")
			fatal(t, os.MkdirAll(broken, 0o700))
			fatal(t, os.WriteFile(filepath.Join(broken, "000001.log"), bytes, 0o600))
			j, err := journal.Open(broken, journal.Options{})
			if errors.Is(err, journal.ErrVersion) && name == "flipped" {
				continue
			}
			fatal(t, err)
			got := values(t, j)
			if len(got) >= len(all) || !slices.Equal(got, all[:len(got)]) {
				t.Errorf("%s at %d: %q", name, i, got)
			}
			add(t, j, "new")
			want(t, j, append(got, "new")...)
			fatal(t, j.Close())
		}
	}
}

func flipped(whole []byte, i int) []byte {
	b := slices.Clone(whole)
	b[i] ^= 0x20
	return b
}

func TestAnotherFormatIsRefusedAndKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := filepath.Join(dir, "000001.log")
	fatal(t, os.WriteFile(name, []byte("anxin journal 2\n and whatever else it has"), 0o600))
	if _, err := journal.Open(dir, journal.Options{}); !errors.Is(err, journal.ErrVersion) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(name); err != nil {
		t.Error(err)
	}
}

// A file of full length is the same journal.
func TestASegmentIsGivenItsFullLength(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "j")
		j := open(t, dir, small)
		add(t, j, "before")
		<-time.After(2 * time.Second)
		synctest.Wait()
		info, err := os.Stat(files(t, dir)[0])
		fatal(t, err)
		if info.Size() != small.SegmentBytes {
			t.Errorf("it has %d bytes", info.Size())
		}
		add(t, j, "after")
		again, err := journal.Open(crash(t, dir), small)
		fatal(t, err)
		want(t, again, "before", "after")
		fatal(t, again.Close())
		fatal(t, j.Close())
	})
}

// What could not be written is an error for all who wait for it, and the journal goes on
// in another file.
func TestAfterAFailedWriteTheJournalGoesOn(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "j")
	j := open(t, dir, journal.Options{})
	add(t, j, "before")
	fatal(t, journal.BreakFile(j))
	if places, err := j.Append([]byte("lost")); err == nil || places != nil {
		t.Fatalf("written to a closed file: %v, %v", places, err)
	}
	add(t, j, "after")
	if got := j.Places(0, j.End(), 10); len(got) != 2 {
		t.Errorf("places %v", got)
	}
	want(t, open(t, crash(t, dir), journal.Options{}), "before", "after")
}

func TestTooLargeAValueIsRefused(t *testing.T) {
	t.Parallel()
	j := open(t, filepath.Join(t.TempDir(), "j"), small)
	if _, err := j.Append([]byte("a"), make([]byte, journal.MaxRecord+1)); !errors.Is(err, journal.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	add(t, j, string(make([]byte, 100_000))) // more than a segment
	add(t, j, "b")
	if got := values(t, j); len(got) != 2 || len(got[0]) != 100_000 {
		t.Errorf("holds %d", len(got))
	}
}

// FuzzOpen reads whatever may stand in a file.
func FuzzOpen(f *testing.F) {
	dir := filepath.Join(f.TempDir(), "j")
	j, err := journal.Open(dir, journal.Options{})
	if err != nil {
		f.Fatal(err)
	}
	places, err := j.Append([]byte("one"), []byte("two"))
	if err != nil {
		f.Fatal(err)
	}
	j.Done(places[0])
	if _, err := j.Append([]byte("three")); err != nil {
		f.Fatal(err)
	}
	names, _ := filepath.Glob(filepath.Join(dir, "*"))
	seed, err := os.ReadFile(names[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = j.Close() })
	f.Add(seed)
	f.Add([]byte{})
	f.Add(seed[:len(seed)-3])
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		fatal(t, os.WriteFile(filepath.Join(dir, "000001.log"), text, 0o600))
		j, err := journal.Open(dir, journal.Options{})
		if errors.Is(err, journal.ErrVersion) {
			return
		}
		fatal(t, err)
		before := values(t, j)
		add(t, j, "new")
		want(t, j, append(slices.Clone(before), "new")...)
		fatal(t, j.Close())
		j, err = journal.Open(dir, journal.Options{})
		fatal(t, err)
		want(t, j, append(before, "new")...)
		fatal(t, j.Close())
	})
}
