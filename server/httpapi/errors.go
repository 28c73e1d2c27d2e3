package httpapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"anxin/engine"
	"anxin/engine/incident"
	"anxin/engine/notify"
	"anxin/engine/order"
	"anxin/hub"
)

// busyRetry is what a caller is asked to wait when the node cannot take a request now.
const busyRetry = time.Second

// known maps errors of the layers below to their one problem each.
var known = []struct {
	err    error
	status int
	code   string
	detail string
}{
	{engine.ErrNotFound, http.StatusNotFound, "order_not_found", "there is no such order"},
	{engine.ErrUnknownChannel, http.StatusUnprocessableEntity, "unknown_channel", "no such channel is configured"},
	{engine.ErrUnknownBackend, http.StatusNotFound, "unknown_backend", "no backend of this name has a webhook"},
	{engine.ErrNotPushed, http.StatusConflict, "not_pushed", "the order is managed: its state comes from the channel"},
	{engine.ErrKeyReused, http.StatusConflict, "idempotency_key_reused", "the key was used for a different request"},
	{engine.ErrBadCursor, http.StatusBadRequest, "bad_cursor", "the cursor is not one of this list"},
	{order.ErrExists, http.StatusConflict, "order_exists", "an order with this number exists with different content"},
	{order.ErrCaseClosed, http.StatusConflict, "case_closed", "the case is closed already"},
	{engine.ErrTooManyRows, http.StatusUnprocessableEntity, "too_many_rows", "the file has more than 500,000 lines: split it"},
	{order.ErrResolution, http.StatusConflict, "resolution_not_allowed", "the case cannot be resolved in this way; see its resolutions"},
	{engine.ErrNoMessages, http.StatusConflict, "no_messages", "this server sends no messages"},
	{engine.ErrNoProvider, http.StatusNotFound, "unknown_provider", "no such provider is configured here"},
	{engine.ErrNoTemplate, http.StatusNotFound, "template_not_found", "there is no such version of this template"},
	{engine.ErrTemplateChanged, http.StatusConflict, "template_changed", "somebody else changed the template meanwhile: look at it again"},
	{engine.ErrNotApproved, http.StatusConflict, "template_not_approved", "it is not approved: neither the version, nor what the provider has of it, is sent before that"},
	{engine.ErrTemplateInForce, http.StatusConflict, "template_in_force", "the version is in force: use another one first"},
	{engine.ErrTooManyTemplates, http.StatusConflict, "too_many_versions", "the template has as many versions as are kept"},
	{engine.ErrProviderPaused, http.StatusConflict, "provider_paused", "the provider or its channel is paused"},
	{engine.ErrNotPaused, http.StatusNotFound, "not_paused", "it is not paused"},
	{incident.ErrTooMany, http.StatusConflict, "too_many_announcements", "twenty announcements hold already: take one down first"},
	{engine.ErrAskedTooOften, http.StatusTooManyRequests, "rate_limited", "the address, or the order, was asked for too often: try again tomorrow"},
	{engine.ErrBusy, http.StatusServiceUnavailable, "unavailable", "too busy at the moment, try again"},
	{hub.ErrDraining, http.StatusServiceUnavailable, "unavailable", "this node is going away, try again"},
	{context.DeadlineExceeded, http.StatusServiceUnavailable, "unavailable", "it took too long, try again"},
	{context.Canceled, http.StatusServiceUnavailable, "unavailable", "this node is going away, try again"},
}

// asProblem gives the problem of an error, false for one that nobody expected.
func asProblem(err error) (*Problem, bool) {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p, true
	}
	if field, ok := errors.AsType[*order.FieldError](err); ok {
		return problem(http.StatusUnprocessableEntity, "invalid_field", field.Reason).field(field.Field), true
	}
	if soon, ok := errors.AsType[*engine.TooSoonError](err); ok {
		return problem(http.StatusTooManyRequests, "too_soon", "it was checked a moment ago").retry(soon.RetryAfter), true
	}
	if wrong, ok := errors.AsType[*notify.TemplateError](err); ok {
		return problem(http.StatusUnprocessableEntity, "template_invalid", wrong.Error()).field("template"), true
	}
	if full, ok := errors.AsType[*engine.TooManyTestsError](err); ok {
		return problem(http.StatusTooManyRequests, "too_many_tests", "as many test messages as are sent in an hour were sent").retry(full.RetryAfter), true
	}
	if _, ok := errors.AsType[*engine.CappedError](err); ok {
		return problem(http.StatusConflict, "cap_used_up", "the channel's messages of this day are used up"), true
	}
	if refusal, ok := errors.AsType[*hub.RefusalError](err); ok {
		return problem(refusal.Status, refusal.Code, refusal.Detail).retry(refusal.RetryAfter), true
	}
	for _, k := range known {
		if errors.Is(err, k.err) {
			p := problem(k.status, k.code, k.detail)
			if k.status == http.StatusServiceUnavailable {
				p = p.retry(busyRetry)
			}
			return p, true
		}
	}
	return fiberProblem(err)
}

// fiberProblem translates what Fiber itself refuses: before a handler was found, or
// before the request could be read.
func fiberProblem(err error) (*Problem, bool) {
	refused, ok := errors.AsType[*fiber.Error](err)
	if !ok {
		return nil, false
	}
	switch refused.Code {
	case fiber.StatusNotFound:
		return errNothingHere, true
	case fiber.StatusMethodNotAllowed:
		return problem(refused.Code, "method_not_allowed", "the address does not take this method; see Allow"), true
	case fiber.StatusRequestEntityTooLarge:
		return errBodyTooLarge, true
	case fiber.StatusRequestHeaderFieldsTooLarge:
		return problem(refused.Code, "headers_too_large", "the headers are too large"), true
	case fiber.StatusRequestTimeout:
		return problem(refused.Code, "request_timeout", "the request did not arrive in time"), true
	case fiber.StatusBadRequest, fiber.StatusBadGateway: // Fiber's words for bytes that are no request
		return problem(fiber.StatusBadRequest, "malformed_request", "this is not a valid HTTP request"), true
	}
	return nil, false
}

var (
	errBodyTooLarge = problem(http.StatusRequestEntityTooLarge, "body_too_large", "the body is larger than this address takes")
	errNothingHere  = problem(http.StatusNotFound, "no_such_route", "there is nothing at this address")
	errInternal     = problem(http.StatusInternalServerError, "internal", "something went wrong on our side; nothing was lost, try again")
	errUnauthorized = problem(http.StatusUnauthorized, "unauthorized", "a valid api key or token is required").with(fiber.HeaderWWWAuthenticate, "Bearer")
	errForbidden    = problem(http.StatusForbidden, "forbidden", "the token does not allow this")
	errTokenExpired = problem(http.StatusForbidden, "token_expired", "the token has expired, ask for a fresh one")
)

// fail is Fiber's ErrorHandler: the one place where an error becomes an answer. Errors
// that nobody expected are logged here, since nobody above sees them.
func (a *api) fail(c *fiber.Ctx, err error) error {
	if refused, ok := errors.AsType[*fiber.Error](err); ok &&
		(refused.Code == fiber.StatusRequestEntityTooLarge || refused.Code == fiber.StatusRequestHeaderFieldsTooLarge) {
		linger(c.Context().Conn()) // the server stopped reading; our own limits have read it all
	}
	p, expected := asProblem(err)
	if !expected {
		a.deps.Log.WithError(err).WithField("route", c.Route().Path).WithField("request_id", requestID(c)).Error("request failed")
		p = errInternal
	}
	if p.Code == "method_not_allowed" && c.Method() == fiber.MethodOptions {
		return c.SendStatus(fiber.StatusNoContent) // with Allow, which Fiber has set
	}
	return p.send(c)
}
