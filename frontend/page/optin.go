package page

import (
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"anxin/frontend"
)

// Way is how a payer is told the result.
type Way string

// The ways.
const (
	BySMS   Way = "sms"
	ByEmail Way = "email"
	ByPush  Way = "webpush" // by the browser in which the payer asks
)

// Tell is how a payer may have the result told, and has asked to.
type Tell struct {
	Ways  []Way
	Key   string // with which browsers subscribe
	Asked []Asked
}

// Asked is a way that the payer chose, with the addresses, masked.
type Asked struct {
	Way Way
	To  []string
}

// reach is who can be offered to be told.
type reach int

const (
	reachNone reach = iota
	reachPush       // only browsers that take messages: the script finds out
	reachAny
)

// reach leaves browsers' messages out of frames: there no browser asks for permission.
func (t Tell) reach(embedded bool) reach {
	switch {
	case len(t.Asked) > 0 || slices.ContainsFunc(t.Ways, func(w Way) bool { return w != ByPush }):
		return reachAny
	case len(t.Ways) > 0 && !embedded:
		return reachPush
	}
	return reachNone
}

// told says by what the payer will be told.
func (c *catalog) told(t Tell) []string {
	var lines []string
	for _, a := range t.Asked {
		key := map[Way]string{BySMS: "optin.by_sms", ByEmail: "optin.by_email", ByPush: "optin.by_push"}[a.Way]
		lines = append(lines, c.text(key, vars{"to": strings.Join(a.To, ", ")}))
	}
	return lines
}

// telling is what the payer's page has of it.
type telling struct {
	Lines  []string
	Script string // loaded once the payer asks
}

// OptInProblem is why an opt-in was not taken.
type OptInProblem string

// The problems.
const (
	OptInFine   OptInProblem = ""
	OptInPhone  OptInProblem = "optin.bad_phone"
	OptInEmail  OptInProblem = "optin.bad_email"
	OptInFailed OptInProblem = "notice.failed"
)

// OptIn is the page on which a payer asks to be told, and takes that back. The script shows
// its section inside the payer's page.
type OptIn struct {
	View

	Entered string // what was entered and not taken
	Problem OptInProblem
}

// optInDocument is what the template of the opt-in reads.
type optInDocument struct {
	document

	API     string
	Worker  string
	Key     string
	Asked   []askedLine
	Entered string
	Problem OptInProblem

	offered []Way
}

type askedLine struct {
	Way  Way
	Text string
}

// WorkerPath is where a server answers with frontend.Worker: pages can be told apart from
// it, since no order's number has a dot.
const WorkerPath = "/pay/worker.js"

// RenderOptIn writes the opt-in page. It is complete without script, but for what only a
// script can ask a browser.
func (r *Renderer) RenderOptIn(w io.Writer, o OptIn) error {
	v := o.View
	c := r.situation(v).catalog
	d := r.dress(v.Merchant)
	path := "/pay/" + url.PathEscape(v.Progress.OrderNo)
	doc := optInDocument{
		document: document{
			catalog: c, CSS: d.css, Title: c.text("optin.open", nil), Brand: d.called(c), Logo: d.logo, Favicon: favicon("waiting"),
			Embedded: v.Embedded, Script: frontend.URL("optin.js"), OrderNo: v.Progress.OrderNo, Path: path, Query: v.query(), Kept: v.kept(), Token: v.Token,
			Screen: screen{Wording: "optin.lead"},
		},
		API: "/v1/orders/" + url.PathEscape(v.Progress.OrderNo), Worker: WorkerPath, Key: v.Tell.Key,
		Entered: o.Entered, Problem: o.Problem, offered: v.Tell.Ways,
	}
	for i, text := range c.told(v.Tell) {
		doc.Asked = append(doc.Asked, askedLine{v.Tell.Asked[i].Way, text})
	}
	if err := execute(w, r.optIn, doc); err != nil {
		return fmt.Errorf("render opt-in page: %w", err)
	}
	return nil
}

// ProblemText says what is wrong, "" for nothing.
func (d optInDocument) ProblemText() string { return d.text(string(d.Problem), nil) }

// Chose reports whether the payer has asked to be told in a way.
func (d optInDocument) Chose(w Way) bool {
	return slices.ContainsFunc(d.Asked, func(a askedLine) bool { return a.Way == w })
}

// Offers reports whether a way is still to be chosen. A browser may be one of several that
// the payer has; no script is shown in frames.
func (d optInDocument) Offers(w Way) bool {
	if w == ByPush {
		return !d.Embedded && slices.Contains(d.offered, w)
	}
	return !d.Chose(w) && slices.Contains(d.offered, w)
}

// Any reports whether any way is still to be chosen.
func (d optInDocument) Any() bool { return slices.ContainsFunc(d.offered, d.Offers) }
