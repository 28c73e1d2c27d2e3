package order

// Diagnosis says where the fault lies, from the facts alone: callbacks seen, the last
// query's answer, how delivery went.
func (o Order) Diagnosis() Diagnosis {
	switch {
	case o.hasOpenCase(CaseConflict):
		return DiagnosisConflict
	case o.hasOpenCase(CaseAmountMismatch, CaseMerchantMismatch):
		if o.Facts.CallbackRejectedAt == 0 {
			return DiagnosisConflict // a query or a settlement row did not match
		}
		return DiagnosisCallbackRejected
	case o.Status().Final():
		return DiagnosisResolved
	case o.Payment != Pending:
		return o.diagnoseDelivery()
	case o.Facts.CallbackRejectedAt != 0 && o.Facts.CallbackAt == 0:
		return DiagnosisCallbackRejected
	}
	return o.diagnoseQuery()
}

func (o Order) diagnoseDelivery() Diagnosis {
	switch {
	case o.Facts.DeliveryFailures > 0 || o.hasOpenCase(CaseDeliveryFailed):
		return DiagnosisProcessingFailed
	case o.Facts.CallbackAt == 0 && o.Facts.Query == QueryPaid:
		return DiagnosisCallbackMissing
	}
	return DiagnosisHealthy
}

func (o Order) diagnoseQuery() Diagnosis {
	switch o.Facts.Query {
	case QueryUnreachable, QueryRefused:
		return DiagnosisChannelUnreachable
	case QueryUnpaid:
		if o.Facts.CallbackAt == 0 { // a payer of whom a callback came is not told "unpaid"
			return DiagnosisPayerUnpaid
		}
	case QueryProcessing, QueryUnknown, QueryPaid, QueryEnded:
	}
	if o.Stage != Fresh {
		return DiagnosisChannelSilent
	}
	return DiagnosisHealthy
}

// Located reports whether messages may say that the problem was found.
func (d Diagnosis) Located() bool {
	switch d {
	case DiagnosisCallbackMissing, DiagnosisCallbackRejected, DiagnosisProcessingFailed, DiagnosisChannelUnreachable:
		return true
	case DiagnosisHealthy, DiagnosisPayerUnpaid, DiagnosisChannelSilent, DiagnosisConflict, DiagnosisResolved:
		return false
	}
	return false
}
