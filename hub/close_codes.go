package hub

import "slices"

// CloseCode is the status of a WebSocket close frame (RFC 6455, section 7.4).
// The 4000s are the hub's own.
type CloseCode int

// The codes that the hub closes with. See [CloseCodes] for their meaning.
const (
	CloseGoingAway        CloseCode = 1001
	CloseMalformed        CloseCode = 1002
	CloseTooBig           CloseCode = 1009
	CloseRestart          CloseCode = 1012
	CloseSubscribeTimeout CloseCode = 4001
	CloseProtocol         CloseCode = 4002
	CloseSlow             CloseCode = 4003
	CloseDead             CloseCode = 4004
	CloseExpired          CloseCode = 4005
)

// CloseInfo describes one close code to clients and to documentation.
type CloseInfo struct {
	Code CloseCode `json:"code"`
	// Reason is the text in the close frame: stable, for logs, not for users.
	// With 1002 and 1009 the frame's text says more or nothing.
	Reason string `json:"reason"`
	// Reconnect says whether a client should connect again. If not, the same
	// client would only be closed again: it has a fault to be repaired.
	Reconnect bool `json:"reconnect"`
	// Meaning explains the code to the author of a client.
	Meaning string `json:"meaning"`
}

// CloseCodes returns the table of all codes that the hub closes with, by code.
// Clients, AsyncAPI and documentation are generated from it or held against it.
// 1000 and 1006 never come from the hub; after them a client connects again.
func CloseCodes() []CloseInfo {
	return []CloseInfo{
		{CloseGoingAway, "going away", true, "The node stopped without a drain; connect again after a jittered delay."},
		{CloseMalformed, "malformed frame", false, "The bytes are no valid WebSocket frames."},
		{CloseTooBig, "frame too big", false, "A frame is longer than the limit of 4096 bytes."},
		{CloseRestart, "going away, reconnect", true, "The node drains; connect again at once, the delays are already spread by the reconnect frame."},
		{CloseSubscribeTimeout, "no subscription in time", true, "No topic was subscribed within 10 s of connecting."},
		{CloseProtocol, "protocol violation", false, "Too many frames were refused with an error frame."},
		{CloseSlow, "too slow", true, "The client took no bytes for the write timeout. The code rarely arrives, since the socket is full: most clients see 1006."},
		{CloseDead, "no sign of life", true, "The client sent nothing and answered no ping for two and a half ping periods."},
		{CloseExpired, "token expired", true, "The token of an event stream has expired; open another with a fresh one. A WebSocket only loses the topic, with the error token_expired."},
	}
}

// index returns the code's row in the table. Every code of the hub has one.
func (c CloseCode) index() int {
	return slices.IndexFunc(CloseCodes(), func(info CloseInfo) bool { return info.Code == c })
}

func (c CloseCode) reason() string { return CloseCodes()[c.index()].Reason }
