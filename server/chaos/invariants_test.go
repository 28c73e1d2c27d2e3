package chaos

import (
	"context"
	"path/filepath"
	"slices"
	"time"

	"anxin/engine"
	"anxin/engine/order"
	"anxin/engine/store"
)

// judge holds every order against its fate:
//
//   - it ended in the state that the evidence supports (settle has waited for that);
//   - its timeline has no gap and does not run backwards;
//   - it has the cases that it must have, and none without a cause;
//   - its backend was told each result once by its id, in the order of seq, and nothing
//     that did not happen;
//   - its payer was shown no downgrade (payers_test.go) and ends with the truth;
//   - every promised attempt began, or soon after the server was back where it had died;
//   - every acknowledged callback is stored and weighed;
//   - a settled order has no task left but looks at its messages that are yet to come, an
//     unsettled one has not lost its own;
//   - its payer was told nothing wrong (messages_test.go).
func (w *world) judge() {
	for _, f := range w.fates {
		w.judgeTimeline(f)
		w.judgeCases(f)
		w.judgeWebhooks(f)
		w.judgePromises(f)
	}
	w.judgeSights()
	w.payers.end()
	w.post.all.Wait() // what carriers still report
	w.server.stop()
	w.judgeStore()
}

func (w *world) judgeTimeline(f *fate) {
	last := order.Event{}
	for _, ev := range f.view.Timeline {
		if ev.Seq != last.Seq+1 || ev.At < last.At || ev.Attempt < last.Attempt {
			w.wrongs.add("timeline", "%s: %s at seq %d after %s at %d", f.no, ev.Type, ev.Seq, last.Type, last.Seq)
		}
		last = ev
	}
	if last.Seq != f.view.Seq {
		w.wrongs.add("timeline", "%s ends at %d and the order is at %d", f.no, last.Seq, f.view.Seq)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.claim && f.view.ClaimedAt == 0 && !slices.ContainsFunc(f.view.Timeline, func(ev order.Event) bool { return ev.Status.Final() }) {
		w.wrongs.add("lost claim", "%s", f.no)
	}
}

func (w *world) judgeCases(f *fate) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.view.Cases {
		if !f.causes[c.Kind] {
			w.wrongs.add("case without cause", "%s (%s): %s", f.no, f.kind, c.Kind)
		}
	}
}

func (w *world) judgeWebhooks(f *fate) {
	last, results := int64(0), make(map[string]int)
	for _, t := range w.backend.of(f.no) {
		if t.seq < last {
			w.wrongs.add("webhook order", "%s: %s of seq %d was first accepted after seq %d", f.no, t.kind, t.seq, last)
		}
		last = max(last, t.seq)
		if t.kind != "order.case_opened" && t.kind != "order.refunding" {
			results[t.kind]++
		}
		if i := t.seq - 1; i < 0 || i >= int64(len(f.view.Timeline)) || webhookOf(f, f.view.Timeline[i]) != t.kind {
			w.wrongs.add("webhook without event", "%s: %s of seq %d", f.no, t.kind, t.seq)
		}
	}
	for kind, n := range results {
		if n > 1 {
			w.wrongs.add("result told twice", "%s: %s under %d ids", f.no, kind, n)
		}
	}
}

// judgeSights waits until the payers who are connected see what is true.
func (w *world) judgeSights() {
	for _, f := range w.fates {
		w.payers.comeBack(f)
	}
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	left := slices.Clone(w.fates)
	for deadline := time.Now().Add(time.Minute); len(left) > 0 && time.Now().Before(deadline); <-again.C {
		left = slices.DeleteFunc(left, func(f *fate) bool { return w.payers.sight(f).last.Status == f.view.Status })
	}
	for _, f := range left {
		s := w.payers.sight(f)
		w.wrongs.add("payer left behind", "%s: shown %q at seq %d, is %q at seq %d", f.no, s.last.Status, s.last.Seq, f.view.Status, f.view.Seq)
	}
}

// judgeStore looks at what a stopped server leaves behind.
func (w *world) judgeStore() {
	ctx := context.Background()
	s, err := store.Open(ctx, "sqlite:"+filepath.Join(w.server.dir, "anxin.db"), store.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for _, f := range w.fates {
		w.judgeCallbacks(ctx, s, f)
	}
	overdue := order.At(time.Now().Add(-30 * time.Second))
	const forever = order.Time(1) << 60
	tasks, err := s.ClaimTasks(ctx, engine.Claim{DueBy: forever, Now: forever, LeaseUntil: forever, Token: 1, Limit: 100 * len(w.fates)})
	if err != nil {
		w.t.Fatal(err)
	}
	w.judgeMessages(ctx, s, tasks)
	queries := make(map[string]bool)
	for _, task := range tasks {
		f := w.byNo[task.OrderNo]
		queries[task.OrderNo] = queries[task.OrderNo] || task.Kind == engine.TaskQuery
		// Whether there is something to tell of a result is looked at once more after it, and
		// again while the payer has the page open: such a task is behind only when overdue.
		waits := task.Kind == engine.TaskNotify && task.DueAt > overdue
		if f.view.Payment != order.Pending && !waits {
			w.wrongs.add("task left", "%s (%s): %s", f.no, f.kind, task.Kind)
		}
	}
	for _, f := range w.fates {
		if f.view.Payment == order.Pending && !queries[f.no] {
			w.wrongs.add("task lost", "%s (%s) is pending and nobody will ask", f.no, f.kind)
		}
	}
}

// manyCallbacks is more than an order of the world has.
const manyCallbacks = 100

func (w *world) judgeCallbacks(ctx context.Context, s *store.Store, f *fate) {
	stored := make(map[string]engine.CallbackState)
	for _, state := range []engine.CallbackState{engine.CallbackProcessed, engine.CallbackPending, engine.CallbackQuarantined} {
		list, err := s.Callbacks(ctx, f.no, state, manyCallbacks)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, c := range list {
			stored[c.DedupeKey] = state
		}
	}
	for _, id := range f.acked {
		if stored[id] != engine.CallbackProcessed {
			w.wrongs.add("lost callback", "%s was acknowledged and is %q", id, stored[id])
		}
	}
}

// lateness of promised attempts. A second counts as kept; what never came, or came when
// no payer waits any more, is broken. What was late in a server that had just started is
// told apart: it has then to do what it could not while it was away.
type lateness struct {
	kept, late, rushed, broken, excused int
	worst                               time.Duration
}

const (
	keptWithin   = time.Second
	brokenBeyond = 30 * time.Second
	justStarted  = 10 * time.Second
)

func (w *world) judgePromises(f *fate) {
	if f.pushed {
		return // the backend's own promises
	}
	for i, ev := range f.view.Timeline {
		if ev.NextAttemptAt == 0 || ev.Status != order.StatusConfirming || (i > 0 && f.view.Timeline[i-1].NextAttemptAt == ev.NextAttemptAt) {
			continue
		}
		ended := f.view.read
		for _, next := range f.view.Timeline[i+1:] {
			if next.NextAttemptAt != ev.NextAttemptAt {
				ended = next.At.Std()
				break
			}
		}
		w.promises.score(w, f, ev, ended)
	}
}

func (l *lateness) score(w *world, f *fate, ev order.Event, ended time.Time) {
	late := ended.Sub(ev.NextAttemptAt.Std())
	back := w.server.backBy(ev.At.Std(), ended)
	switch since := ended.Sub(back); {
	case late > keptWithin && !back.IsZero() && since <= brokenBeyond:
		l.excused++
		return
	case late <= keptWithin:
		l.kept++
	case late <= brokenBeyond:
		l.late++
		if ev.NextAttemptAt.Std().Sub(w.server.upSince(ev.NextAttemptAt.Std())) < justStarted {
			l.rushed++
		}
	default:
		l.broken++
		w.wrongs.add("promise broken", "%s: promised at seq %d for %v, %v late", f.no, ev.Seq, ev.NextAttemptAt, late)
	}
	l.worst = max(l.worst, late)
}

// report says what the run consisted of.
func (w *world) report() {
	callbacks, frames, told := 0, 0, 0
	kinds := make(map[kind]int)
	for _, f := range w.fates {
		callbacks += len(f.acked)
		frames += w.payers.sight(f).frames
		told += len(w.backend.of(f.no))
		kinds[f.kind]++
	}
	if ages := w.payers.ages(); len(ages) > 0 {
		w.t.Logf("an update frame came %v after its change, %v for one in a hundred, %v at worst",
			ages[len(ages)/2], ages[len(ages)*99/100], ages[len(ages)-1])
	}
	p := w.promises
	w.t.Logf("fates %v", kinds)
	w.t.Logf("%d callbacks acknowledged, %d questions asked, %d frames shown, %d webhooks accepted in %d sendings",
		callbacks, w.gateway.asked, frames, told, w.backend.sends)
	w.reportMessages()
	w.t.Logf("promises: %d kept within %v, %d later (%d of them in the first %v of a life), %d broken, %d met a dead server; worst %v",
		p.kept, keptWithin, p.late, p.rushed, justStarted, p.broken, p.excused, p.worst)
	w.t.Logf("%d violations", w.wrongs.total())
}
