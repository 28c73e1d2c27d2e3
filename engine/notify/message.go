package notify

import "time"

// Message is one text for one address, ready to be sent.
type Message struct {
	// ID names the message for ever: [A-Za-z0-9_-], at most MaxID bytes. It is the same
	// however often the message is tried, and goes to the provider as its idempotency key
	// where there is one, else as a reference that comes back with receipts.
	ID       string
	OrderNo  string // "" when it is about no order
	Notice   Notice
	Channel  Channel
	To       Address
	Language string // BCP 47, of the text: "zh-CN"
	Template string // name of the template
	Version  int    // of the template
	Text     Text
	SMS      SMSTemplate // for providers that send approved templates only
	// CollapseKey is one per order: a newer message with it takes the place of the one
	// that the device shows. At most 32 characters of the URL-safe Base64 alphabet, which
	// is what the Topic of RFC 8030 and all push services take.
	CollapseKey string
	Link        string        // where a tap leads, https; "" = nowhere
	Unsubscribe string        // link that ends such messages; "" = the message is transactional
	TTL         time.Duration // how long the provider may keep trying; 0 = its default
}

// MaxID is the longest message id in bytes: the 64 characters that Alibaba Cloud keeps of
// an OutId with room for a suffix.
const MaxID = 60

// Text is what is read. Providers use what their channel carries: an SMS the body, a push
// title and body, an e-mail all three.
type Text struct {
	Title string
	Body  string // plain text, lines separated by \n
	HTML  string // of an e-mail; "" = none
}

// SMSTemplate fills a template that the provider has approved. Providers that send free
// text ignore it.
type SMSTemplate struct {
	ID     string // at the provider; "" = there is none, which such a provider refuses
	Params []Param
}

// Param is one variable of an approved template: some providers take them by name, others
// by place.
type Param struct {
	Name  string
	Value string
}

// Address is where a message goes: the field of its channel is set, and no other.
type Address struct {
	Phone   string       // E.164: "+8613800138000"
	Email   string       // addr-spec of RFC 5321, without a display name
	Device  Device       // of the app
	WebPush Subscription // of a browser
	PayerID string       // at the merchant's own gateway, or the inbox
	Robot   string       // name of an operators' group in the configuration
}

// Device is an installation of the merchant's app.
type Device struct {
	Platform string // PlatformAPNs or PlatformFCM
	Token    string
}

// The platforms of devices.
const (
	PlatformAPNs = "apns"
	PlatformFCM  = "fcm"
)

// Subscription is a browser's PushSubscription; the keys are unpadded Base64url.
type Subscription struct {
	Endpoint string `json:"endpoint"`
	P256DH   string `json:"p256dh"`
	Auth     string `json:"auth"`
}
