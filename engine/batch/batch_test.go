package batch_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	logtest "github.com/sirupsen/logrus/hooks/test"
	"go.uber.org/goleak"

	"anxin/engine/batch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sheet is where batches are written.
type sheet struct {
	mu      sync.Mutex // guards what follows
	batches [][]int
	fault   error
}

func (s *sheet) write(_ context.Context, values []int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault != nil {
		return s.fault
	}
	s.batches = append(s.batches, slices.Clone(values))
	return nil
}

func (s *sheet) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = err
}

func (s *sheet) all() []int { return slices.Concat(s.batches...) }

// running starts a writer; end stops it and waits.
func running(s *sheet, limit int) (w *batch.Writer[int], hook *logtest.Hook, end func()) {
	log, hook := logtest.NewNullLogger()
	w = batch.New("numbers", limit, s.write, log)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { w.Run(ctx); close(done) }()
	return w, hook, func() { cancel(); <-done }
}

func TestValuesAreWrittenTogetherAndInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sheet{}
		w, _, end := running(s, 10_000)
		defer end()
		var want []int
		for i := range 1200 {
			w.Add(i)
			want = append(want, i)
		}
		time.Sleep(time.Second) //nolint:forbidigo // of the bubble
		synctest.Wait()
		if !slices.Equal(s.all(), want) || len(s.batches) != 3 {
			t.Errorf("%d values in %d writes", len(s.all()), len(s.batches))
		}
	})
}

func TestWhatIsLeftIsWrittenAtTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sheet{}
		w, _, end := running(s, 10)
		w.Add(1)
		end()
		if !slices.Equal(s.all(), []int{1}) {
			t.Errorf("wrote %v", s.batches)
		}
	})
}

func TestAFaultDelaysAndIsLoggedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sheet{}
		s.fail(errors.New("disk"))
		w, hook, end := running(s, 10)
		defer end()
		w.Add(1)
		time.Sleep(time.Minute) //nolint:forbidigo // of the bubble
		w.Add(2)
		s.fail(nil)
		time.Sleep(time.Second) //nolint:forbidigo // of the bubble
		synctest.Wait()
		if !slices.Equal(s.all(), []int{1, 2}) || len(hook.AllEntries()) != 1 {
			t.Errorf("wrote %v, logged %d times", s.batches, len(hook.AllEntries()))
		}
	})
}

func TestFlushWritesAtOnce(t *testing.T) {
	t.Parallel()
	s := &sheet{}
	log, _ := logtest.NewNullLogger()
	w := batch.New("numbers", 10, s.write, log)
	w.Add(1)
	if err := w.Flush(t.Context()); err != nil || !slices.Equal(s.all(), []int{1}) {
		t.Errorf("wrote %v, %v", s.batches, err)
	}
	fault := errors.New("disk")
	s.fail(fault)
	w.Add(2)
	if err := w.Flush(t.Context()); !errors.Is(err, fault) {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsTooMuchIsDroppedAndCounted(t *testing.T) {
	t.Parallel()
	s := &sheet{}
	s.fail(errors.New("disk"))
	log, _ := logtest.NewNullLogger()
	w := batch.New("numbers", 2, s.write, log)
	for i := range 5 {
		w.Add(i)
	}
	_ = w.Flush(t.Context())
	s.fail(nil)
	if err := w.Flush(t.Context()); err != nil || !slices.Equal(s.all(), []int{0, 1}) || w.Dropped() != 3 {
		t.Errorf("wrote %v and dropped %d, %v", s.batches, w.Dropped(), err)
	}
}
