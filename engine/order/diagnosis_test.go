package order_test

import (
	"testing"
	"time"

	"anxin/engine/order"
)

func TestDiagnosisFollowsTheFacts(t *testing.T) {
	t.Parallel()
	type edit = func(o *order.Order)
	apply := func(ev order.Evidence) edit {
		return func(o *order.Order) { *o = o.Apply(ev, after(2*time.Second)).Order }
	}
	asked := func(q order.QueryOutcome) edit {
		return func(o *order.Order) { *o = o.Answered(order.Answer{Outcome: q}, 0, after(3*time.Second)).Order }
	}
	paidByQuery := func(o *order.Order) {
		ev := evidence(order.FromQuery, order.ClaimsSucceeded)
		*o = o.Answered(order.Answer{Outcome: order.QueryPaid, Evidence: &ev}, 0, after(2*time.Second)).Order
	}
	late := func(o *order.Order) { *o = o.EnterStage(after(2*time.Minute), order.DefaultStageLimits).Order }
	rejected := func(o *order.Order) { *o = o.RejectCallback("bad_signature", after(time.Second)).Order }
	undelivered := func(o *order.Order) { *o = o.DeliveryFailed("http_503", 0, after(time.Minute)).Order }
	opened := func(k order.CaseKind) edit {
		return func(o *order.Order) { *o = o.OpenCase(k, after(time.Minute), order.Detail{}).Order }
	}
	closed := func(k order.CaseKind) edit {
		return func(o *order.Order) { *o = o.CloseCase(k, after(time.Minute), order.Detail{}).Order }
	}
	wrong := func(source order.Source) edit {
		ev := evidence(source, order.ClaimsSucceeded)
		ev.Amount = &order.Money{Minor: 1, Currency: "CNY"}
		return apply(ev)
	}
	callback := func(c order.Claimed) edit { return apply(evidence(order.FromCallback, c)) }
	for name, tc := range map[string]struct {
		facts []edit
		want  order.Diagnosis
	}{
		"just claimed":                         {nil, order.DiagnosisHealthy},
		"late, never asked":                    {[]edit{late}, order.DiagnosisChannelSilent},
		"in time, processing":                  {[]edit{asked(order.QueryProcessing)}, order.DiagnosisHealthy},
		"in time, unknown":                     {[]edit{asked(order.QueryUnknown)}, order.DiagnosisHealthy},
		"late, processing":                     {[]edit{asked(order.QueryProcessing), late}, order.DiagnosisChannelSilent},
		"late, unknown":                        {[]edit{asked(order.QueryUnknown), late}, order.DiagnosisChannelSilent},
		"not paid":                             {[]edit{asked(order.QueryUnpaid)}, order.DiagnosisPayerUnpaid},
		"not paid, late":                       {[]edit{asked(order.QueryUnpaid), late}, order.DiagnosisPayerUnpaid},
		"not paid, yet a callback came":        {[]edit{callback(order.ClaimsProcessing), asked(order.QueryUnpaid)}, order.DiagnosisHealthy},
		"not paid, yet a callback came, late":  {[]edit{callback(order.ClaimsProcessing), asked(order.QueryUnpaid), late}, order.DiagnosisChannelSilent},
		"unreachable":                          {[]edit{asked(order.QueryUnreachable)}, order.DiagnosisChannelUnreachable},
		"refused":                              {[]edit{asked(order.QueryRefused)}, order.DiagnosisChannelUnreachable},
		"unreachable, then silent":             {[]edit{asked(order.QueryUnreachable), asked(order.QueryUnknown), late}, order.DiagnosisChannelSilent},
		"bad signature":                        {[]edit{rejected}, order.DiagnosisCallbackRejected},
		"bad signature, channel down":          {[]edit{rejected, asked(order.QueryUnreachable)}, order.DiagnosisCallbackRejected},
		"bad signature, then a good callback":  {[]edit{rejected, callback(order.ClaimsProcessing)}, order.DiagnosisHealthy},
		"callback of another amount":           {[]edit{wrong(order.FromCallback)}, order.DiagnosisCallbackRejected},
		"query of another amount":              {[]edit{wrong(order.FromQuery)}, order.DiagnosisConflict},
		"settlement of another amount":         {[]edit{wrong(order.FromSettlement)}, order.DiagnosisConflict},
		"another amount, decided by a person":  {[]edit{wrong(order.FromQuery), closed(order.CaseAmountMismatch)}, order.DiagnosisHealthy},
		"paid by query, no callback":           {[]edit{paidByQuery}, order.DiagnosisCallbackMissing},
		"paid by query, then a callback":       {[]edit{paidByQuery, callback(order.ClaimsSucceeded)}, order.DiagnosisHealthy},
		"paid by callback":                     {[]edit{callback(order.ClaimsSucceeded)}, order.DiagnosisHealthy},
		"paid, not delivered":                  {[]edit{callback(order.ClaimsSucceeded), undelivered}, order.DiagnosisProcessingFailed},
		"paid by query, not delivered":         {[]edit{paidByQuery, undelivered}, order.DiagnosisProcessingFailed},
		"paid, delivery given up":              {[]edit{callback(order.ClaimsSucceeded), opened(order.CaseDeliveryFailed)}, order.DiagnosisProcessingFailed},
		"failed":                               {[]edit{callback(order.ClaimsFailed)}, order.DiagnosisResolved},
		"failed, not delivered":                {[]edit{callback(order.ClaimsFailed), undelivered}, order.DiagnosisResolved},
		"closed after silence":                 {[]edit{asked(order.QueryUnknown), late, callback(order.ClaimsClosed)}, order.DiagnosisResolved},
		"failed after paid":                    {[]edit{callback(order.ClaimsSucceeded), callback(order.ClaimsFailed)}, order.DiagnosisConflict},
		"failed after paid, decided":           {[]edit{callback(order.ClaimsSucceeded), callback(order.ClaimsFailed), closed(order.CaseConflict)}, order.DiagnosisHealthy},
		"a case that concerns the result only": {[]edit{opened(order.CaseQueryExhausted), asked(order.QueryUnpaid)}, order.DiagnosisPayerUnpaid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := claimed(t)
			for _, f := range tc.facts {
				f(&o)
			}
			if got := o.Diagnosis(); got != tc.want {
				t.Errorf("%s, want %s; facts %+v", got, tc.want, o.Facts)
			}
		})
	}
}

func TestTheFaultIsRememberedOnceItIsResolved(t *testing.T) {
	t.Parallel()
	o := claimed(t, noDeliver).Answered(order.Answer{Outcome: order.QueryUnreachable, Code: "timeout"}, 0, after(time.Minute)).Order
	o = apply(t, o, evidence(order.FromCallback, order.ClaimsSucceeded), order.EventCallback, order.EventStatus)
	if o.Diagnosis() != order.DiagnosisResolved || o.Fault != order.DiagnosisChannelUnreachable {
		t.Errorf("%s, fault %s", o.Diagnosis(), o.Fault)
	}
}

func TestOnlyFourDiagnosesMaySayThatTheProblemWasLocated(t *testing.T) {
	t.Parallel()
	want := map[order.Diagnosis]bool{
		order.DiagnosisCallbackMissing: true, order.DiagnosisCallbackRejected: true,
		order.DiagnosisProcessingFailed: true, order.DiagnosisChannelUnreachable: true,
		order.DiagnosisHealthy: false, order.DiagnosisPayerUnpaid: false, order.DiagnosisChannelSilent: false,
		order.DiagnosisConflict: false, order.DiagnosisResolved: false,
	}
	for _, d := range append(constants[order.Diagnosis](t, "Diagnosis"), "unheard of") {
		located, known := want[d]
		if !known && d != "unheard of" {
			t.Errorf("%s: no expectation", d)
		}
		if d.Located() != located {
			t.Errorf("%s located: %v", d, d.Located())
		}
	}
}
