package engine

import (
	"errors"
	"fmt"
	"time"
)

// Errors of the engine's calls; the HTTP layer maps each to one problem code.
var (
	ErrUnknownChannel = errors.New("channel is not configured")
	ErrNotPushed      = errors.New("order is managed: its state comes from the channel")
	ErrKeyReused      = errors.New("idempotency key was used for a different request")
	ErrNotPaused      = errors.New("target is not paused")
	ErrBusy           = errors.New("order changes too fast, try again")
)

// TooSoonError refuses a check-now that would come too close to the last one.
type TooSoonError struct {
	RetryAfter time.Duration
}

func (e *TooSoonError) Error() string {
	return fmt.Sprintf("checked a moment ago, try again in %s", e.RetryAfter.Round(time.Second))
}
