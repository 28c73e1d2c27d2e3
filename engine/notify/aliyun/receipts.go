package aliyun

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"anxin/engine/channel"
	"anxin/engine/notify"
)

// beijing is the zone of the service's times, which China has kept without summer time
// since 1991.
var beijing = time.FixedZone("CST", 8*60*60)

// maxReports bounds one push; the service sends far fewer.
const maxReports = 1000

// report is one entry of SmsReport.
type report struct {
	BizID      string `json:"biz_id"`
	OutID      string `json:"out_id"`
	Success    *bool  `json:"success"`
	Code       string `json:"err_code"`
	Size       string `json:"sms_size"`
	ReportTime string `json:"report_time"`
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
		if one.BizID == "" || one.Success == nil {
			return nil, channel.ErrMalformed
		}
		u := notify.StatusUpdate{ProviderID: one.BizID, MessageID: one.OutID, Status: notify.StatusDelivered, At: r.ReceivedAt}
		if at, err := time.ParseInLocation(time.DateTime, one.ReportTime, beijing); err == nil {
			u.At = at
		}
		if n, err := strconv.Atoi(one.Size); err == nil && n > 0 && n < 100 {
			u.Segments = n
		}
		if !*one.Success {
			u.Status = notify.StatusFailed
			u.Code, u.DropAddress = undelivered(one.Code)
		}
		updates = append(updates, u)
	}
	return updates, nil
}

// undelivered reads what carriers said. A number is dropped for the one code that means
// that it does not exist; numbers that are suspended or out of reach come back.
func undelivered(code string) (neutral string, drop bool) {
	switch code {
	case "MK:0001":
		return "unknown_number", true
	case "MOBILE_NOT_ON_SERVICE", "MOBILE_ACCOUNT_ABNORMAL", "MOBILE_TERMINAL_ERROR":
		return "unreachable", false
	case "MOBILE_IN_BLACK", "USER_REJECT":
		return "blocked", false
	case "CONTENT_KEYWORD", "CONTENT_ERROR":
		return "carrier_filtered", false
	}
	return "undelivered", false
}

// AnswerReceipts implements notify.ReceiptParser.
func (p *Provider) AnswerReceipts(err error) channel.Answer {
	a := channel.Answer{Status: notify.ReceiptStatus(err), ContentType: "application/json", Body: []byte(`{"code":0,"msg":"成功"}`)}
	if a.Status != http.StatusOK {
		a.Body = []byte(`{"code":1,"msg":"失败"}`)
	}
	return a
}
