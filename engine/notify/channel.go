package notify

// Channel is a way to reach somebody.
type Channel string

// The channels. Robots reach operators, all others the payer.
const (
	SMS     Channel = "sms"
	Push    Channel = "push"    // of the merchant's app: APNs, FCM
	WebPush Channel = "webpush" // of a browser that opted in
	Email   Channel = "email"
	Inbox   Channel = "inbox"   // the message centre: stored here, no provider
	Gateway Channel = "gateway" // the merchant's own message gateway, by the payer's id
	Robot   Channel = "robot"   // an operators' chat group
)

// Channels are all channels.
var Channels = []Channel{SMS, Push, WebPush, Email, Inbox, Gateway, Robot}

// Notice names what a message tells: a stage of waiting, or a result.
type Notice string

// The notices.
const (
	NoticeDelayed   Notice = "delayed"   // being confirmed, do not pay again
	NoticeProlonged Notice = "prolonged" // it takes long: what is being done, whom to ask
	NoticeSucceeded Notice = "succeeded"
	NoticeFailed    Notice = "failed"
	NoticeClosed    Notice = "closed"
	NoticeRefunding Notice = "refunding" // the refund was accepted
	NoticeRefunded  Notice = "refunded"  // the money is back
	// Of an order that stays paid, of each refund for itself.
	NoticePartRefunding Notice = "part_refunding" // the refund of a part was accepted
	NoticePartRefunded  Notice = "part_refunded"  // that part is back
	NoticeCode          Notice = "code"           // a one-time code that the payer asked for
	NoticeTest          Notice = "test"           // an operator tries a provider
	NoticeAlert         Notice = "alert"          // to operators
)

// Result reports whether the notice tells how an order ended.
func (n Notice) Result() bool {
	switch n {
	case NoticeSucceeded, NoticeFailed, NoticeClosed, NoticeRefunding, NoticeRefunded:
		return true
	case NoticeDelayed, NoticeProlonged, NoticePartRefunding, NoticePartRefunded, NoticeCode, NoticeTest, NoticeAlert:
		return false
	}
	return false
}

// Part reports whether the notice is about one refund of an order that stays paid.
func (n Notice) Part() bool { return n == NoticePartRefunding || n == NoticePartRefunded }
