// Package crash marks the places where a process that dies does the most harm: around
// every commit and around everything that is said to the outside. In an ordinary build
// At does nothing and costs nothing. In one with the build tag `chaos` the process kills
// itself there, as a power cut would, when its environment says so; the chaos suite in
// server/chaos builds such a server and starts it again over the same data.
//
// The variable ANXIN_CRASH is "place:n", for the n-th time that the place is crossed, or
// "any:n", for the n-th crossing of any. It exists in the tagged build only and is no
// setting of the server, which is why it is read here and not in server/config.
package crash

// Place names a point in the code.
type Place string

// The places.
const (
	BeforeCommit      Place = "before_commit"      // decided, nothing written
	AfterCommit       Place = "after_commit"       // durable, nobody told
	BeforeTransaction Place = "before_transaction" // a group written, its COMMIT not begun
	AfterTransaction  Place = "after_transaction"  // the group durable, no caller answered
	BeforeQuery       Place = "before_query"       // of a channel
	AfterQuery        Place = "after_query"
	BeforeSend        Place = "before_send" // of a webhook
	AfterSend         Place = "after_send"  // the backend has it, the outcome is not written
	BeforeMessage     Place = "before_message"
	AfterMessage      Place = "after_message" // the provider has it, the outcome is not written
	BeforeAnswer      Place = "before_answer"
	BeforeJournal     Place = "before_journal"  // verified, nothing written
	AfterJournal      Place = "after_journal"   // in the journal, its sender not answered
	BeforeWeighing    Place = "before_weighing" // callbacks acknowledged, nothing of them weighed
)

// Places returns all of them.
func Places() []Place {
	return []Place{
		BeforeCommit, AfterCommit, BeforeTransaction, AfterTransaction,
		BeforeQuery, AfterQuery, BeforeSend, AfterSend, BeforeMessage, AfterMessage, BeforeAnswer,
		BeforeJournal, AfterJournal, BeforeWeighing,
	}
}

// Any is every place at once, for ANXIN_CRASH.
const Any Place = "any"
