package order_test

import (
	"slices"
	"strings"
	"testing"

	"anxin/engine/order"
)

func TestRegistrationsAreCheckedFieldByField(t *testing.T) {
	t.Parallel()
	type edit = func(*order.Registration)
	for name, tc := range map[string]struct {
		edit  edit
		field string
	}{
		"as it is":                  {func(*order.Registration) {}, ""},
		"pushed":                    {pushed, ""},
		"longest order number":      {func(r *order.Registration) { r.OrderNo = strings.Repeat("-", 64) }, ""},
		"no order number":           {func(r *order.Registration) { r.OrderNo = "" }, "order_no"},
		"long order number":         {func(r *order.Registration) { r.OrderNo = strings.Repeat("A", 65) }, "order_no"},
		"order number with a slash": {func(r *order.Registration) { r.OrderNo = "A/1" }, "order_no"},
		"order number, line end":    {func(r *order.Registration) { r.OrderNo = "A1\n" }, "order_no"},
		"no mode":                   {func(r *order.Registration) { r.Mode = "" }, "mode"},
		"unknown mode":              {func(r *order.Registration) { r.Mode = "MANAGED" }, "mode"},
		"long channel":              {func(r *order.Registration) { r.Channel = strings.Repeat("c", order.MaxChannel+1) }, "channel"},
		"channel of control bytes":  {func(r *order.Registration) { r.Channel = "a\x00" }, "channel"},
		"no payer":                  {func(r *order.Registration) { r.Payer.ID = "" }, "payer.id"},
		"long payer":                {func(r *order.Registration) { r.Payer.ID = strings.Repeat("p", order.MaxPayerID+1) }, "payer.id"},
		"payer of bad UTF-8":        {func(r *order.Registration) { r.Payer.ID = "\xff" }, "payer.id"},
		"no subject":                {func(r *order.Registration) { r.Subject = "" }, "subject"},
		"blank subject":             {func(r *order.Registration) { r.Subject = " \u3000" }, "subject"},
		"longest subject":           {func(r *order.Registration) { r.Subject = strings.Repeat("茶", order.MaxSubject) }, ""},
		"long subject":              {func(r *order.Registration) { r.Subject = strings.Repeat("茶", order.MaxSubject+1) }, "subject"},
		"subject with an escape":    {func(r *order.Registration) { r.Subject = "tea\x1b[31m" }, "subject"},
		"no amount":                 {func(r *order.Registration) { r.Amount.Minor = 0 }, "amount.minor"},
		"negative amount":           {func(r *order.Registration) { r.Amount.Minor = -1 }, "amount.minor"},
		"largest amount":            {func(r *order.Registration) { r.Amount.Minor = order.MaxMinor }, ""},
		"huge amount":               {func(r *order.Registration) { r.Amount.Minor = order.MaxMinor + 1 }, "amount.minor"},
		"no currency":               {func(r *order.Registration) { r.Amount.Currency = "" }, "amount.currency"},
		"currency in small letters": {func(r *order.Registration) { r.Amount.Currency = "cny" }, "amount.currency"},
		"currency of the past":      {func(r *order.Registration) { r.Amount.Currency = "DEM" }, "amount.currency"},
		"long locale":               {func(r *order.Registration) { r.Payer.Locale = strings.Repeat("z", 255) }, "payer.locale"},
		"phone with a line end":     {func(r *order.Registration) { r.Payer.Phone = "+86\r\n" }, "payer.phone"},
		"long e-mail":               {func(r *order.Registration) { r.Payer.Email = strings.Repeat("e", 255) }, "payer.email"},
		"phone and e-mail wrong":    {func(r *order.Registration) { r.Payer.Phone, r.Payer.Email = "\n", "\n" }, "payer.phone"},
		"most devices":              {func(r *order.Registration) { r.Payer.Push = slices.Repeat([]string{"d"}, order.MaxPushes) }, ""},
		"too many devices":          {func(r *order.Registration) { r.Payer.Push = slices.Repeat([]string{"d"}, order.MaxPushes+1) }, "payer.push"},
		"empty device":              {func(r *order.Registration) { r.Payer.Push = []string{"d", ""} }, "payer.push"},
		"long device":               {func(r *order.Registration) { r.Payer.Push = []string{strings.Repeat("d", order.MaxPushSize+1)} }, "payer.push"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := registration()
			tc.edit(&r)
			checkField(t, r.Validate(), tc.field)
			c, err := order.Register(r, t0)
			checkField(t, err, tc.field)
			if (err != nil) == c.Changed() {
				t.Errorf("error %v beside %d events", err, len(c.Events))
			}
		})
	}
}

func TestANewOrderKnowsNothingYet(t *testing.T) {
	t.Parallel()
	o := register(t)
	checkOrder(t, o)
	if o.Payment != order.Pending || o.Status() != order.StatusAwaiting || o.Stage != order.Fresh || o.Fulfilment != order.FulfilmentPending {
		t.Errorf("%+v", o)
	}
	if register(t, noDeliver).Fulfilment != order.FulfilmentNone {
		t.Error("a backend without webhook has something to take in")
	}
}

func TestRegisteringAgainIsTheSameOnlyInEveryField(t *testing.T) {
	t.Parallel()
	o := inState(t, claimed(t), order.FromQuery, order.Refunding) // what happened since does not matter
	for name, tc := range map[string]struct {
		edit func(*order.Registration)
		same bool
	}{
		"nothing":               {func(*order.Registration) {}, true},
		"account, from config":  {func(r *order.Registration) { r.Merchant = "mch-2" }, true},
		"delivery, from config": {noDeliver, true},
		"order number":          {func(r *order.Registration) { r.OrderNo = "A1002" }, false},
		"backend":               {func(r *order.Registration) { r.Backend = "other" }, false},
		"channel":               {func(r *order.Registration) { r.Channel = "other" }, false},
		"mode":                  {func(r *order.Registration) { r.Mode = order.Pushed }, false},
		"amount":                {func(r *order.Registration) { r.Amount.Minor++ }, false},
		"currency":              {func(r *order.Registration) { r.Amount.Currency = "USD" }, false},
		"subject":               {func(r *order.Registration) { r.Subject += "!" }, false},
		"payer":                 {func(r *order.Registration) { r.Payer.ID = "payer-8" }, false},
		"locale":                {func(r *order.Registration) { r.Payer.Locale = "en" }, false},
		"phone":                 {func(r *order.Registration) { r.Payer.Phone = "" }, false},
		"e-mail":                {func(r *order.Registration) { r.Payer.Email = "" }, false},
		"devices":               {func(r *order.Registration) { r.Payer.Push = nil }, false},
		"detail link":           {func(r *order.Registration) { r.Links.Detail = "" }, false},
		"repay link":            {func(r *order.Registration) { r.Links.Repay = "" }, false},
		"support link":          {func(r *order.Registration) { r.Links.Support = "" }, false},
		"expiry":                {func(r *order.Registration) { r.ExpiresAt = t0 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := registration()
			tc.edit(&r)
			if o.SameRegistration(r) != tc.same {
				t.Errorf("same: %v, want %v", !tc.same, tc.same)
			}
		})
	}
}
