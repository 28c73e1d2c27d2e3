// Package insight learns from what happened.
//
// # Behaviour
//
// Payers' pages report what was done on them, so that an operator can see what
// reassures and what does not: how long a state was looked at, whether support was
// called for, whether somebody was about to pay again. An event holds the order, the
// name of the act, the state that was on the screen, the time and at most a number.
// It holds nothing about a person or a device, is bounded for each order, and is
// deleted after some weeks. Pages whose reader asks not to be tracked report nothing.
package insight
