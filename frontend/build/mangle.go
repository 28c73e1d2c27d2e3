package main

import "strings"

// internalNames are properties that only the script itself reads: they are shortened in
// the bundle, which a slow phone loads before its page is live. None of them may be a
// name of the DOM, of the wire, of the page's JSON, or a variable of a text.
var internalNames = strings.Fields(`
again arm backoff began canCheck canClaim cancelled checkAgainAt checkNote checking clearTimer confirmedAt
connection coupon dispatch downSince drawn ended failures guide hangUp hangUpQuietly headline lead leave listen
looked notices onConnection onState onWake onWindow openSocket orderNo phase platform probe receive refused render
repayText reports retryAfter retrySocket returning returns ring ringFrom ringTo rows safe setTimer socketTimer
socketUrl socketsRefused speaker spoken stateUrl steps stopWatching sync thanks tick ticker timeline told
tone transport workingDay
`)

// mangled matches exactly the internal names.
func mangled() string { return "^(" + strings.Join(internalNames, "|") + ")$" }
