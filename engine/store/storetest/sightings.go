package storetest

import (
	"errors"
	"testing"
	"time"

	"anxin/engine"
)

func sight(t *testing.T, s engine.Store, list ...engine.Sighting) {
	t.Helper()
	if err := s.WriteSightings(t.Context(), list); err != nil {
		t.Fatal(err)
	}
}

func sighted(orderNo string, seq int64, after time.Duration) engine.Sighting {
	return engine.Sighting{OrderNo: orderNo, Seq: seq, At: start.Add(after)}
}

func testSightings(t *testing.T, s engine.Store) {
	t.Helper()
	if _, err := s.Sighting(t.Context(), "A1"); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("before any: %v", err)
	}
	sight(t, s, sighted("A1", 3, 1), sighted("A2", 9, 1), sighted("A1", 5, time.Second), sighted("A1", 4, 2*time.Second))
	sight(t, s, sighted("A1", 5, 3*time.Second), sighted("A1", 2, 4*time.Second))
	got, err := s.Sighting(t.Context(), "A1")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "sighting", got, sighted("A1", 5, time.Second))
	sight(t, s)
}

func testSightingSweep(t *testing.T, s engine.Store) {
	t.Helper()
	for i := range 5 {
		sight(t, s, sighted(numbered(i), 1, time.Duration(i)*time.Hour))
	}
	for _, want := range []int64{2, 1, 0} {
		n, err := s.SweepSightings(t.Context(), start.Add(3*time.Hour), 2)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "swept", n, want)
	}
	for i, kept := range []bool{false, false, false, true, true} {
		if _, err := s.Sighting(t.Context(), numbered(i)); (err == nil) != kept {
			t.Errorf("%s: %v", numbered(i), err)
		}
	}
}
