// Package engine takes what channels and backends say, keeps asking until the truth
// about each order is known, and tells everyone who has to know. It knows no
// connections and no HTTP; what it needs from outside are the ports of ports.go.
//
// # The story of one callback
//
// Receive hands the raw bytes to the channel's Verify. What verifies is weighed by the
// pure order machine; then the raw callback, the new state, its events, the webhook
// that is owed to the backend and the task that will deliver it are committed in one
// transaction. Only after that commit is durable does the channel get its
// acknowledgement. A callback for an order nobody has registered is stored in
// quarantine together with a task that looks again, so neither order of arrival nor a
// crash in between can lose it; after a week without its order it joins the refused ones.
//
// When that takes longer than a moment, since the disk is busy with the database, the
// callback is put into the journal as well, a file beside the database to which records are
// only appended, and acknowledged: it is durable. Once it is weighed it leaves the journal.
// A crash before that weighs it again, and finds it a duplicate if it was done.
//
// Callbacks that are frequent go that way from the start, since each order costs the store
// some twelve rows, and the channel waits for one record. While more are being received than
// the writer needs to be busy, or more came within the last moment, a callback is only put
// into the journal, and acknowledged; the notifications of one body are one write. The
// backlog gathers for some milliseconds and then weighs many orders in one commit, in the
// order of receipt for each order, behind those that wait already. With what
// an entry does to its order it becomes a stored callback, and leaves the journal. Only then
// is it known whether it came before: one that did leaves the journal and changes nothing,
// and where a group has one, its entries are weighed one by one. One whose order nobody has
// registered goes into quarantine.
//
// The journal is the queue, what the node remembers of it a hint: a start, and every few
// seconds whichever node is up, weighs the entries that nobody remembers. No entry leaves
// the journal unless its callback is stored, so that it never hurts to look. While a rush of
// many at a time lasts, acknowledging comes first, for two seconds at most, and then few
// orders are weighed at a time; the backlog is bounded, and beyond the bound a callback waits
// to be weighed like any other.
//
// What does not verify is answered as the channel wants it and forgotten by the hot path.
// A sample of it, bounded in rate, number, bytes and age, is written with its reason by a
// goroutine of its own, so that an operator can see what came and, once a key or a clock
// is put right, replay it: it is verified again as of the time at which it came, and from
// there on goes the way of every callback. So does a stored one that is replayed.
//
// # The story of one retry tick
//
// A claim promises the first query three seconds later: the order says next_attempt_at,
// and a query task with that due time is committed beside it. Near-due tasks are leased
// ahead and wait in memory, so the tick fires at its time and not at a poll. Tasks that wait
// for nothing but the store are read and written together when they come due together, and
// as many as fit one group of the store may be on their way, so that none begins late
// because the disk takes its time with those before it. The handler
// commits retry.started (fenced: a worker that lost its lease is refused), asks the
// channel, and commits what came of it: a new state, or the next promise. Whatever the
// answer, time alone settles nothing: a schedule that runs out opens a case.
//
// # What may start
//
// A task that is due passes the gate of its target first: the operator's pause, the
// breaker, the bound on concurrent calls and, for a channel, its budget. One that may not
// start gets the time when it may, a slot of its own in the order of asking. Half a
// second is waited in memory; anything longer is committed as a new due time together
// with retry.scheduled, so that the page shows when the channel will really be asked. No
// attempt is counted and the task keeps its tries. A slot whose order was settled
// meanwhile goes to the next. Breaker and slots are each node's own and end with it;
// pauses are in the store.
//
// # What people decide
//
// A case stands in its order, and as a row of a list that is written in the same commit.
// A person's answer is a commit too, with the audit of who gave it; it can have recovery
// begin anew, tell the backend something or let a withheld late success go, but it never
// moves a payment. A settlement file does: its rows are made durable first, and a task
// weighs them as evidence, each row's outcome in the commit of what it did to its order.
// So an import that is cut off goes on where it was, and a row counts once.
//
// # Fencing
//
// A task is a row with a due time, and has a lease and a token while somebody holds it.
// Every write of the task changes the token; every commit of a handler carries the token it
// was given and is refused once the task has another, or none. A worker that was paused,
// or believed dead, can therefore finish its call but never its commit.
//
// What a node holds in memory is a hint, the store is the truth. Where the two may differ
// (a commit and a claim of one task return in either order) the node fires both and lets
// the fence decide. A task that waited long for its turn is leased anew before it runs,
// so that a backlog is worked off however long it is.
package engine
