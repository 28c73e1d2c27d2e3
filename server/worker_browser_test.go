package main

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/serviceworker"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// pushWorker is the service worker of a page, and what it shows.
type pushWorker struct {
	visit

	registration serviceworker.RegistrationID
}

// notification is what a payer has on the screen beside the page.
type notification struct{ Title, Body, Tag string }

// workerOf finds the worker that a page has registered. Chromium tells of those that there
// are when it is asked to tell of workers: asked before, it may have told nobody.
func workerOf(v visit) pushWorker {
	v.t.Helper()
	found := make(chan serviceworker.RegistrationID, 1)
	ctx, enough := context.WithCancel(v)
	defer enough()
	chromedp.ListenTarget(ctx, func(event any) {
		e, ok := event.(*serviceworker.EventWorkerRegistrationUpdated)
		if !ok {
			return
		}
		for _, r := range e.Registrations {
			if !r.IsDeleted && strings.HasPrefix(r.ScopeURL, v.p.base) {
				select {
				case found <- r.RegistrationID:
				default:
				}
			}
		}
	})
	v.do(promised(`navigator.serviceWorker.ready.then((r) => r.active.scriptURL)`, new(string)), serviceworker.Enable())
	select {
	case id := <-found:
		return pushWorker{v, id}
	case <-v.Done():
		v.t.Fatalf("Chromium tells of no worker\n%s", v.p.logs())
		panic("unreachable")
	}
}

// deliver hands the worker a message, as if a push service had.
func (w pushWorker) deliver(message any) {
	w.t.Helper()
	raw, err := json.Marshal(message)
	if err != nil {
		w.t.Fatal(err)
	}
	w.do(serviceworker.DeliverPushMessage(w.p.base, w.registration, string(raw)))
}

// shown is what the worker shows now.
func (w pushWorker) shown() (list []notification) {
	w.t.Helper()
	w.do(promised(`navigator.serviceWorker.ready.then((r) => r.getNotifications()).then((list) => list.map(({title, body, tag}) => ({title, body, tag})))`, &list))
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

// tap has the worker learn that a notification was tapped, and returns where it leads. No
// protocol reaches the desk's own notifications, and only a true tap may open a window: the
// rest is the worker's.
func (w pushWorker) tap(title string) (opened string) {
	w.t.Helper()
	w.inside(`(async () => {
		const opened = [], waits = [];
		Object.defineProperty(self.clients, 'openWindow', {configurable: true, value: async (url) => { opened.push(url); }});
		const [notification] = (await self.registration.getNotifications()).filter((n) => n.title === `+quoted(title)+`);
		const event = new NotificationEvent('notificationclick', {notification});
		Object.defineProperty(event, 'waitUntil', {value: (done) => waits.push(done)});
		self.dispatchEvent(event);
		await Promise.all(waits);
		return opened.join();
	})()`, &opened)
	return opened
}

// inside evaluates what a script promises in the worker itself, which is woken for it.
func (w pushWorker) inside(script string, value any) {
	w.t.Helper()
	var worker context.Context
	await(w.t, "the worker runs", func() bool {
		w.do(promised(`navigator.serviceWorker.ready.then((r) => r.active.postMessage(''))`, nil))
		targets, err := chromedp.Targets(w)
		if err != nil {
			w.t.Fatal(err)
		}
		at := slices.IndexFunc(targets, func(i *target.Info) bool {
			return i.Type == "service_worker" && strings.HasPrefix(i.URL, w.p.base)
		})
		if at < 0 {
			return false
		}
		ctx, detach := chromedp.NewContext(w, chromedp.WithTargetID(targets[at].TargetID))
		worker = ctx
		if chromedp.Run(ctx) != nil { // it has just gone to sleep
			detach()
			return false
		}
		w.t.Cleanup(detach)
		return true
	})
	if err := chromedp.Run(worker, promised(script, value)); err != nil {
		w.t.Fatalf("%v\n%s", err, w.p.logs())
	}
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
