package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"anxin/engine"
	"anxin/engine/notify"
	"anxin/engine/order"
)

// written is a wording of the delayed notice in English.
func written(body string) notify.Template {
	return notify.Template{Name: "delayed", Language: "en", Title: "News", Body: body + " {{.OrderNo}}"}
}

var delayedKey = engine.TemplateKey{Name: "delayed", Language: "en"}

// write adds a version and, if wanted, approves it.
func (o *office) write(t notify.Template, approve bool) engine.StoredTemplate {
	o.t.Helper()
	s, err := o.WriteTemplate(o.t.Context(), t, "wang", "clearer")
	fatal(o.t, err)
	if approve {
		s, err = o.DecideTemplate(o.t.Context(), engine.TemplateDecision{
			TemplateKey: engine.TemplateKey{Name: t.Name, Language: t.Language, Channel: t.Channel, Brand: t.Brand},
			Version:     s.Version, Approval: notify.ApprovalApproved, Actor: "li", Reason: "read twice",
		})
		fatal(o.t, err)
	}
	return s
}

// told waits until an order is told that it is delayed, and returns what was said.
func (o *office) told(orderNo string) notify.Message {
	o.t.Helper()
	o.waits(orderNo)
	o.pass(61 * time.Second)
	for _, m := range o.sms.taken {
		if m.OrderNo == orderNo {
			return m
		}
	}
	o.t.Fatalf("%s was told nothing", orderNo)
	return notify.Message{}
}

func TestOnlyApprovedTemplatesAreSent(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		v := o.write(written("first"), false)
		if v.Version != 2 || v.State != notify.ApprovalPending {
			t.Errorf("a new version is %+v", v)
		}
		if m := o.told("A1"); m.Version != 1 || strings.Contains(m.Text.Body, "first") {
			t.Errorf("what nobody approved is sent: %+v", m)
		}
		o.write(written("second"), true)
		if m := o.told("A2"); m.Version != 3 || m.Text.Body != "second A2" {
			t.Errorf("the approved version is not sent: %+v", m)
		}
		if r := o.records("A1", notify.SMS)[0]; r.Version != 1 || r.Template != "delayed" {
			t.Errorf("the record of what was sent has changed: %+v", r)
		}
		// Back to an earlier one, which was never approved: it must be first.
		ctx := t.Context()
		if _, err := o.UseTemplate(ctx, delayedKey, 2, "li", "back"); !errors.Is(err, engine.ErrNotApproved) {
			t.Errorf("used without approval: %v", err)
		}
		o.write(written("third"), true)
		_, err := o.UseTemplate(ctx, delayedKey, 3, "li", "the third confuses")
		fatal(t, err)
		if m := o.told("A3"); m.Version != 3 || m.Text.Body != "second A3" {
			t.Errorf("after going back: %+v", m)
		}
		_, err = o.DecideTemplate(ctx, engine.TemplateDecision{TemplateKey: delayedKey, Version: 3, Approval: notify.ApprovalRejected, Actor: "li", Reason: "no"})
		if !errors.Is(err, engine.ErrTemplateInForce) {
			t.Errorf("what is in force is rejected: %v", err)
		}
		_, err = o.UseTemplate(ctx, delayedKey, 0, "li", "the built-in one was fine")
		fatal(t, err)
		if m := o.told("A4"); m.Version != 1 || !strings.Contains(m.Text.Body, "being confirmed") {
			t.Errorf("after going back to the built-in one: %+v", m)
		}
		for _, r := range o.records("A2", notify.SMS) {
			if r.Version != 3 {
				t.Errorf("the record of A2 has version %d", r.Version)
			}
		}
		o.expectAudit("templates.use", "templates.use", "templates.approved", "templates.write", "templates.approved", "templates.write", "templates.write")
	})
}

// expectAudit compares what people did, newest first.
func (o *office) expectAudit(want ...string) {
	o.t.Helper()
	list, err := o.Audits(o.t.Context(), 0, 100)
	fatal(o.t, err)
	var got []string
	for _, a := range list {
		got = append(got, a.Action)
		if a.Reason == "" || a.Actor == "" || !strings.Contains(a.Target, "delayed/en v") {
			o.t.Errorf("audit %+v", a)
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		o.t.Errorf("audit %v, want %v", got, want)
	}
}

// Two nodes share a store: what is put in force at one is sent by the other soon after.
func TestOtherNodesTakeTemplatesIn(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		deps := o.deps()
		other, err := engine.New(o.cfg, engine.Deps{Store: o.store, Sender: o.backend, Listener: o.listener, Messages: deps, Log: o.log})
		fatal(t, err)
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- other.Run(ctx) }()
		titles := func() (list []string) {
			for _, tpl := range must(other.TemplatesInForce()) {
				if tpl.Name == "delayed" && tpl.Language == "en" {
					list = append(list, tpl.Title)
				}
			}
			return list
		}
		o.write(written("from here"), true)
		o.pass(3 * time.Second)
		if got := titles(); len(got) != 1 || got[0] != "News" {
			t.Errorf("the other node sends %q", got)
		}
		cancel()
		fatal(t, <-ended)
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// What was written survives a restart; a version that cannot be used stops the start by its
// name.
func TestTemplatesAreLoadedAtTheStart(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		o.write(written("kept"), true)
		o.reopen()
		if m := o.told("A1"); m.Text.Body != "kept A1" {
			t.Errorf("after a restart: %+v", m)
		}
		o.stopRun()
		bad := engine.StoredTemplate{Template: notify.Template{Name: "delayed", Language: "zh-CN", Version: 2, Title: "t", Body: "{{.OrderNo}}{{.Weather}}"}, State: notify.ApprovalApproved}
		fatal(t, o.store.Commit(t.Context(), engine.Commit{Messages: &engine.MessageWrites{Template: &engine.TemplateWrite{StoredTemplate: bad, Use: true}}}))
		e, err := engine.New(o.cfg, engine.Deps{Store: o.store, Sender: o.backend, Listener: o.listener, Messages: o.deps(), Log: o.log})
		fatal(t, err)
		if err := e.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "delayed/zh-CN: body uses {{.Weather}}") {
			t.Errorf("run: %v", err)
		}
		bad.N, bad.Off = 3, false
		bad.Body = "{{.OrderNo}}"
		fatal(t, o.store.Commit(t.Context(), engine.Commit{Messages: &engine.MessageWrites{Template: &engine.TemplateWrite{StoredTemplate: bad, Use: true}}}))
		o.start()
	})
}

// A provider that sends approved templates only is not asked to send another.
func TestAProviderIsGivenApprovedTemplatesOnly(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		tpl := written("with a template")
		tpl.Providers = map[string]notify.ProviderTemplate{
			"one": {ID: "SMS_1", Approval: notify.ApprovalPending, Params: []notify.ProviderParam{{Name: "no", Var: "OrderNo"}}},
		}
		v := o.write(tpl, true)
		o.waits("A1")
		o.pass(61 * time.Second)
		o.expect(o.sms)
		o.expect(o.second)
		if r := o.records("A1", notify.SMS); len(r) != 1 || r[0].Status != notify.StatusFailed || r[0].Code != "template_not_approved" || r[0].Provider != "" {
			t.Errorf("record %+v", r)
		}
		_, err := o.DecideTemplate(t.Context(), engine.TemplateDecision{
			TemplateKey: delayedKey, Version: v.Version, Provider: "one", Approval: notify.ApprovalApproved, Actor: "li", Reason: "their mail",
		})
		fatal(t, err)
		m := o.told("A2")
		if m.SMS.ID != "SMS_1" || len(m.SMS.Params) != 1 || m.SMS.Params[0].Value != "A2" || m.Version != v.Version {
			t.Errorf("sent %+v", m)
		}
		o.expect(o.second)
		_, err = o.DecideTemplate(t.Context(), engine.TemplateDecision{
			TemplateKey: delayedKey, Version: v.Version, Provider: "two", Approval: notify.ApprovalApproved, Actor: "li", Reason: "x",
		})
		if field, ok := errors.AsType[*order.FieldError](err); !ok || field.Field != "provider" {
			t.Errorf("a provider without a template: %v", err)
		}
	}, func(o *office) {
		o.sms.traits.Templates, o.second.traits.Templates = true, true
	})
}

// The configuration file is read anew: what people wrote stays over it.
func TestTheFilesTemplatesStayBelow(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		o.write(written("written"), true)
		file := written("of the file")
		file.Version = 7
		fatal(t, o.SetCatalogue(must(notify.NewCatalogue([]notify.Template{file}))))
		if m := o.told("A1"); m.Text.Body != "written A1" {
			t.Errorf("sent %+v", m)
		}
		file.Version = 2
		var wrong *notify.TemplateError
		if err := o.SetCatalogue(must(notify.NewCatalogue([]notify.Template{file}))); !errors.As(err, &wrong) {
			t.Errorf("two texts of one version: %v", err)
		}
		if v := o.write(written("next"), false); v.Version != 8 {
			t.Errorf("the next version is %d", v.Version)
		}
	})
}

func TestPreviewsAreWhatGoesOut(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		list := must(o.PreviewTemplates(t.Context(), engine.PreviewWanted{}))
		seen := map[string]bool{}
		for _, p := range list {
			seen[p.Sample+" "+p.Language+" "+string(p.Channel)] = true
			switch {
			case p.Notice == "" && p.Sample != "failed/disputed":
				t.Errorf("%s tells nothing", p.Sample)
			case p.Notice != "" && p.Channel == notify.SMS && (p.Size != notify.SizeOf(p.Text.Body) || p.Text.Title != ""):
				t.Errorf("%s is %+v of %+v", p.Sample, p.Size, p.Text)
			case p.Notice != "" && p.Channel == notify.Email && (strings.Contains(p.Text.HTML, `class="button"`) == (p.Notice == notify.NoticeCode) || !strings.Contains(p.Text.HTML, "Tea &amp; Co")):
				t.Errorf("the mail of %s is %s", p.Sample, p.Text.HTML)
			case p.Diagnosis.Located() != strings.Contains(p.Template, "_located") && strings.HasPrefix(p.Sample, "prolonged"):
				t.Errorf("%s says it by %s", p.Sample, p.Template)
			}
		}
		for _, want := range []string{"delayed/channel_silent zh-CN sms", "prolonged/callback_missing en email", "refunded/whole en inbox", "code/lookup zh-CN sms"} {
			if !seen[want] {
				t.Errorf("there is no preview of %s", want)
			}
		}
		draft := written("draft")
		draft.Channel = notify.SMS
		list = must(o.PreviewTemplates(t.Context(), engine.PreviewWanted{Draft: &draft, Sample: "delayed"}))
		if len(list) != 8 {
			t.Errorf("%d previews of a draft, want one of each diagnosis", len(list))
		}
		for _, p := range list {
			if p.Text.Body != "draft SAMPLE.0001" || p.Channel != notify.SMS || p.Template != "delayed/sms" || len(p.Providers) != 2 || !p.Providers[0].Sends {
				t.Errorf("preview %+v", p)
			}
		}
		draft.Body = "{{.Weather}}"
		var wrong *notify.TemplateError
		if _, err := o.PreviewTemplates(t.Context(), engine.PreviewWanted{Draft: &draft}); !errors.As(err, &wrong) {
			t.Errorf("a draft that cannot be: %v", err)
		}
		o.expect(o.sms)
	})
}

func trial(change func(*engine.Trial)) engine.Trial {
	t := engine.Trial{TemplateKey: delayedKey, Via: notify.SMS, To: "+8613900139000", Actor: "wang"}
	if change != nil {
		change(&t)
	}
	return t
}

func TestTestsGoToWhomTheyAreFor(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		ctx := t.Context()
		v := o.write(written("unapproved"), false)
		r, err := o.TrySend(ctx, trial(func(t *engine.Trial) { t.Version = v.Version }))
		fatal(t, err)
		m := o.sms.taken[0]
		if m.To.Phone != "+8613900139000" || m.Text.Body != "[Test] unapproved SAMPLE.0001" || m.Notice != notify.NoticeTest {
			t.Errorf("sent %+v", m)
		}
		if r.Notice != notify.NoticeTest || r.Status != notify.StatusAccepted || r.To != "+86139****9000" || r.Segments != 1 || r.Version != v.Version || r.Provider != "one" {
			t.Errorf("record %+v", r)
		}
		audits, err := o.Audits(ctx, 0, 1)
		fatal(t, err)
		if a := audits[0]; a.Action != "templates.test" || a.Target != "delayed/en v2" || a.Reason != "sms to +86139****9000 by one" || a.Actor != "wang" {
			t.Errorf("audit %+v", a)
		}
		_, err = o.TrySend(ctx, trial(func(t *engine.Trial) { t.Provider, t.Sample = "two", "delayed/callback_missing" }))
		fatal(t, err)
		if body := o.second.taken[0].Text.Body; !strings.Contains(body, "[Test]") || !strings.Contains(body, "we have your payment") {
			t.Errorf("sent %s", body)
		}
		for i, c := range []struct {
			change func(*engine.Trial)
			want   string
		}{
			{func(t *engine.Trial) { t.To = "nobody" }, "to: "},
			{func(t *engine.Trial) { t.Via, t.To = notify.Inbox, "p" }, "via: "},
			{func(t *engine.Trial) { t.Via = "fax" }, "via: "},
			{func(t *engine.Trial) { t.Sample = "failed/waited" }, "sample: "},
			{func(t *engine.Trial) { t.Provider = "three" }, engine.ErrNoProvider.Error()},
			{func(t *engine.Trial) { t.Via, t.To = notify.Email, "a@b.example" }, engine.ErrNoProvider.Error()},
			{func(t *engine.Trial) { t.Version = 9 }, engine.ErrNoTemplate.Error()},
			{func(t *engine.Trial) { t.Language = "fr" }, engine.ErrNoTemplate.Error()},
		} {
			if _, err := o.TrySend(ctx, trial(c.change)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%d: %v, want %s", i, err, c.want)
			}
		}
	})
}

func TestTestsAreRefusedWhileTheProviderIsPaused(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		ctx := t.Context()
		pause := func(name string) {
			t.Helper()
			_, err := o.PauseFor(ctx, engine.Pause{Kind: engine.TaskNotify, Target: name, Until: order.At(time.Now().Add(time.Minute)), Actor: "li", Reason: "x"})
			fatal(t, err)
		}
		pause("one")
		if _, err := o.TrySend(ctx, trial(func(t *engine.Trial) { t.Provider = "one" })); !errors.Is(err, engine.ErrProviderPaused) {
			t.Errorf("by the paused one: %v", err)
		}
		if r, err := o.TrySend(ctx, trial(nil)); err != nil || r.Provider != "two" {
			t.Errorf("by the other: %+v, %v", r, err)
		}
		pause("sms")
		if _, err := o.TrySend(ctx, trial(nil)); !errors.Is(err, engine.ErrProviderPaused) {
			t.Errorf("while the channel is paused: %v", err)
		}
		o.expect(o.sms)
		o.expect(o.second, notify.NoticeTest)
	})
}

func TestTestsAreFewAnHour(t *testing.T) {
	t.Parallel()
	opened(t, func(t *testing.T, o *office) {
		ctx := t.Context()
		o.pass(time.Until(time.Now().Truncate(time.Hour).Add(time.Hour)))
		for range engine.TestsAnHour {
			_, err := o.TrySend(ctx, trial(nil))
			fatal(t, err)
		}
		o.pass(30 * time.Minute)
		_, err := o.TrySend(ctx, trial(nil))
		if full, ok := errors.AsType[*engine.TooManyTestsError](err); !ok || full.RetryAfter != 30*time.Minute {
			t.Errorf("one more: %v", err)
		}
		o.pass(30 * time.Minute)
		_, err = o.TrySend(ctx, trial(nil))
		fatal(t, err)
		if n := len(o.sms.taken); n != engine.TestsAnHour+1 {
			t.Errorf("%d tests were sent", n)
		}
		synctest.Wait()
	})
}
