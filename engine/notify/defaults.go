package notify

import (
	"time"

	"anxin/engine/order"
)

// DefaultPlan tells who waited, by what costs nothing first: the inbox and the app at
// once, an SMS when these have not reached anybody. Money that goes back is told to
// everyone; of a part of it, an SMS is worth it once it is back. zone is where payers live who name no time zone.
func DefaultPlan(zone *time.Location, stages order.StageLimits) *Plan {
	reached := map[Channel]Status{Push: StatusAccepted, WebPush: StatusAccepted, Gateway: StatusAccepted}
	free := []Step{{Channel: Inbox, EvenIfSeen: true}, {Channel: Push}, {Channel: WebPush}, {Channel: Gateway}}
	with := func(steps ...Step) []Step { return append(append([]Step{}, free...), steps...) }
	// An SMS costs about as much as the fee of a small payment.
	worthIt := map[string]int64{"CNY": 1000, "USD": 200, "EUR": 200}
	sms := Step{Channel: SMS, After: 15 * time.Second, Unless: reached, Min: worthIt}
	patient := sms
	patient.After = time.Minute
	mail := Step{Channel: Email}
	return &Plan{
		Zone: zone, Delayed: stages.Delayed,
		Rules: []Rule{
			{Notices: []Notice{NoticeDelayed}, Claimed: true, Steps: with(sms)},
			{Notices: []Notice{NoticeProlonged}, Claimed: true, Steps: with(patient, mail)},
			{Notices: []Notice{NoticeSucceeded}, Waited: true, IgnoreQuiet: true, Steps: with(sms, mail)},
			{Notices: []Notice{NoticeFailed, NoticeClosed}, Waited: true, IgnoreQuiet: true, Steps: with(sms, mail)},
			{Notices: []Notice{NoticeRefunding, NoticeRefunded}, Steps: with(sms, mail)},
			{Notices: []Notice{NoticePartRefunding}, Steps: with(mail)},
			{Notices: []Notice{NoticePartRefunded}, Steps: with(sms, mail)},
		},
		Quiet: map[Channel]Quiet{SMS: {From: 22 * 60, To: 8 * 60}},
		Caps: map[Channel]Caps{
			SMS:   {Order: 4, PayerDay: 10, Day: 20_000, AddressDay: 6},
			Email: {Order: 5, PayerDay: 20, AddressDay: 10},
		},
	}
}
