package page

import (
	"fmt"
	"io"
)

// Lookup is the page on which payers find an order again.
type Lookup struct {
	Lang      string // BCP 47 tag or Accept-Language value
	AskedLang string // what the address asks for; forms keep it
	OrderNo   string // what was entered
	Sent      bool   // asks for the code instead of the number
	Problem   LookupProblem
}

// LookupProblem is why an entry led nowhere.
type LookupProblem string

// The problems. None of them tells whether there is such an order.
const (
	LookupFine    LookupProblem = ""
	LookupNumber  LookupProblem = "lookup.number" // it cannot be a number
	LookupWrong   LookupProblem = "lookup.wrong"  // wrong, used or expired code
	LookupTooSoon LookupProblem = "lookup.too_soon"
)

// lookupPath is where the lookup is.
const lookupPath = "/orders"

// lookupDocument is what the template of the lookup reads.
type lookupDocument struct {
	document

	Sent    bool
	Problem string
}

// RenderLookup writes the lookup page. It is the same for numbers that exist and for those
// that do not.
func (r *Renderer) RenderLookup(w io.Writer, l Lookup) error {
	c := r.catalogs.match(l.Lang)
	d := r.dress("")
	doc := lookupDocument{
		document: document{
			catalog: c, CSS: d.css, Title: c.text("lookup.headline", nil), Brand: d.called(c), Logo: d.logo, Favicon: favicon("calm"),
			OrderNo: l.OrderNo, Query: View{AskedLang: l.AskedLang}.query(),
		},
		Sent: l.Sent, Problem: string(l.Problem),
	}
	if err := execute(w, r.lookup, doc); err != nil {
		return fmt.Errorf("render lookup page: %w", err)
	}
	return nil
}
