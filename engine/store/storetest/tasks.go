package storetest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"anxin/engine"
	"anxin/engine/order"
)

func testClaimOrder(t *testing.T, s engine.Store) {
	t.Helper()
	commit(t, s, put(task("third", 3*time.Second), task("first", time.Second), task("late", time.Hour), task("second", 2*time.Second)))
	got := claim(t, s, time.Minute, 7, 2)
	equal(t, "first two", orderNos(got), []string{"first", "second"})
	want := task("first", time.Second)
	want.Token, want.LeaseUntil = 7, start.Add(2*time.Minute)
	equal(t, "task", got[0], want)
	equal(t, "the rest that is due", orderNos(claim(t, s, time.Minute, 8, 10)), []string{"third"})
	equal(t, "nothing more is due", len(claim(t, s, time.Minute, 9, 10)), 0)
}

func testLeaseEnds(t *testing.T, s engine.Store) {
	t.Helper()
	again := task("A1", 0)
	again.Tries = 3
	commit(t, s, put(again))
	claim(t, s, time.Second, 7, 10) // until 1 min 1 s
	commit(t, s, put(task("A2", 30*time.Second)))
	equal(t, "while leased", orderNos(claim(t, s, 61*time.Second, 8, 10)), []string{"A2"})
	got := claim(t, s, 61*time.Second+time.Millisecond, 9, 10)
	equal(t, "once the lease has ended", orderNos(got), []string{"A1"})
	equal(t, "token", got[0].Token, 9)
	equal(t, "tries", got[0].Tries, 3)
	// A lease that ended does not bring forward what is due earlier.
	commit(t, s, put(task("A0", -time.Second)))
	equal(t, "both kinds, earliest first", orderNos(claim(t, s, time.Hour, 10, 10)), []string{"A0", "A1", "A2"})
}

func testBornLeased(t *testing.T, s engine.Store) {
	t.Helper()
	born := task("A1", 0)
	born.Token, born.LeaseUntil = 5, start.Add(time.Minute)
	commit(t, s, put(born))
	equal(t, "while leased", len(claim(t, s, time.Second, 7, 10)), 0)
	c := put()
	c.Fence = &engine.Fence{TaskKey: born.TaskKey, Token: 5}
	commit(t, s, c)
	equal(t, "once the lease has ended", orderNos(claim(t, s, time.Hour, 7, 10)), []string{"A1"})
}

func testTaskReplaced(t *testing.T, s engine.Store) {
	t.Helper()
	other := task("A1", 0)
	other.Target = "alipay"
	commit(t, s, put(task("A1", 0), other))
	claim(t, s, time.Second, 7, 10)
	again := task("A1", time.Second)
	again.Tries = 2
	commit(t, s, put(again)) // free again, whoever had the lease
	got := claim(t, s, time.Second, 8, 10)
	again.Token, again.LeaseUntil = 8, start.Add(61*time.Second)
	equal(t, "replaced task", got, []engine.Task{again})
	commit(t, s, engine.Commit{Tasks: []engine.TaskWrite{{Task: again, Delete: true}, {Task: task("never there", 0), Delete: true}}})
	equal(t, "after the deletion", len(claim(t, s, time.Hour, 9, 10)), 1)
}

func testClaimersShare(t *testing.T, s engine.Store) {
	t.Helper()
	const n, claimers = 200, 8
	var tasks []engine.Task
	for i := range n {
		tasks = append(tasks, task(numbered(i), time.Duration(i%7)*time.Second))
	}
	commit(t, s, put(tasks...))
	var mu sync.Mutex
	var got []string
	var group sync.WaitGroup
	for i := range claimers {
		group.Go(func() {
			now := start.Add(time.Minute)
			for {
				mine, err := s.ClaimTasks(t.Context(), engine.Claim{DueBy: now, Now: now, LeaseUntil: now + 1, Token: int64(i + 1), Limit: 9})
				if err != nil {
					t.Errorf("claim: %v", err)
				}
				if len(mine) == 0 {
					return
				}
				mu.Lock()
				got = append(got, orderNos(mine)...)
				mu.Unlock()
			}
		})
	}
	group.Wait()
	slices.Sort(got)
	var want []string
	for i := range n {
		want = append(want, numbered(i))
	}
	equal(t, "tasks handed out", got, want)
}

func testFence(t *testing.T, s engine.Store) {
	t.Helper()
	o := created(t, s, "A1")
	commit(t, s, put(task("A1", 0)))
	claim(t, s, 0, 7, 1)
	stale := following(o, o.Claim(start, order.Wait{}))
	stale.Fence = &engine.Fence{TaskKey: task("A1", 0).TaskKey, Token: 7}
	claim(t, s, time.Hour, 8, 1) // the lease ended, another took over
	refuse(t, s, stale, engine.ErrFenced)

	commit(t, s, engine.Commit{Tasks: []engine.TaskWrite{{Task: task("A1", 0), Delete: true}}})
	stale.Fence = &engine.Fence{TaskKey: task("A1", 0).TaskKey, Token: 8}
	refuse(t, s, stale, engine.ErrFenced)
	equal(t, "order", read(t, s, "A1"), o)
}

func testFencedReschedule(t *testing.T, s engine.Store) {
	t.Helper()
	o := created(t, s, "A1")
	commit(t, s, put(task("A1", 0)))
	claim(t, s, 0, 7, 1)
	c := following(o, o.Claim(start, order.Wait{}))
	c.Fence = &engine.Fence{TaskKey: task("A1", 0).TaskKey, Token: 7}
	c.Tasks = []engine.TaskWrite{{Task: task("A1", time.Minute)}}
	commit(t, s, c)
	equal(t, "before it is due again", len(claim(t, s, 59*time.Second, 8, 1)), 0)
	equal(t, "when it is due again", orderNos(claim(t, s, time.Minute, 8, 1)), []string{"A1"})
	refuse(t, s, c, engine.ErrFenced) // its lease went with the task it put back
}
