package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"

	"anxin/engine/notify"
	"anxin/engine/order"
)

// TestsAnHour bounds the test messages of the whole installation: enough to try every text
// on a phone of one's own, too few to write to anybody else's.
const TestsAnHour = 20

// ErrProviderPaused says that operators hold a provider, or its channel, back.
var ErrProviderPaused = errors.New("the provider is paused")

// TooManyTestsError says that no more test messages are sent for a while.
type TooManyTestsError struct{ RetryAfter time.Duration }

func (e *TooManyTestsError) Error() string { return "too many test messages in this hour" }

// Trial is a test message that an operator wants.
type Trial struct {
	TemplateKey
	Version  int            // 0 = what is in force
	Sample   string         // of whom it tells; "" = the first of the template's notice
	Via      notify.Channel // by which it goes; "" = that of the template
	Provider string         // "" = the first of the channel that may send it
	To       string         // number, address, device or payer, given for this; "" for a robot
	Actor    string
}

// TrySend sends one text of a template to an address that the operator gives for that. It
// is marked as a test, counts against TestsAnHour, and is neither sent while the provider is
// paused nor by one that has not approved it. It returns the record, which shows no address.
func (e *Engine) TrySend(ctx context.Context, t Trial) (notify.Record, error) {
	m := e.messages
	if m == nil {
		return notify.Record{}, ErrNoMessages
	}
	if t.Via == "" {
		t.Via = t.Channel
	}
	to, err := t.address(m.deps.Key)
	if err != nil {
		return notify.Record{}, err
	}
	text, frame, err := e.trialText(ctx, t)
	if err != nil {
		return notify.Record{}, err
	}
	via, err := e.trialProvider(t, to, text)
	if err != nil {
		return notify.Record{}, err
	}
	at := now()
	r := notify.Record{
		ID: "nt_" + rand.Text(), Notice: notify.NoticeTest, Channel: t.Via, Fingerprint: to.Fingerprint, To: to.To.Mask(),
		Language: text.Language, Template: text.Template, Version: text.Version, CreatedAt: at, UpdatedAt: at,
	}
	task := Task{TaskKey: TaskKey{r.ID, TaskNotify, string(t.Via)}}
	free, _ := e.admitted(via, task, at)
	if free == nil {
		return notify.Record{}, ErrBusy
	}
	job := errand{via: free, key: free.task(task)}
	marked := text.AsTest()
	_, err = e.trySend(ctx, &job, &r, to, marked, e.textFor(t.Via, marked, "", frame, ""), Commit{
		Messages: &MessageWrites{Counts: e.trialCounts(t.Via, at)},
		Audit: &Audit{
			At: at, Actor: t.Actor, Action: "templates.test", Target: t.at(text.Version), Reason: string(t.Via) + " to " + r.To + " by " + via.Name,
		},
	})
	if full, ok := errors.AsType[*CappedError](err); ok {
		if !strings.HasPrefix(full.Name, trialCount) {
			return notify.Record{}, err
		}
		return notify.Record{}, &TooManyTestsError{hourOf(at).Add(time.Hour).Sub(at.Std())}
	}
	return r, err // what the provider said of it is in the record
}

// trialCount begins the name of the bound on tests.
const trialCount = "test:"

func hourOf(at order.Time) time.Time { return at.Std().UTC().Truncate(time.Hour) }

// trialCounts are the bounds that a test counts against: its own, and the channel's budget.
func (e *Engine) trialCounts(c notify.Channel, at order.Time) []Count {
	counts := []Count{{trialCount + hourOf(at).Format(time.RFC3339), TestsAnHour, at.Add(2 * time.Hour)}}
	plan := e.messages.plan.Load()
	if limit := plan.Caps[c].Day; limit > 0 {
		counts = append(counts, dayCount(plan, c, limit, at))
	}
	return counts
}

// address reads where the test goes.
func (t Trial) address(key notify.Key) (notify.Contact, error) {
	var a notify.Address
	ok := false
	switch t.Via {
	case notify.SMS:
		a.Phone, ok = notify.Phone(t.To, t.Language)
	case notify.Email:
		a.Email, ok = t.To, notify.ValidEmail(t.To)
	case notify.Push, notify.WebPush:
		var c notify.Channel
		c, a, ok = notify.PushAddress(t.To)
		ok = ok && c == t.Via
	case notify.Gateway:
		a.PayerID, ok = t.To, t.To != "" && len(t.To) <= order.MaxPayerID
	case notify.Robot:
		a.Robot, ok = t.Provider, t.To == "" && t.Provider != ""
	case notify.Inbox: // everybody sees that one at once
	default:
		return notify.Contact{}, &order.FieldError{Field: "via", Reason: "must name a channel that the template is for"}
	}
	if t.Via == notify.Inbox || (t.Channel != "" && t.Channel != t.Via) {
		return notify.Contact{}, &order.FieldError{Field: "via", Reason: "must be the template's channel, or any but the inbox when it is for all"}
	}
	if !ok {
		return notify.Contact{}, &order.FieldError{Field: "to", Reason: "must be an address of the channel; of a robot its provider is named instead"}
	}
	return notify.Contact{Channel: t.Via, To: a, Fingerprint: key.Fingerprint(t.Via, a)}, nil
}

// trialText writes what is sent.
func (e *Engine) trialText(ctx context.Context, t Trial) (notify.Texted, notify.Frame, error) {
	wanted := PreviewWanted{}
	if t.Version != 0 {
		wanted.Stored, wanted.Version = &t.TemplateKey, t.Version
	}
	catalogue, _, err := e.previewed(ctx, wanted)
	if err != nil {
		return notify.Texted{}, notify.Frame{}, err
	}
	only := notify.Template{Name: t.Name, Language: t.Language, Channel: t.Channel, Brand: t.Brand, Version: t.Version}
	for _, s := range e.samples() {
		if t.Sample != "" && s.Name != t.Sample {
			continue
		}
		_, text, frame, err := e.writeSample(catalogue, s, t.Language, t.Via, only.Brand)
		if err != nil {
			return notify.Texted{}, notify.Frame{}, err
		}
		if text.Template == only.Reference() && text.Language == only.Language && (only.Version == 0 || text.Version == only.Version) {
			return text, frame, nil
		}
	}
	if t.Sample != "" {
		return notify.Texted{}, notify.Frame{}, &order.FieldError{Field: "sample", Reason: "is none that this template is used for"}
	}
	return notify.Texted{}, notify.Frame{}, ErrNoTemplate
}

// trialProvider returns who sends the test.
func (e *Engine) trialProvider(t Trial, to notify.Contact, text notify.Texted) (*sender, error) {
	at := now()
	why := ErrNoProvider
	if e.pausedAt(string(t.Via), at) {
		return nil, ErrProviderPaused
	}
	list := slices.DeleteFunc(slices.Clone(e.messages.providers[t.Via]), func(s *sender) bool {
		return (t.Provider != "" && s.Name != t.Provider) || !s.reaches(to)
	})
	for _, s := range list {
		switch {
		case e.pausedAt(s.Name, at):
			why = ErrProviderPaused
		case !s.says(text):
			why = ErrNotApproved
		default:
			return s, nil
		}
	}
	return nil, why
}

// pausedAt reports whether operators hold back a channel or provider of messages.
func (e *Engine) pausedAt(name string, at order.Time) bool {
	p, ok := e.gates[target{TaskNotify, name}]
	if !ok {
		return false
	}
	until, _ := p.pausedUntil()
	return until > at
}
