package page

import (
	"fmt"
	"html/template"
	"net/url"
	"reflect"
	"time"

	"anxin/engine/order"
	"anxin/frontend"
)

// document is what the templates read.
type document struct {
	*catalog
	Screen screen
	Boot   boot

	CSS                template.CSS
	Script, Legacy     string
	Title, Brand, Logo string
	Favicon            template.URL
	Refresh            int // seconds until a page without script reloads; 0 = never
	Embedded, Thanked  bool
	Lookup             string // where orders are found again; "" = nowhere

	OrderNo, Subject, Amount string
	Status                   order.Status
	Step                     order.Step
	Stage                    order.Stage
	Seq                      int64
	Path, Query, Token       string
	AskedLang                string
	Notice, Countdown, Zone  string
	ArcOffset                string
	Silent                   bool
	Inbox                    *InboxLink
	Kept                     []row // query, for forms that are sent as one
	Telling                  telling
}

// boot is what the script starts from, as JSON inside the page.
type boot struct {
	Topic        string            `json:"topic"`
	Token        string            `json:"token"`
	Brand        string            `json:"brand"`
	Lang         string            `json:"lang"`
	Version      string            `json:"version"` // of the texts
	Scope        string            `json:"scope"`
	Tell         reach             `json:"tell"`
	Announced    []Announcement    `json:"announced"`
	Now          order.Time        `json:"now"`
	Progress     order.Progress    `json:"progress"`
	Moments      []Moment          `json:"moments"`
	CheckAgainAt order.Time        `json:"check_again_at"`
	Money        moneyFormat       `json:"money"`
	Rules        rules             `json:"rules"`
	Texts        map[string]string `json:"texts"`
}

// BootNames are the names in the JSON that the script starts from.
func BootNames() []string {
	var names []string
	for _, t := range []reflect.Type{reflect.TypeFor[boot](), reflect.TypeFor[Moment](), reflect.TypeFor[moneyFormat](), reflect.TypeFor[rules](), reflect.TypeFor[Announcement](), reflect.TypeFor[inboxBoot](), reflect.TypeFor[InboxItem]()} {
		for field := range t.Fields() {
			names = append(names, field.Tag.Get("json"))
		}
	}
	return names
}

// refreshSeconds is how often a page without script looks again while it waits.
const refreshSeconds = 10

func (r *Renderer) document(v View) document {
	p := v.Progress
	s := r.situation(v)
	worn := r.dress(v.Merchant)
	doc := document{
		catalog: s.catalog, Screen: s.screen(), Boot: r.boot(v, s), CSS: worn.css, Embedded: v.Embedded, Thanked: v.Thanked,
		Script: frontend.URL("page.js"), Legacy: frontend.URL("legacy.js"), Brand: worn.called(s.catalog), Logo: worn.logo,
		OrderNo: p.OrderNo, Subject: p.Subject, Amount: formatMoney(p.Amount),
		Status: p.Status, Step: p.Step, Stage: p.Stage, Seq: p.Seq,
		Path: "/pay/" + url.PathEscape(p.OrderNo), Query: v.query(), Kept: v.kept(), Token: v.Token, AskedLang: v.AskedLang, Zone: zoneName(s.now, s.zone), Silent: r.options.Silent,
	}
	if !v.Embedded { // whose frame it is in has messages of its own
		doc.Inbox = v.Inbox
	}
	doc.Title, doc.Favicon = doc.Screen.Title, favicon(doc.Screen.Tone)
	if s.waiting() {
		doc.Refresh = refreshSeconds
	}
	doc.Notice = s.text(v.Notice.key(), nil)
	doc.Countdown, doc.ArcOffset = countdown(doc.Screen, s.now)
	doc.Telling = telling{Lines: s.told(v.Tell), Script: frontend.URL("optin.js")}
	return doc
}

func (r *Renderer) situation(v View) situation {
	lang := v.Lang
	if lang == "" {
		lang = v.Progress.Locale
	}
	c := r.catalogs.match(lang)
	return situation{
		catalog: c, p: v.Progress, now: v.Now, zone: r.zone(c), moments: v.Moments,
		checkAgainAt: order.At(v.CheckAgainAt), scope: v.Scope, announced: v.Announcements, reach: v.Tell.reach(v.Embedded),
		rules: rules{DelayedMs: r.options.DelayedAfter.Milliseconds(), RefundDays: r.options.RefundDays},
	}
}

// chinaOffset is the one zone of China; it has no summer time.
const chinaOffset = 8 * 60 * 60

func (r *Renderer) zone(c *catalog) *time.Location {
	switch {
	case r.options.Zone != nil:
		return r.options.Zone
	case c.tag == "zh-CN":
		return time.FixedZone("", chinaOffset)
	default:
		return time.UTC
	}
}

func (r *Renderer) boot(v View, s situation) boot {
	moments := v.Moments
	if moments == nil {
		moments = []Moment{}
	}
	announced := v.Announcements
	if announced == nil {
		announced = []Announcement{}
	}
	return boot{
		Topic: "order:" + v.Progress.OrderNo, Token: v.Token, Brand: r.dress(v.Merchant).called(s.catalog),
		Lang: s.tag, Version: s.version, Scope: v.Scope, Tell: s.reach, Announced: announced,
		Now: order.At(v.Now), Progress: v.Progress, Moments: moments, CheckAgainAt: s.checkAgainAt,
		Money: moneyFormatOf(v.Progress.Amount.Currency), Rules: s.rules, Texts: s.page,
	}
}

// arcLength is the circumference of the ring's circle: 2π · 54.
const arcLength = 339.292

// longestCountdown is the wait up to which the ring counts; beyond it the time of the
// next check says more than a running number.
const longestCountdown = time.Hour

// countdown returns the ring's text and how much of its arc is hidden at an instant.
func countdown(s screen, now time.Time) (text, arcOffset string) {
	if s.Ring != "count" {
		return "", "0"
	}
	left := time.Duration(s.RingTo-now.UnixMilli()) * time.Millisecond
	whole := time.Duration(s.RingTo-s.RingFrom) * time.Millisecond
	gone := 0.0
	if whole > 0 {
		gone = min(max(1-float64(left)/float64(whole), 0), 1)
	}
	arcOffset = fmt.Sprintf("%.1f", gone*arcLength)
	if left > longestCountdown {
		return "", arcOffset
	}
	seconds := int((left + time.Second - 1) / time.Second)
	return fmt.Sprintf("%d:%02d", seconds/60, seconds%60), arcOffset
}

// favicon shows the result in the browser's tab: the icon of the ring, on its colour.
func favicon(tone string) template.URL {
	color := "157a63"
	if tone == "bad" {
		color = "9a4a17"
	}
	// #nosec G203 -- made of constants
	return template.URL("data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='28 28 64 64'%3E%3Ccircle cx='60' cy='60' r='30' fill='%23" + color +
		"'/%3E%3Cpath d='" + iconPaths[tone] + "' fill='none' stroke='%23fff' stroke-width='6' stroke-linecap='round' stroke-linejoin='round'/%3E%3C/svg%3E")
}

// iconPaths are the shapes of the ring's icons by tone; the template draws them too.
var iconPaths = map[string]string{
	"waiting": "M60 50v10.5l7 4.5",
	"good":    "M44 61.5 55 72.5 77 49.5",
	"bad":     "M60 44v20M60 75.5v.5",
	"calm":    "M46 60h28",
}

// T is text for templates: variables are given as name, value.
func (d document) T(key string, pairs ...string) (string, error) {
	if _, ok := d.texts[key]; !ok {
		return "", fmt.Errorf("%w: %q", ErrCatalogue, key)
	}
	values := make(vars, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		values[pairs[i]] = pairs[i+1]
	}
	return d.text(key, values), nil
}

// URL marks a link as fit for an href: safeLink has checked its scheme, and the
// template still escapes its characters. An absent link stays an empty href, which is
// hidden.
func (document) URL(link string) template.URL { return template.URL(link) } // #nosec G203 -- scheme checked

// Action is where a form of the page is sent: it keeps language and frame, and no token.
func (d document) Action(name string) template.URL {
	return template.URL(d.Path + "/" + name + d.Query) // #nosec G203 -- escaped above
}

// Shown names the wording that the payer sees, for feedback.
func (d document) Shown() string { return d.tag + "/" + d.Screen.Wording + "@" + d.version }

// LogoURL marks a logo as fit for a src: CheckLogo has admitted it.
func (d document) LogoURL() template.URL { return template.URL(d.Logo) } // #nosec G203 -- checked

// Icon is the shape of a tone.
func (document) Icon(tone string) string { return iconPaths[tone] }

// Lang is the page's language for the lang attribute.
func (d document) Lang() string { return d.tag }

// Dir is the direction of the page's writing: ltr or rtl.
func (d document) Dir() string { return d.text("dir", nil) }
