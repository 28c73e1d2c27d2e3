package page

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/url"
	"time"

	"anxin/engine/order"
)

//go:embed *.gohtml
var templateFiles embed.FS

// ErrPublicURL reports that Options.PublicURL is not an http or https address.
var ErrPublicURL = errors.New("public URL must be http:// or https:// with a host")

// Options are the settings of the page. The zero value of each field but PublicURL
// means its default.
type Options struct {
	// PublicURL is where payers reach the server; the page's policy allows the live
	// connection to its host.
	PublicURL string
	// Brand is shown on pages of merchants that have none of their own.
	Brand Brand
	// Lookup says that codes can be sent with which payers find their orders again.
	Lookup bool
	// Merchants have brands of their own, by the name of their backend.
	Merchants map[string]Brand
	// Zone is for times before the script rewrites them in the device's zone. Default:
	// UTC+8 for Chinese, UTC otherwise; the page names it.
	Zone *time.Location
	// RefundDays is how many working days a refund usually needs; default 5, the upper
	// end of what card issuers state.
	RefundDays int
	// DelayedAfter is the wait after which a result comes with an apology; default the
	// engine's limit of the stage "delayed".
	DelayedAfter time.Duration
	// Silent pages report nothing of what is done on them.
	Silent bool
}

// Renderer renders the payer page. It is safe for concurrent use.
type Renderer struct {
	options  Options
	catalogs *catalogs
	page     *template.Template
	expired  *template.Template
	lookup   *template.Template
	inbox    *template.Template
	optIn    *template.Template
	dresses  map[string]dress // "" = the one of everybody else
}

// New checks the catalogues and templates and returns a Renderer. Its errors match
// ErrCatalogue or ErrPublicURL, or report a broken template.
func New(options Options) (*Renderer, error) {
	all, err := loadCatalogs()
	if err != nil {
		return nil, err
	}
	pages, err := template.ParseFS(templateFiles, "page.gohtml")
	if err != nil {
		return nil, fmt.Errorf("parse page: %w", err)
	}
	expired, err := template.ParseFS(templateFiles, "page.gohtml", "expired.gohtml")
	if err != nil {
		return nil, fmt.Errorf("parse expired page: %w", err)
	}
	lookup, err := template.ParseFS(templateFiles, "page.gohtml", "lookup.gohtml")
	if err != nil {
		return nil, fmt.Errorf("parse lookup page: %w", err)
	}
	inbox, err := template.ParseFS(templateFiles, "page.gohtml", "inbox.gohtml")
	if err != nil {
		return nil, fmt.Errorf("parse inbox: %w", err)
	}
	optIn, err := template.ParseFS(templateFiles, "page.gohtml", "optin.gohtml")
	if err != nil {
		return nil, fmt.Errorf("parse opt-in page: %w", err)
	}
	public, err := url.Parse(options.PublicURL)
	if err != nil || public.Host == "" || (public.Scheme != "http" && public.Scheme != "https") {
		return nil, fmt.Errorf("%w: %q", ErrPublicURL, options.PublicURL)
	}
	ready, err := dresses(options, public)
	if err != nil {
		return nil, err
	}
	return &Renderer{
		options: options.withDefaults(), catalogs: all, page: pages, expired: expired, lookup: lookup, inbox: inbox, optIn: optIn, dresses: ready,
	}, nil
}

const defaultRefundDays = 5

func (o Options) withDefaults() Options {
	if o.RefundDays == 0 {
		o.RefundDays = defaultRefundDays
	}
	if o.DelayedAfter == 0 {
		o.DelayedAfter = order.DefaultStageLimits.Delayed
	}
	return o
}

// Policy returns the Content-Security-Policy that belongs to the pages of a merchant, ""
// for those of nobody, and whether they may be shown in a frame: embedded ones may, in
// those of the configured origins.
func (r *Renderer) Policy(merchant string, embedded bool) (csp string, framed bool) {
	d := r.dress(merchant)
	if embedded {
		return d.embedded, d.framed
	}
	return d.policy, false
}

func (r *Renderer) dress(merchant string) dress {
	if d, ok := r.dresses[merchant]; ok {
		return d
	}
	return r.dresses[""]
}

// Render writes the whole page for one order. Nothing is written when it fails, except
// when w itself does.
func (r *Renderer) Render(w io.Writer, v View) error {
	if err := execute(w, r.page, r.document(v)); err != nil {
		return fmt.Errorf("render payer page: %w", err)
	}
	return nil
}

// RenderExpired writes the page for an unknown order and for an unknown or expired
// link: the same for all, so that it tells nobody which orders exist. lang is a BCP 47
// tag or an Accept-Language value.
func (r *Renderer) RenderExpired(w io.Writer, lang string) error {
	c := r.catalogs.match(lang)
	d := r.dress("")
	doc := document{catalog: c, CSS: d.css, Title: c.text("expired.title", nil), Brand: d.called(c), Logo: d.logo, Favicon: favicon("calm")}
	if r.options.Lookup {
		doc.Lookup = lookupPath
	}
	if err := execute(w, r.expired, doc); err != nil {
		return fmt.Errorf("render expired page: %w", err)
	}
	return nil
}

func execute(w io.Writer, t *template.Template, doc any) error {
	var b bytes.Buffer
	if err := t.Execute(&b, doc); err != nil {
		return err
	}
	_, err := b.WriteTo(w)
	return err
}
