package main

import "strings"

// internalNames are properties that only the script itself reads: they are shortened in
// the bundle, which a slow phone loads before its page is live. None of them may be a
// name of the DOM, of the wire, of the page's JSON, or a variable of a text.
var internalNames = strings.Fields(`
accept again also announcement any arm awake backoff began canCheck canClaim
cancel cancelled check checkAgainAt checkNote checking clearTimer confirmedAt connection coupon dispatch
downSince drawn ended failures forgive format frame guide hangUp hangUpQuietly
headline label lead leave listen local looked notices offline offset onConnection
onState onWake onWindow openSocket openStream orderNo phase platform probe receive refused
render repayText report reports retryAfter retrySocket returning returns ring ringFrom ringTo
rows safe said setTimer shown socketTimer socketUrl socketsRefused speaker spoken stateUrl
steps stop stopWatching sync thanks tick ticker timeline told tone touched
transport workingDay
`)

// mangled matches exactly the internal names.
func mangled() string { return "^(" + strings.Join(internalNames, "|") + ")$" }
