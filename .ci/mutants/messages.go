package main

// messageMutants break what payers are promised about messages.
var messageMutants = []mutant{
	{
		name: "the state is not read again when a message is sent",
		edits: []edit{
			{"engine/message_run.go", `facts, err := e.messageFacts(ctx, o, now)`, `facts, err := e.messageFacts(ctx, firstLook(o), now)`},
			{"engine/message_owe.go", `// facts gathers what`, `var looks sync.Map

func firstLook(o order.Order) order.Order {
	first, _ := looks.LoadOrStore(o.OrderNo, o)
	return first.(order.Order)
}

// facts gathers what`},
			{"engine/message_owe.go", `"sync/atomic"`, `"sync"; "sync/atomic"`},
		},
		test: "./engine TestEachStage|TestAStaleMessage",
	},
	{
		name:  "a message that was maybe sent is sent again",
		edits: []edit{{"engine/message_send.go", `if !job.via.traits.Repeatable {`, `if !job.via.traits.Repeatable && false {`}},
		test:  "./engine TestAMessageThatWasMaybeSent",
	},
	{
		name:  "a message that a crash cut off is sent again, whoever brings it",
		edits: []edit{{"engine/message_left.go", ` || !e.repeatable(r.Provider):`, `:`}},
		test:  "./engine TestAMessageThatACrashLeft",
	},
	{
		name:  "a message does not wait for the one before it",
		edits: []edit{{"engine/message_left.go", `case !orphan:`, `case !orphan && false:`}},
		test:  "./engine TestTheResultWaits|TestAMessageThatACrashLeft",
	},
	{
		name: "bounds on messages are ignored",
		edits: []edit{
			{"engine/notify/decide.go", `if n := p.Caps[c].Order; n > 0 && f.sentBy`, `if n := p.Caps[c].Order; n < 0 && f.sentBy`},
			{"engine/store/messages.go", `return &engine.CappedError{Name: c.Name}`, `continue`},
		},
		test: "./engine TestCapsHold",
	},
	{
		name:  "who has seen it is told all the same",
		edits: []edit{{"engine/notify/decide.go", `if !step.EvenIfSeen && f.Seen {`, `if !step.EvenIfSeen && f.Seen && false {`}},
		test:  "./engine TestWhoHasSeenIt",
	},
	{
		name:  "who has the page open is told all the same",
		edits: []edit{{"engine/message_owe.go", `f.Watching = e.Watching(ctx, o.OrderNo)`, `f.Watching = false`}},
		test:  "./engine TestWhoHasSeenIt",
	},
	{
		name:  "who unsubscribed is told all the same",
		edits: []edit{{"engine/notify/decide.go", `case f.OptedOut[c] && (rule.Optional || contact.OptedIn):`, `case f.OptedOut[c] && (rule.Optional || contact.OptedIn) && false:`}},
		test:  "./engine TestPayersOptInAndOut",
	},
	{
		name:  "a result that people look into is told",
		edits: []edit{{"engine/notify/current.go", `return o.Status().Final()`, `return false`}},
		test:  "./engine/notify TestWhatIsToldIsWhatIsTrue",
	},
	{
		name:  "results are told to nobody",
		edits: []edit{{"engine/message_owe.go", `if notice == was && before`, `if notice.Result() || notice == was && before`}},
		test:  "./engine TestEachStage",
	},
	{
		name:  "a cause is named that nobody has found",
		edits: []edit{{"engine/notify/catalogue.go", `if o.Diagnosis().Located() {`, `if o.Diagnosis().Located() || true {`}},
		test:  "./engine/notify .",
	},
	{
		name:  "messages about one order do not replace each other",
		edits: []edit{{"engine/message_run.go", `CollapseKey: about.facts.CollapseKey()`, `CollapseKey: notify.CollapseKey(r.ID)`}},
		test:  "./engine .",
	},
	{
		name:  "anybody may report of messages",
		edits: []edit{{"engine/notify/twilio/receipts.go", `if !hmac.Equal(given, signature(p.cfg.AuthToken, p.statusURL(id), form)) {`, `if len(given)+len(signature(p.cfg.AuthToken, p.statusURL(id), form)) == 0 {`}},
		test:  "./engine/notify/twilio TestReceipts",
	},
	{
		name:  "a report that overtakes its message is forgotten",
		edits: []edit{{"engine/message_api.go", `e.messages.early.keep(s, u, now())`, `_ = u`}},
		test:  "./engine TestAReportThatOvertakes",
	},
	{
		name:  "the last report holds, not the first",
		edits: []edit{{"engine/message_api.go", `return reported == notify.StatusBounced`, `return true`}},
		test:  "./engine TestReceiptsMoveRecords",
	},
	{
		name:  "a message that is over waits for ever",
		edits: []edit{{"engine/message_run.go", `len(over) > 0 {`, `len(over) > 0 && false {`}},
		test:  "./engine TestAStaleMessage",
	},
	{
		name:  "what turned out needless waits for ever",
		edits: []edit{{"engine/message_left.go", `case list[at].verdict.Action == notify.ActionSkip:`, `case false:`}},
		test:  "./engine TestNothingWaits",
	},
	{
		name:  "a sender that comes back late leaves its message waiting",
		edits: []edit{{"engine/message_send.go", `if r.Status == notify.StatusWaiting { // which`, `if false { // which`}},
		test:  "./engine TestASenderThatComesBack",
	},
	{
		name:  "a message that is on its way is taken for left",
		edits: []edit{{"engine/message_left.go", `if e.messages.flying.has(r.ID) {`, `if false {`}},
		test:  "./engine TestAMessageThatIsOnItsWay",
	},
	{
		name:  "refunds of a part use up the order's own bound",
		edits: []edit{{"engine/notify/decide.go", `r.Notice.Part() == f.Notice.Part() && r`, `r`}},
		test:  "./engine TestRefundsHaveABound",
	},
	{
		name:  "refunds are told while people look into one that failed",
		edits: []edit{{"engine/notify/refund.go", `|| held(o)`, ``}},
		test:  "./engine TestARefundIsTold",
	},
	{
		name:  "who ended it is written to again",
		edits: []edit{{"engine/consent.go", `if unwanted {`, `if unwanted && false {`}},
		test:  "./engine TestWhoEndsIt",
	},
}
