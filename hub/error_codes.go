package hub

import "slices"

// ErrorCode is the stable code of an error frame.
type ErrorCode string

// The codes of error frames. See [ErrorCodes] for their meaning.
const (
	ErrorBadJSON         ErrorCode = "bad_json"
	ErrorBadFrame        ErrorCode = "bad_frame"
	ErrorUnknownField    ErrorCode = "unknown_field"
	ErrorUnknownType     ErrorCode = "unknown_type"
	ErrorBadTopic        ErrorCode = "bad_topic"
	ErrorForbidden       ErrorCode = "forbidden"
	ErrorTokenExpired    ErrorCode = "token_expired"
	ErrorNoTopic         ErrorCode = "no_topic"
	ErrorTooManyTopics   ErrorCode = "too_many_topics"
	ErrorTooManyWatchers ErrorCode = "too_many_watchers"
	ErrorNotSubscribed   ErrorCode = "not_subscribed"
	ErrorUnknownAct      ErrorCode = "unknown_act"
	ErrorRateLimited     ErrorCode = "rate_limited"
	ErrorUnavailable     ErrorCode = "unavailable"
)

// ErrorInfo describes one error code to clients and to documentation.
type ErrorInfo struct {
	Code    ErrorCode `json:"code"`
	Message string    `json:"message"`
	// Retry says whether the same frame may succeed later, unchanged.
	Retry bool `json:"retry"`
	// Strike says whether the frame counts towards [CloseProtocol].
	Strike bool `json:"strike"`
}

// ErrorCodes returns the table of all codes that error frames carry.
func ErrorCodes() []ErrorInfo {
	return []ErrorInfo{
		{ErrorBadJSON, "the frame is not one JSON object", false, true},
		{ErrorBadFrame, "a field is missing or has a wrong type or value", false, true},
		{ErrorUnknownField, "the frame has a field that no frame has", false, true},
		{ErrorUnknownType, "the frame has no known type", false, true},
		{ErrorBadTopic, "the topic is empty, too long or has control characters", false, true},
		{ErrorForbidden, "the token does not allow this topic", false, true},
		{ErrorTokenExpired, "the token has expired; fetch a fresh one", false, false},
		{ErrorNoTopic, "there is no such topic", false, true},
		{ErrorTooManyTopics, "this connection watches as many topics as it may", false, true},
		{ErrorTooManyWatchers, "as many watch with this token as may", true, false},
		{ErrorNotSubscribed, "this connection does not watch the topic", false, false},
		{ErrorUnknownAct, "no such act is known", false, true},
		{ErrorRateLimited, "too many frames; slow down", true, true},
		{ErrorUnavailable, "the state cannot be read at the moment; subscribe again later", true, false},
	}
}

// info returns the code's row in the table. Every code of the hub has one.
func (c ErrorCode) info() ErrorInfo {
	table := ErrorCodes()
	return table[slices.IndexFunc(table, func(info ErrorInfo) bool { return info.Code == c })]
}
