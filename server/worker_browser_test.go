package main

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// pushWorker is the service worker of a page, and what it shows.
type pushWorker struct {
	visit

	inside context.Context
}

// notification is what a payer has on the screen beside the page.
type notification struct{ Title, Body, Tag string }

// workerOf attaches to the worker that a page has registered, which keeps it awake.
func workerOf(v visit) pushWorker {
	v.t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for ; v.Err() == nil; <-again.C {
		v.do(promised(`navigator.serviceWorker.ready.then((r) => r.active.postMessage(''))`, nil)) // which wakes it
		if inside := attach(v); inside != nil {
			return pushWorker{v, inside}
		}
	}
	v.t.Fatalf("no worker runs\n%s", v.p.logs())
	panic("unreachable")
}

// attach returns nil where no worker runs.
func attach(v visit) context.Context {
	v.t.Helper()
	targets, err := chromedp.Targets(v)
	if err != nil {
		v.t.Fatal(err)
	}
	at := slices.IndexFunc(targets, func(i *target.Info) bool {
		return i.Type == "service_worker" && strings.HasPrefix(i.URL, v.p.base)
	})
	if at < 0 {
		return nil
	}
	ctx, detach := chromedp.NewContext(v, chromedp.WithTargetID(targets[at].TargetID))
	if chromedp.Run(ctx) != nil { // it has just gone to sleep
		detach()
		return nil
	}
	v.t.Cleanup(detach)
	return ctx
}

// run evaluates what a script promises in the worker itself.
func (w pushWorker) run(script string, value any) {
	w.t.Helper()
	if err := chromedp.Run(w.inside, promised(script, value)); err != nil {
		w.t.Fatalf("%s: %v\n%s", script, err, w.p.logs())
	}
}

// dispatch lets an event happen to the worker, and waits for what the worker has the browser
// wait for. Browsers' own events cannot be had without their makers' services: the protocol's
// way to deliver a push drops some, and tells nobody.
func (w pushWorker) dispatch(event string) {
	w.t.Helper()
	var awaited int
	w.run(`(async () => {
		const event = `+event+`, waits = [];
		Object.defineProperty(event, 'waitUntil', {value: (done) => waits.push(done)});
		self.dispatchEvent(event);
		await Promise.all(waits);
		return waits.length;
	})()`, &awaited)
	if awaited != 1 {
		w.t.Errorf("the browser is to wait for %d ends of %s", awaited, event)
	}
}

// deliver hands the worker a message, as a push service does.
func (w pushWorker) deliver(message any) {
	w.t.Helper()
	raw, err := json.Marshal(message)
	if err != nil {
		w.t.Fatal(err)
	}
	w.dispatch(`new PushEvent('push', {data: ` + quoted(string(raw)) + `})`)
}

// shown is what the browser shows of the worker's now.
func (w pushWorker) shown() (list []notification) {
	w.t.Helper()
	w.run(`self.registration.getNotifications().then((list) => list.map(({title, body, tag}) => ({title, body, tag})))`, &list)
	return list
}

func (w pushWorker) untilShown(what string, want func([]notification) bool) {
	w.t.Helper()
	var last []notification
	defer func() {
		if w.t.Failed() {
			w.t.Logf("%s: shown is %+v", what, last)
		}
	}()
	await(w.t, what, func() bool {
		last = w.shown()
		return want(last)
	})
}

// are holds that just these are shown.
func are(titles ...string) func([]notification) bool {
	slices.Sort(titles)
	return func(list []notification) bool {
		var all []string
		for _, n := range list {
			all = append(all, n.Title)
		}
		slices.Sort(all)
		return slices.Equal(all, titles)
	}
}

// tap has the worker learn that a notification was tapped, and returns where it leads. Only a
// true tap may open a window: that is the browser's part, the rest is the worker's.
func (w pushWorker) tap(title string) (opened string) {
	w.t.Helper()
	w.run(`(async () => {
		self.opened = [];
		Object.defineProperty(self.clients, 'openWindow', {configurable: true, value: async (url) => { self.opened.push(url); }});
		[self.tapped] = (await self.registration.getNotifications()).filter((n) => n.title === `+quoted(title)+`);
	})()`, nil)
	w.dispatch(`new NotificationEvent('notificationclick', {notification: self.tapped})`)
	w.run(`Promise.resolve(self.opened.join())`, &opened)
	return opened
}

// promised waits for what a script promises.
func promised(script string, value any) chromedp.Action {
	return chromedp.Evaluate(script, value, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) })
}

// quoted is a text as a script has it.
func quoted(text string) string {
	raw, _ := json.Marshal(text)
	return string(raw)
}
