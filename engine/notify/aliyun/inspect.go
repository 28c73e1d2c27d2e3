package aliyun

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"anxin/engine/notify"
	"anxin/engine/notify/httpcall"
)

// Inspect implements notify.Inspector, by GetSmsSign and GetSmsTemplate
// (https://help.aliyun.com/zh/sms/developer-reference/api-dysmsapi-2017-05-25-getsmssign).
// A sign or template that the account does not have is answered like one that is not
// approved; a key that is not accepted fails all of them.
func (p *Provider) Inspect(ctx context.Context, templates []string) []notify.Finding {
	sign := notify.FindingOf("sign", p.ask(ctx, "GetSmsSign", url.Values{"SignName": {p.cfg.SignName}}))
	credentials := notify.FindingOf("credentials", nil)
	if sign.State == notify.FindingFailed && !strings.HasPrefix(sign.Code, "sign_") {
		credentials.State, credentials.Code = notify.FindingFailed, sign.Code
	}
	list := []notify.Finding{credentials, sign}
	for _, id := range templates {
		list = append(list, notify.FindingOf("template "+id, p.ask(ctx, "GetSmsTemplate", url.Values{"TemplateCode": {id}})))
	}
	return list
}

// approved is what both states call a sign or template that may be used.
const approved = "1"

func (p *Provider) ask(ctx context.Context, action string, values url.Values) error {
	refused := &notify.SendError{Kind: notify.KindRefused, Code: "sign_not_approved"}
	if action == "GetSmsTemplate" {
		refused.Code = "template_not_approved"
	}
	req, err := p.call(ctx, action, values)
	if err != nil {
		return &notify.SendError{Kind: notify.KindTemporary, Code: "bad_request"}
	}
	answer, err := p.client.Do(ctx, req)
	if err != nil {
		return err
	}
	var said struct {
		Code           string      `json:"Code"`
		SignStatus     json.Number `json:"SignStatus"`     // a number
		TemplateStatus json.Number `json:"TemplateStatus"` // a number, or one in quotes
	}
	switch {
	case json.Unmarshal(answer.Body, &said) != nil && answer.Status != http.StatusOK:
		return answer.Failed()
	case said.Code == "":
		return httpcall.Unreadable()
	case said.Code != "OK" && strings.HasPrefix(said.Code, "isv."): // the account has none of the name
		return refused
	case said.Code != "OK":
		return refusal(said.Code, answer)
	case said.SignStatus.String()+said.TemplateStatus.String() != approved:
		return refused
	}
	return nil
}
