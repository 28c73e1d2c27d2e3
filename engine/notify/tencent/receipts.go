package tencent

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"anxin/engine/channel"
	"anxin/engine/notify"
)

// beijing is the zone of the service's times.
var beijing = time.FixedZone("CST", 8*60*60)

// maxReports bounds one call; the service sends far fewer.
const maxReports = 1000

// report is one entry of a status callback.
type report struct {
	Serial string `json:"sid"`
	Status string `json:"report_status"`
	Code   string `json:"errmsg"`
	At     string `json:"user_receive_time"`
}

// ParseReceipts implements notify.ReceiptParser. The service signs nothing; see
// notify.CheckReceiptSecret.
func (p *Provider) ParseReceipts(_ context.Context, r channel.Request) ([]notify.StatusUpdate, error) {
	if err := notify.CheckReceiptSecret(r.Query, p.cfg.ReceiptSecret); err != nil {
		return nil, err
	}
	var reports []report
	if json.Unmarshal(r.Body, &reports) != nil || len(reports) > maxReports {
		return nil, channel.ErrMalformed
	}
	updates := make([]notify.StatusUpdate, 0, len(reports))
	for _, one := range reports {
		u := notify.StatusUpdate{ProviderID: one.Serial, At: r.ReceivedAt}
		switch {
		case one.Serial == "":
			return nil, channel.ErrMalformed
		case one.Status == "SUCCESS":
			u.Status = notify.StatusDelivered
		case one.Status == "FAIL":
			u.Status = notify.StatusFailed
			u.Code, u.DropAddress = undelivered(one.Code)
		default:
			return nil, channel.ErrMalformed
		}
		if at, err := time.ParseInLocation(time.DateTime, one.At, beijing); err == nil {
			u.At = at
		}
		updates = append(updates, u)
	}
	return updates, nil
}

// undelivered reads what carriers said. A number is dropped for the one code that all three
// carriers use for numbers that do not exist; what else they say may pass.
func undelivered(code string) (neutral string, drop bool) {
	switch code {
	case "MK:0001":
		return "unknown_number", true
	case "EXPIRED", "MI:0013", "MI:0024", "MK:0004", "MK:0012": // switched off, out of reach
		return "unreachable", false
	}
	return "undelivered", false
}

// AnswerReceipts implements notify.ReceiptParser.
func (p *Provider) AnswerReceipts(err error) channel.Answer {
	a := channel.Answer{Status: notify.ReceiptStatus(err), ContentType: "application/json", Body: []byte(`{"result":0,"errmsg":"OK"}`)}
	if a.Status != http.StatusOK {
		a.Body = []byte(`{"result":1,"errmsg":"refused"}`)
	}
	return a
}
