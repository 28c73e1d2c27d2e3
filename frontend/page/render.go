package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/url"
	"strings"
	"time"

	"anxin/engine/order"
	"anxin/frontend"
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
	// Brand is the name at the top; default: a neutral word in the payer's language.
	Brand string
	// Zone is for times before the script rewrites them in the device's zone. Default:
	// UTC+8 for Chinese, UTC otherwise; the page names it.
	Zone *time.Location
	// RefundDays is how many working days a refund usually needs; default 5, the upper
	// end of what card issuers state.
	RefundDays int
	// DelayedAfter is the wait after which a result comes with an apology; default the
	// engine's limit of the stage "delayed".
	DelayedAfter time.Duration
}

// Renderer renders the payer page. It is safe for concurrent use.
type Renderer struct {
	options  Options
	catalogs *catalogs
	page     *template.Template
	expired  *template.Template
	css      template.CSS
	csp      string
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
	css := frontend.CSS()
	csp, err := policy(options.PublicURL, css)
	if err != nil {
		return nil, err
	}
	return &Renderer{
		options: options.withDefaults(), catalogs: all, page: pages, expired: expired,
		css: template.CSS(css), csp: csp, // #nosec G203 -- our own file, not input
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

// CSP returns the Content-Security-Policy that belongs to every rendered page.
func (r *Renderer) CSP() string { return r.csp }

// policy allows the page's own script, its one inline style sheet by hash, its forms
// and the live connection. The WebSocket origin is named because engines up to
// Chromium 66 do not count it as 'self'.
func policy(publicURL, css string) (string, error) {
	u, err := url.Parse(publicURL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", fmt.Errorf("%w: %q", ErrPublicURL, publicURL)
	}
	live := strings.Replace(u.Scheme, "http", "ws", 1) + "://" + u.Host
	sum := sha256.Sum256([]byte(css))
	return strings.Join([]string{
		"default-src 'none'",
		"script-src 'self'",
		"style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'",
		"img-src data:",
		"connect-src 'self' " + live,
		"form-action 'self'",
		"base-uri 'none'",
		"frame-ancestors 'none'",
	}, "; "), nil
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
	doc := document{catalog: c, CSS: r.css, Title: c.text("expired.title", nil), Brand: r.brand(c, "")}
	if err := execute(w, r.expired, doc); err != nil {
		return fmt.Errorf("render expired page: %w", err)
	}
	return nil
}

func execute(w io.Writer, t *template.Template, doc document) error {
	var b bytes.Buffer
	if err := t.Execute(&b, doc); err != nil {
		return err
	}
	_, err := b.WriteTo(w)
	return err
}

func (r *Renderer) brand(c *catalog, ofOrder string) string {
	switch {
	case ofOrder != "":
		return ofOrder
	case r.options.Brand != "":
		return r.options.Brand
	default:
		return c.text("brand", nil)
	}
}
