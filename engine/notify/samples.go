package notify

import (
	"slices"
	"time"

	"anxin/engine/order"
)

// Sample is an order as it could be, to try templates on.
type Sample struct {
	Name    string // "prolonged/channel_silent"
	Order   order.Order
	Records []Record      // what its payer was told before
	Refund  *order.Refund // that is told of; nil = the order is
}

// Notice is what is told of the sample; "" = nothing.
func (s Sample) Notice() Notice {
	if s.Refund != nil {
		return PartNotice(*s.Refund)
	}
	return Current(s.Order)
}

// sampleNo is no number that an order can have: a link to a sample leads nowhere.
const sampleNo = "SAMPLE.0001"

// sampleAmount is what the samples cost.
var sampleAmount = order.Money{Minor: 8800, Currency: "CNY"}

// Samples are orders in each stage with each diagnosis, and with each result, all of which
// came about by the order's own moves. now is when the last of it happened.
func Samples(now order.Time, limits order.StageLimits) []Sample {
	var list []Sample
	for _, stage := range []struct {
		notice Notice
		age    time.Duration
	}{{NoticeDelayed, limits.Delayed}, {NoticeProlonged, limits.Prolonged}} {
		for _, s := range situations {
			o := s.happens(sampleClaimed(now.Add(-stage.age), s.delivers), now)
			o = o.EnterStage(now, limits).Order
			list = append(list, Sample{Name: string(stage.notice) + "/" + string(s.diagnosis), Order: named(o)})
		}
	}
	return slices.Concat(list, sampleResults(now, limits), sampleParts(now))
}

// situation is what a diagnosis is made from.
type situation struct {
	diagnosis order.Diagnosis
	delivers  bool // the backend is told of results
	happens   func(o order.Order, now order.Time) order.Order
}

// nextCheck is when a sample is asked about next.
const nextCheck = 90 * time.Second

func answered(outcome order.QueryOutcome) func(order.Order, order.Time) order.Order {
	return func(o order.Order, now order.Time) order.Order {
		return o.Answered(order.Answer{Outcome: outcome}, now.Add(nextCheck), now).Order
	}
}

func evidence(source order.Source, claims order.Claimed, minor int64) order.Evidence {
	return order.Evidence{Source: source, Claims: claims, Amount: &order.Money{Minor: minor, Currency: sampleAmount.Currency}}
}

var situations = []situation{
	{order.DiagnosisChannelSilent, false, answered(order.QueryProcessing)},
	{order.DiagnosisPayerUnpaid, false, answered(order.QueryUnpaid)},
	{order.DiagnosisChannelUnreachable, false, answered(order.QueryUnreachable)},
	{order.DiagnosisCallbackRejected, false, func(o order.Order, now order.Time) order.Order {
		return o.RejectCallback("bad_signature", now).Order
	}},
	{order.DiagnosisCallbackMissing, true, func(o order.Order, now order.Time) order.Order {
		ev := evidence(order.FromQuery, order.ClaimsSucceeded, sampleAmount.Minor)
		return o.Answered(order.Answer{Outcome: order.QueryPaid, Evidence: &ev}, 0, now).Order
	}},
	{order.DiagnosisProcessingFailed, true, func(o order.Order, now order.Time) order.Order {
		o = o.Apply(evidence(order.FromCallback, order.ClaimsSucceeded, sampleAmount.Minor), now).Order
		return o.DeliveryFailed("http_500", now.Add(nextCheck), now).Order
	}},
	{order.DiagnosisHealthy, true, func(o order.Order, now order.Time) order.Order {
		return o.Apply(evidence(order.FromCallback, order.ClaimsSucceeded, sampleAmount.Minor), now).Order
	}},
	{order.DiagnosisConflict, false, func(o order.Order, now order.Time) order.Order {
		ev := evidence(order.FromQuery, order.ClaimsSucceeded, sampleAmount.Minor+1)
		return o.Answered(order.Answer{Outcome: order.QueryPaid, Evidence: &ev}, now.Add(nextCheck), now).Order
	}},
}

// sampleClaimed is an order that its payer called paid at a time.
func sampleClaimed(at order.Time, delivers bool) order.Order {
	c, err := order.Register(order.Registration{
		OrderNo: "SAMPLE", Channel: "sample", Mode: order.Managed, Amount: sampleAmount, Subject: "Green tea, 250 g",
		Payer: order.Payer{ID: "sample"}, Deliver: delivers,
	}, at)
	if err != nil {
		panic("sample order: " + err.Error()) // it is fixed above
	}
	return c.Order.Claim(at, order.Wait{Typical: time.Minute, Late: 10 * time.Minute}).Order
}

func named(o order.Order) order.Order {
	o.OrderNo = sampleNo
	return o
}

// sampleResults are orders that ended, quickly or after a wait.
func sampleResults(now order.Time, limits order.StageLimits) []Sample {
	settled := func(age time.Duration, claims order.Claimed) order.Order {
		o := sampleClaimed(now.Add(-age), false).EnterStage(now, limits).Order
		return o.Apply(evidence(order.FromCallback, claims, sampleAmount.Minor), now).Order
	}
	slow := limits.Prolonged
	paid := settled(slow, order.ClaimsSucceeded)
	late := settled(slow, order.ClaimsFailed).Apply(evidence(order.FromCallback, order.ClaimsSucceeded, sampleAmount.Minor), now).Order
	disputed := settled(slow, order.ClaimsFailed).Apply(evidence(order.FromCallback, order.ClaimsRefunded, sampleAmount.Minor), now).Order
	toldFailed := []Record{{Notice: NoticeFailed, Status: StatusAccepted}}
	list := []Sample{
		{"succeeded/waited", paid, nil, nil},
		{"succeeded/quick", settled(time.Second, order.ClaimsSucceeded), nil, nil},
		{"succeeded/corrected", late, toldFailed, nil},
		{"failed/waited", settled(slow, order.ClaimsFailed), nil, nil},
		{"failed/disputed", disputed, nil, nil},
		{"closed/waited", settled(slow, order.ClaimsClosed), nil, nil},
		{"refunding/whole", settled(slow, order.ClaimsRefunding), nil, nil},
		{"refunded/whole", settled(slow, order.ClaimsRefunded), nil, nil},
	}
	for i := range list {
		list[i].Order = named(list[i].Order)
	}
	return list
}

// sampleParts are orders that stay paid, of which a part goes back: the first, and one after
// another.
func sampleParts(now order.Time) []Sample {
	back := func(o order.Order, id string, minor int64, claims order.Claimed) order.Order {
		ev := evidence(order.FromCallback, claims, sampleAmount.Minor)
		ev.Refund = &order.RefundEvidence{ID: id, Amount: &order.Money{Minor: minor, Currency: sampleAmount.Currency}, AcceptedAt: now}
		return o.Apply(ev, now).Order
	}
	paid := sampleClaimed(now.Add(-time.Hour), false).Apply(evidence(order.FromCallback, order.ClaimsSucceeded, sampleAmount.Minor), now).Order
	before := back(paid, "r1", 1000, order.ClaimsRefunded)
	var list []Sample
	for _, claims := range []order.Claimed{order.ClaimsRefunding, order.ClaimsRefunded} {
		for _, s := range []Sample{{Name: "first", Order: back(paid, "r2", 2000, claims)}, {Name: "further", Order: back(before, "r2", 2000, claims)}} {
			s.Refund = &s.Order.Refunds[len(s.Order.Refunds)-1]
			s.Name, s.Order = string(s.Notice())+"/"+s.Name, named(s.Order)
			list = append(list, s)
		}
	}
	return list
}
