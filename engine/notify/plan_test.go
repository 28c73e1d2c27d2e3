package notify_test

import (
	"strings"
	"testing"
	"time"

	"anxin/engine/notify"
	"anxin/engine/order"
)

const start = order.Time(1_795_000_000_000)

var price = order.Money{Minor: 8800, Currency: "CNY"}

// registered is an order with a phone and a device.
func registered(t *testing.T, change ...func(*order.Registration)) order.Order {
	t.Helper()
	r := order.Registration{
		OrderNo: "A1", Backend: "shop", Channel: "pay", Mode: order.Managed, Amount: price, Subject: "tea",
		Payer: order.Payer{ID: "p", Locale: "en", Phone: "+8613800138000", Push: []string{"apns:token"}},
	}
	for _, f := range change {
		f(&r)
	}
	c, err := order.Register(r, start)
	if err != nil {
		t.Fatal(err)
	}
	return c.Order
}

// waiting is an order that was claimed so long ago, in the stage that this makes.
func waiting(t *testing.T, age time.Duration, change ...func(*order.Registration)) order.Order {
	t.Helper()
	o := registered(t, change...).Claim(start, order.Wait{Typical: time.Minute, Late: 5 * time.Minute}).Order
	return o.EnterStage(start.Add(age), order.DefaultStageLimits).Order
}

// ends settles an order.
func ends(o order.Order, claims order.Claimed, at order.Time) order.Order {
	amount := o.Amount
	return o.Apply(order.Evidence{Source: order.FromCallback, Claims: claims, Amount: &amount}, at).Order
}

func facts(o order.Order, now order.Time) notify.Facts {
	return notify.Facts{
		Order: o, Now: now, Contacts: notify.Key("k").ContactsOf(o),
		Sendable: map[notify.Channel]bool{notify.SMS: true, notify.Push: true, notify.Inbox: true},
	}
}

func plan() *notify.Plan { return notify.DefaultPlan(time.UTC, order.DefaultStageLimits) }

// record is what is known of a message about the order.
func record(n notify.Notice, c notify.Channel, s notify.Status) notify.Record {
	fingerprint := notify.Key("k").Fingerprint(c, notify.Address{Phone: "+8613800138000"})
	return notify.Record{ID: notify.MessageID("A1", n, c, fingerprint), Notice: n, Channel: c, Status: s}
}

func TestWhatIsToldIsWhatIsTrue(t *testing.T) {
	t.Parallel()
	delayed := waiting(t, time.Minute)
	conflict := ends(ends(waiting(t, time.Minute), order.ClaimsFailed, start.Add(2*time.Minute)), order.ClaimsFailed, start)
	conflict = conflict.OpenCase(order.CaseConflict, start.Add(3*time.Minute), order.Detail{}).Order
	for name, c := range map[string]struct {
		order order.Order
		want  notify.Notice
	}{
		"not claimed":                  {registered(t), ""},
		"just claimed":                 {waiting(t, time.Second), ""},
		"a minute":                     {delayed, notify.NoticeDelayed},
		"five minutes":                 {waiting(t, 5*time.Minute), notify.NoticeProlonged},
		"paid":                         {ends(delayed, order.ClaimsSucceeded, start.Add(2*time.Minute)), notify.NoticeSucceeded},
		"failed":                       {ends(delayed, order.ClaimsFailed, start.Add(2*time.Minute)), notify.NoticeFailed},
		"closed":                       {ends(delayed, order.ClaimsClosed, start.Add(2*time.Minute)), notify.NoticeClosed},
		"going back":                   {ends(delayed, order.ClaimsRefunding, start.Add(2*time.Minute)), notify.NoticeRefunding},
		"back":                         {ends(delayed, order.ClaimsRefunded, start.Add(2*time.Minute)), notify.NoticeRefunded},
		"failed, and evidence differs": {conflict, ""},
	} {
		if got := notify.Current(c.order); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestDecisions(t *testing.T) {
	t.Parallel()
	noon := start.Add(time.Hour)
	for name, c := range map[string]struct {
		change func(p *notify.Plan, f *notify.Facts)
		action notify.Action
		reason notify.Reason
	}{
		"due":             {func(*notify.Plan, *notify.Facts) {}, notify.ActionSend, notify.ReasonDue},
		"too early":       {func(_ *notify.Plan, f *notify.Facts) { f.Now = f.Order.TurnAt.Add(time.Second) }, notify.ActionWait, notify.ReasonDelay},
		"nothing to tell": {func(_ *notify.Plan, f *notify.Facts) { f.Order = registered(t) }, notify.ActionSkip, notify.ReasonNoNotice},
		"no rule":         {func(p *notify.Plan, _ *notify.Facts) { p.Rules = nil }, notify.ActionSkip, notify.ReasonNoRule},
		"another channel": {func(p *notify.Plan, _ *notify.Facts) { p.Rules[0].Steps = p.Rules[0].Steps[:1] }, notify.ActionSkip, notify.ReasonNoStep},
		"no provider":     {func(_ *notify.Plan, f *notify.Facts) { f.Sendable = nil }, notify.ActionSkip, notify.ReasonNoSender},
		"no number":       {func(_ *notify.Plan, f *notify.Facts) { f.Contacts = nil }, notify.ActionSkip, notify.ReasonNoContact},
		"dead number":     {func(_ *notify.Plan, f *notify.Facts) { kill(f) }, notify.ActionSkip, notify.ReasonDead},
		"told":            {func(_ *notify.Plan, f *notify.Facts) { f.Records = told(notify.StatusAccepted) }, notify.ActionSkip, notify.ReasonTold},
		"perhaps told":    {func(_ *notify.Plan, f *notify.Facts) { f.Records = told(notify.StatusMaybeSent) }, notify.ActionSkip, notify.ReasonTold},
		"tried in vain":   {func(_ *notify.Plan, f *notify.Facts) { f.Records = told(notify.StatusWaiting) }, notify.ActionSend, notify.ReasonDue},
		"over, and true again": {func(_ *notify.Plan, f *notify.Facts) {
			f.Records = told(notify.StatusDropped)
			f.Records[0].Code = notify.CodeSuperseded
		}, notify.ActionSend, notify.ReasonDue},
		"needless, and needed again": {func(_ *notify.Plan, f *notify.Facts) {
			f.Records = told(notify.StatusDropped)
			f.Records[0].Code = string(notify.ReasonSeen)
		}, notify.ActionSend, notify.ReasonDue},
		"dropped by a cap": {func(_ *notify.Plan, f *notify.Facts) {
			f.Records = told(notify.StatusDropped)
			f.Records[0].Code = notify.CodeCapped
		}, notify.ActionSkip, notify.ReasonTold},
		"a result was told": {func(_ *notify.Plan, f *notify.Facts) {
			f.Records = []notify.Record{record(notify.NoticeFailed, notify.Push, notify.StatusAccepted)}
		}, notify.ActionSkip, notify.ReasonResult},
		"pushed": {func(_ *notify.Plan, f *notify.Facts) {
			f.Records = []notify.Record{record(notify.NoticeDelayed, notify.Push, notify.StatusAccepted)}
		}, notify.ActionSkip, notify.ReasonReached},
		"the push bounced": {func(_ *notify.Plan, f *notify.Facts) {
			f.Records = []notify.Record{record(notify.NoticeDelayed, notify.Push, notify.StatusFailed)}
		}, notify.ActionSend, notify.ReasonDue},
		"cheap":             {func(_ *notify.Plan, f *notify.Facts) { f.Order.Amount.Minor = 99 }, notify.ActionSkip, notify.ReasonSmall},
		"other money":       {func(_ *notify.Plan, f *notify.Facts) { f.Order.Amount = order.Money{Minor: 99, Currency: "CHF"} }, notify.ActionSend, notify.ReasonDue},
		"seen":              {func(_ *notify.Plan, f *notify.Facts) { f.Seen = true }, notify.ActionSkip, notify.ReasonSeen},
		"watching":          {func(_ *notify.Plan, f *notify.Facts) { f.Watching, f.Now = true, f.Order.TurnAt.Add(20*time.Second) }, notify.ActionWait, notify.ReasonWatching},
		"has watched":       {func(_ *notify.Plan, f *notify.Facts) { f.Watching = true }, notify.ActionSkip, notify.ReasonWatching},
		"at night":          {func(p *notify.Plan, f *notify.Facts) { quiet(p, f.Now) }, notify.ActionWait, notify.ReasonQuiet},
		"at night, by rule": {func(p *notify.Plan, f *notify.Facts) { quiet(p, f.Now); p.Rules[0].IgnoreQuiet = true }, notify.ActionSend, notify.ReasonDue},
		"enough": {func(p *notify.Plan, f *notify.Facts) {
			p.Caps[notify.SMS] = notify.Caps{Order: 1}
			f.Records = []notify.Record{record("x", notify.SMS, notify.StatusAccepted)}
		}, notify.ActionSkip, notify.ReasonCapOrder},
		"unsubscribed": {func(p *notify.Plan, f *notify.Facts) {
			f.OptedOut = map[notify.Channel]bool{notify.SMS: true}
			p.Rules[0].Optional = true
		}, notify.ActionSkip, notify.ReasonOptedOut},
		"part of a payment": {func(_ *notify.Plan, f *notify.Facts) { f.OptedOut = map[notify.Channel]bool{notify.SMS: true} }, notify.ActionSend, notify.ReasonDue},
		"took consent back": {func(_ *notify.Plan, f *notify.Facts) {
			f.OptedOut = map[notify.Channel]bool{notify.SMS: true}
			optIn(f)
		}, notify.ActionSkip, notify.ReasonOptedOut},
		"the wrong language": {func(_ *notify.Plan, f *notify.Facts) { f.Order.Payer.Locale = "tlh" }, notify.ActionSend, notify.ReasonDue},
	} {
		p := plan()
		p.Quiet = nil
		f := facts(waiting(t, time.Minute), noon)
		c.change(p, &f)
		d := p.Decide(notify.SMS, f)
		if d.Action != c.action || d.Reason != c.reason {
			t.Errorf("%s: %s, %s; want %s, %s", name, d.Action, d.Reason, c.action, c.reason)
		}
		if d.Action == notify.ActionWait && d.At <= f.Now {
			t.Errorf("%s: waits until %v at %v", name, d.At, f.Now)
		}
		if (d.Action == notify.ActionSend) != (len(d.To) > 0) && d.Action == notify.ActionSend {
			t.Errorf("%s: sends to nobody", name)
		}
	}
}

func told(s notify.Status) []notify.Record {
	return []notify.Record{record(notify.NoticeDelayed, notify.SMS, s)}
}

func kill(f *notify.Facts) {
	for i := range f.Contacts {
		f.Contacts[i].Dead = true
	}
}

func optIn(f *notify.Facts) {
	for i := range f.Contacts {
		f.Contacts[i].OptedIn = true
	}
}

func quiet(p *notify.Plan, now order.Time) {
	minute := now.Std().Hour()*60 + now.Std().Minute()
	p.Quiet = map[notify.Channel]notify.Quiet{notify.SMS: {From: minute, To: (minute + 60) % notify.MinutesOfDay}}
}

// A result after a short wait is no news: the payer has just left the page with it.
func TestOnlyWhoWaitedIsToldASuccess(t *testing.T) {
	t.Parallel()
	for age, want := range map[time.Duration]notify.Reason{30 * time.Second: notify.ReasonNoRule, 2 * time.Minute: notify.ReasonDue} {
		o := ends(waiting(t, time.Second), order.ClaimsSucceeded, start.Add(age))
		if d := plan().Decide(notify.SMS, facts(o, start.Add(time.Hour))); d.Reason != want {
			t.Errorf("after %v: %s, want %s", age, d.Reason, want)
		}
	}
}

func TestQuietHoursAreThePayersOwn(t *testing.T) {
	t.Parallel()
	p := &notify.Plan{Quiet: map[notify.Channel]notify.Quiet{notify.SMS: {From: 22 * 60, To: 8 * 60}, notify.Email: {From: 12 * 60, To: 13 * 60}}}
	shanghai, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		channel   notify.Channel
		zone      *time.Location
		now, want string
	}{
		{notify.SMS, time.UTC, "2026-11-25T21:59:59Z", ""},
		{notify.SMS, time.UTC, "2026-11-25T22:00:00Z", "2026-11-26T08:00:00Z"},
		{notify.SMS, time.UTC, "2026-11-26T03:00:00Z", "2026-11-26T08:00:00Z"},
		{notify.SMS, time.UTC, "2026-11-26T08:00:00Z", ""},
		{notify.SMS, shanghai, "2026-11-25T14:30:00Z", "2026-11-26T00:00:00Z"},
		{notify.SMS, shanghai, "2026-11-25T03:00:00Z", ""},
		{notify.Email, time.UTC, "2026-12-31T12:30:00Z", "2026-12-31T13:00:00Z"},
		{notify.Push, time.UTC, "2026-11-26T03:00:00Z", ""},
	} {
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if until := p.QuietUntil(c.channel, c.zone, order.At(now)); until != order.At(now) {
			got = until.Std().Format(time.RFC3339)
		}
		if got != c.want {
			t.Errorf("%s in %s at %s: quiet until %q, want %q", c.channel, c.zone, c.now, got, c.want)
		}
	}
}

func TestPlansThatCannotBeAreNamed(t *testing.T) {
	t.Parallel()
	if err := plan().Validate(); err != nil {
		t.Fatalf("the default plan: %v", err)
	}
	for want, change := range map[string]func(p *notify.Plan){
		"time_zone":                  func(p *notify.Plan) { p.Zone = nil },
		"quiet_hours.fax":            func(p *notify.Plan) { p.Quiet["fax"] = notify.Quiet{To: 1} },
		"quiet_hours.sms":            func(p *notify.Plan) { p.Quiet[notify.SMS] = notify.Quiet{From: 5, To: 5} },
		"caps.sms":                   func(p *notify.Plan) { p.Caps[notify.SMS] = notify.Caps{Day: -1} },
		"rules[1]: notices":          func(p *notify.Plan) { p.Rules[1].Notices = nil },
		`rules[0]: notices: "code"`:  func(p *notify.Plan) { p.Rules[0].Notices = []notify.Notice{notify.NoticeCode} },
		"rules[0]: tell[0]: channel": func(p *notify.Plan) { p.Rules[0].Steps[0].Channel = notify.Robot },
		"rules[0]: tell[1]: channel": func(p *notify.Plan) { p.Rules[0].Steps[1].Channel = notify.Inbox },
		"rules[0]: tell[0]: after":   func(p *notify.Plan) { p.Rules[0].Steps[0].After = 25 * time.Hour },
		"rules[0]: tell[0]: unless": func(p *notify.Plan) {
			p.Rules[0].Steps[0].Unless = map[notify.Channel]notify.Status{notify.SMS: "read"}
		},
		"rules[0]: tell[0]: min_amou": func(p *notify.Plan) { p.Rules[0].Steps[0].Min = map[string]int64{"XXX": 1} },
	} {
		p := plan()
		change(p)
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// Who asked to be told how the order ends is told there, whatever else would make the
// message needless, and nobody else is told for that.
func TestWhoAskedIsTold(t *testing.T) {
	t.Parallel()
	quick := ends(waiting(t, time.Second).NoteConsent("sms", "+86****", "", start).Order, order.ClaimsSucceeded, start.Add(20*time.Second))
	slow := ends(waiting(t, time.Minute).NoteConsent("sms", "+86****", "", start).Order, order.ClaimsSucceeded, start.Add(2*time.Minute))
	for name, c := range map[string]struct {
		order   order.Order
		asked   bool
		reached bool
		small   bool
		want    notify.Reason
	}{
		"no wait, asked":        {quick, true, false, false, notify.ReasonDue},
		"no wait, not here":     {quick, false, false, false, notify.ReasonNoContact},
		"pushed too, asked":     {slow, true, true, false, notify.ReasonDue},
		"pushed too, not here":  {slow, false, true, false, notify.ReasonReached},
		"not worth it, however": {slow, true, false, true, notify.ReasonSmall},
	} {
		if c.small {
			c.order.Amount.Minor = 99
		}
		f := facts(c.order, start.Add(time.Hour))
		for i := range f.Contacts {
			f.Contacts[i].Asked = c.asked && f.Contacts[i].Channel == notify.SMS
		}
		if c.reached {
			f.Records = []notify.Record{record(notify.NoticeSucceeded, notify.Push, notify.StatusAccepted)}
		}
		if d := plan().Decide(notify.SMS, f); d.Reason != c.want || (d.Action == notify.ActionSend) != (c.want == notify.ReasonDue) {
			t.Errorf("%s: %s, %s", name, d.Action, d.Reason)
		}
	}
}

// What is offered is what would be kept.
func TestWhatThePlanDoesNotTellIsNotOffered(t *testing.T) {
	t.Parallel()
	o := waiting(t, time.Second)
	cheap := o
	cheap.Amount.Minor = 99
	for name, c := range map[string]struct {
		channel notify.Channel
		order   order.Order
		change  func(*notify.Plan)
		want    bool
	}{
		"by SMS":               {notify.SMS, o, nil, true},
		"by mail":              {notify.Email, o, nil, true},
		"in the browser":       {notify.WebPush, cheap, nil, true},
		"a small sum":          {notify.SMS, cheap, nil, false},
		"success only":         {notify.SMS, o, func(p *notify.Plan) { p.Rules[3].Steps = p.Rules[3].Steps[:1] }, false},
		"nothing is told":      {notify.SMS, o, func(p *notify.Plan) { p.Rules = nil }, false},
		"other diagnoses only": {notify.SMS, o, func(p *notify.Plan) { p.Rules[2].Diagnoses = []order.Diagnosis{order.DiagnosisConflict} }, false},
	} {
		p := plan()
		if c.change != nil {
			c.change(p)
		}
		if got := p.Tells(c.channel, c.order); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
