package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"anxin/engine/notify"
)

const (
	// codeQueue bounds the codes that wait to be sent. Beyond it nobody gets one: it is a
	// flood.
	codeQueue   = 256
	codeWorkers = 4
	// codeTTL is how long providers may keep trying: the payer has the page open.
	codeTTL = 5 * time.Minute
)

// code is a one-time code on its way. It is nowhere stored: one that is lost is asked for
// anew.
type code struct {
	orderNo string
	text    string
	life    time.Duration
}

// codeChannels are those by which a code may go: what reaches the payer and nobody else.
var codeChannels = []notify.Channel{notify.SMS, notify.Email}

// SendsCodes reports whether there is a provider that could bring a code to anybody.
func (e *Engine) SendsCodes() bool {
	return e.messages != nil && slices.ContainsFunc(codeChannels, e.messages.sendable)
}

// SendCode sends a one-time code to the payer of an order, at an address that the backend
// gave or that the payer opted in with: by SMS, else by e-mail. It returns at once and tells
// nothing of the order, not even whether it exists, so that whoever asks learns nothing
// either. ErrBusy says that too many wait.
func (e *Engine) SendCode(orderNo, text string, life time.Duration) error {
	if e.messages == nil {
		return ErrNoMessages
	}
	select {
	case e.messages.codes <- code{orderNo, text, life}:
		return nil
	default:
		return ErrBusy
	}
}

// sendCodes sends what SendCode takes in, until ctx ends.
func (e *Engine) sendCodes(ctx context.Context) {
	if e.messages == nil {
		return
	}
	var workers sync.WaitGroup
	for range codeWorkers {
		workers.Go(func() {
			for {
				select {
				case c := <-e.messages.codes:
					if err := e.sendCode(ctx, c); err != nil && ctx.Err() == nil && !errors.Is(err, ErrNotFound) {
						e.deps.Log.WithError(err).WithField("order_no", c.orderNo).Warn("send one-time code")
					}
				case <-ctx.Done():
					return
				}
			}
		})
	}
	workers.Wait()
}

func (e *Engine) sendCode(ctx context.Context, c code) error {
	o, err := e.deps.Store.Order(ctx, c.orderNo)
	if err != nil {
		return err
	}
	facts, err := e.messageFacts(ctx, o, now())
	if err != nil {
		return err
	}
	for _, channel := range codeChannels {
		for _, to := range facts.Contacts {
			if to.Channel != channel || to.Dead || !facts.Sendable[channel] {
				continue
			}
			err := e.codeTo(ctx, c, facts, to)
			var full *CappedError
			if err == nil || errors.As(err, &full) {
				return err
			}
		}
	}
	return errors.New("there is no address that takes a code")
}

// codeTo tries the providers of a channel in turn, each once: a code is worth little later.
// One that may have gone out is not sent by another.
func (e *Engine) codeTo(ctx context.Context, c code, f notify.Facts, to notify.Contact) error {
	frame := e.frame(f)
	text, err := e.messages.catalogue.Load().RenderCode(c.text, c.life, to.Channel, frame)
	if err != nil {
		return err
	}
	r := notify.Record{
		ID: "nt_" + rand.Text(), OrderNo: f.Order.OrderNo, Backend: f.Order.Backend, Notice: notify.NoticeCode, Channel: to.Channel,
		Fingerprint: to.Fingerprint, To: to.To.Mask(), Language: text.Language, Template: text.Template, Version: text.Version,
		CreatedAt: f.Now, UpdatedAt: f.Now,
	}
	counts := countsFor(e.messages.plan.Load(), to, f.Order, notify.NoticeCode, f.Now)
	task := Task{TaskKey: TaskKey{r.ID, TaskNotify, string(to.Channel)}}
	for range len(e.messages.providers[to.Channel]) {
		via, _ := e.choose(task, to, text, r, now())
		if via == nil {
			break
		}
		job := errand{via: via, key: via.task(task)}
		failed, err := e.trySend(ctx, &job, &r, to, text, e.textFor(to.Channel, text, f.Order.Backend, frame, ""), Commit{Messages: &MessageWrites{Counts: counts}})
		if err != nil || failed == nil || failed.Kind == notify.KindMaybeSent || failed.Kind == notify.KindAddress {
			return errors.Join(err, asError(failed))
		}
		counts = nil
	}
	return fmt.Errorf("no provider takes the code: %s", e.whyNone(r, text))
}

func asError(failed *notify.SendError) error {
	if failed == nil {
		return nil
	}
	return failed
}

// trySend makes one try of a message that no task stands behind; with is committed before
// it, carried is what goes out of the text.
func (e *Engine) trySend(ctx context.Context, job *errand, r *notify.Record, to notify.Contact, text notify.Texted, carried notify.Text, with Commit) (*notify.SendError, error) {
	job.flight = e.messages.flying.begin(r.ID)
	defer job.release()
	r.Provider = job.via.Name
	*r = r.Move(notify.StatusSending, "", now())
	with.Messages.Records = []notify.Record{*r}
	if err := e.commit(ctx, with); err != nil {
		return nil, err
	}
	job.record = *r
	job.message = notify.Message{
		ID: r.ID, OrderNo: r.OrderNo, Notice: r.Notice, Channel: r.Channel, To: to.To, Language: r.Language, Template: r.Template,
		Version: r.Version, Text: carried, SMS: text.Providers[r.Provider],
		CollapseKey: notify.CollapseKey(r.ID), TTL: codeTTL,
	}
	receipt, took, failed := e.sendMessage(ctx, *job)
	r.Took = took
	switch {
	case failed == nil:
		r.ProviderID, r.Segments, r.Cost = receipt.ProviderID, segmentsOf(job.message, receipt), receipt.Cost
		*r = r.Move(notify.StatusAccepted, "", now())
	case failed.Kind == notify.KindMaybeSent:
		*r = r.Move(notify.StatusMaybeSent, failed.Code, now())
	default:
		*r = r.Move(notify.StatusWaiting, permanentMark+failed.Code, now())
		*r = r.Move(notify.StatusFailed, failed.Code, now())
	}
	ctx = context.WithoutCancel(ctx)
	return failed, e.commit(ctx, Commit{Messages: &MessageWrites{Records: []notify.Record{*r}}})
}
