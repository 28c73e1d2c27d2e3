package main

// edit replaces a text that occurs exactly once in a file.
type edit struct{ file, old, new string }

// mutant is a server that breaks one promise on purpose.
type mutant struct {
	name  string
	edits []edit
	test  string // package and -run of a smaller check that has to catch it; "" = none
	// queue says that only several nodes at one store would notice, or a transaction that
	// fails: the chaos suite has neither.
	queue bool
}

var mutants = append(intakeMutants, messageMutants...)

var intakeMutants = []mutant{
	{
		name: "acknowledge a callback before its commit",
		edits: []edit{{
			"engine/receive.go", `if err := e.take(ctx, entriesOf(name, notes, r)); err != nil {`,
			`go func() { _ = e.take(context.WithoutCancel(ctx), entriesOf(name, notes, r)) }(); if err != nil {`,
		}},
		test: "./engine TestCallback|TestReceive|TestWhatever|TestStore",
	},
	{
		name: "answer writers before the transaction is committed",
		edits: []edit{{
			"engine/store/writer.go", `crash.At(crash.BeforeTransaction)`,
			`for _, r := range group { r.done <- r.err }; crash.At(crash.BeforeTransaction)`,
		}},
		test: "./engine/store .",
	},
	{
		name: "tell listeners before the commit",
		edits: []edit{{
			"engine/change.go", `crash.At(crash.BeforeCommit)`,
			`if c.Order != nil { e.deps.Listener.Committed(*c.Order, c.Events) }; crash.At(crash.BeforeCommit)`,
		}},
		test: "./engine .",
	},
	{
		name:  "no fencing",
		edits: []edit{{"engine/store/leases.go", `ok && held.LeaseUntil != 0 && held.Token == f.Token`, `ok || held == nil`}},
		test:  "./engine TestTheTaskQueueDoesWhatItsModelDoes",
		queue: true,
	},
	{
		name:  "a lease never ends",
		edits: []edit{{"engine/store/leases.go", `l.running.list[0].LeaseUntil < now`, `l.running.list[0].LeaseUntil < min(now, 1)`}},
		test:  "./engine TestTheTaskQueueDoesWhatItsModelDoes",
		queue: true,
	},
	{
		name:  "leases outlive the rollback of what they came with",
		edits: []edit{{"engine/store/leases.go", `slices.Backward(l.undo)`, `slices.Backward(l.undo[:0])`}},
		test:  "./engine/store .",
		queue: true,
	},
	{
		name:  "what is written where claims have read already is forgotten",
		edits: []edit{{"engine/store/leases.go", `t.LeaseUntil == 0 && l.frontier.before(taskPlace{due: t.DueAt})`, `t.LeaseUntil == 0`}},
		test:  "./engine/store .",
		queue: true,
	},
	{
		name: "seq skips numbers",
		edits: []edit{
			{"engine/order/event.go", "\to.Seq++\n", "\tif o.Seq++; t == EventScheduled { o.Seq++ }\n"},
			{"engine/store/codec.go", `ev.Seq != seq`, `ev.Seq < seq`},
			{"engine/store/codec.go", `c.Order.Seq != seq`, `c.Order.Seq < seq`},
		},
		test: "./engine .",
	},
	{
		name: "quarantined callbacks are forgotten",
		edits: []edit{
			{"engine/receive.go", `commit.addTask(processTask(c.OrderNo, c.Channel), now().Add(in))`, `_ = in`},
			{"engine/weigh.go", `c.addTask(processTask(n.OrderNo, n.Key.Channel), now().Add(quarantineLooks[0]))`, `_ = n`},
			{"engine/register.go", `if len(waiting) > 0 {`, `if len(waiting) > 0 && false {`},
		},
		test: "./engine TestCallback|TestQuarantine|TestRegist|TestReceive",
	},
	{
		name:  "what was acknowledged and not weighed is forgotten at a restart",
		edits: []edit{{"engine/weigh.go", `if failed = errors.Join(failed, err); len(page) == 0 {`, `if failed = errors.Join(failed, err); len(page) >= 0 {`}},
		test:  "./engine TestNothingThatWasAcknowledged",
	},
	{
		name: "a callback is acknowledged first, and stored when there is time",
		edits: []edit{{
			"engine/receive.go", `ids, err := e.deps.Store.AddEntries(ctx, list)`,
			`var err error; ids := make([]EntryID, len(list)); go func() { _, _ = e.deps.Store.AddEntries(context.WithoutCancel(ctx), list) }()`,
		}},
		test: "./engine TestSeveralNotifications",
	},
	{
		name:  "an entry leaves the journal without its callback",
		edits: []edit{{"engine/weigh.go", `e.weighEach(ctx, byOrder(list))`, `_ = e.deps.Store.DropEntries(ctx, ids); e.weighEach(ctx, byOrder(list))`}},
		test:  "./engine TestStoreThatCannotWrite",
	},
	{
		name:  "what is acknowledged while it is weighed is kept nowhere",
		edits: []edit{{"engine/receive.go", `case <-patience.C:`, "case <-patience.C:\n\t\treturn nil\n\tcase <-make(chan int):"}},
		test:  "./engine TestACallbackThatIsLong|TestWhatWasAcknowledged",
	},
	{
		name:  "a file of the journal that is used again brings back its past",
		edits: []edit{{"engine/store/journal/segment.go", `binary.LittleEndian.PutUint32(place[:], seq)`, `_ = seq`}},
		test:  "./engine/store/journal .",
	},
	{
		name:  "a record of the journal that is not whole is believed",
		edits: []edit{{"engine/store/journal/segment.go", `if checksum(s.seq, at, record) != binary.LittleEndian.Uint32(head[4:]) {`, `if false {`}},
		test:  "./engine/store/journal .",
	},
	{
		name:  "what repeats another is weighed like a new one",
		edits: []edit{{"engine/weigh.go", `case !errors.Is(err, ErrDuplicate):`, `case true:`}},
		test:  "./engine TestDuplicates",
	},
	{
		name:  "entries of the journal are weighed and stay there",
		edits: []edit{{"engine/store/journal.go", `s.journal.Done(places...)`, `_ = places`}},
		test:  "./engine TestDuplicates|TestCallback",
	},
	{
		name:  "deliver the newest result first",
		edits: []edit{{"engine/store/reads.go", `given_up_at = 0 ORDER BY seq, id LIMIT 1`, `given_up_at = 0 ORDER BY seq DESC, id LIMIT 1`}},
		test:  "./engine/store .",
	},
	{
		name:  "ignore a wrong amount",
		edits: []edit{{"engine/order/evidence.go", `case ev.Amount != nil && *ev.Amount != o.Amount:`, `case ev.Amount != nil && *ev.Amount != o.Amount && false:`}},
		test:  "./engine/order .",
	},
	{
		name:  "no dedupe of callbacks",
		edits: []edit{{"engine/receive.go", `DedupeKey: n.DedupeKey}`, `DedupeKey: fmt.Sprint(n.DedupeKey, time.Now().UnixNano())}`}},
		test:  "./engine .",
	},
	{
		name:  "a callback of a refused commit stays",
		edits: []edit{{"engine/store/commit.go", `e.takeBack(ctx, w, written)`, `e.takeBack(ctx, w, 0*written)`}},
		test:  "./engine/store .",
	},
	{
		name:  "a new webhook-id with each try",
		edits: []edit{{"engine/webhook/sender.go", `req.Header.Set(HeaderID, w.ID)`, `w.ID += strconv.FormatInt(at.UnixNano(), 36); req.Header.Set(HeaderID, w.ID)`}},
		test:  "./engine/webhook .",
	},
	{
		name:  "a failed delivery is not tried again",
		edits: []edit{{"engine/deliver.go", `DueAt: next, Tries: t.Tries + 1}}}`, `DueAt: next, Tries: t.Tries + 1}, Delete: true}}`}},
		test:  "./engine .",
	},
}
