package twilio

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"anxin/engine/notify"
	"anxin/engine/notify/httpcall"
)

// Inspect implements notify.Inspector, by the Account and IncomingPhoneNumbers resources.
// Alphanumeric senders and messaging services live elsewhere and are not asked about.
func (p *Provider) Inspect(ctx context.Context, _ []string) []notify.Finding {
	var account struct {
		Status string `json:"status"`
	}
	err := p.ask(ctx, ".json", &account)
	if err == nil && account.Status != "active" {
		err = &notify.SendError{Kind: notify.KindRefused, Code: "account_inactive"}
	}
	sender := notify.Finding{Subject: "sender", State: notify.FindingUnknown, Code: "not_asked"}
	if strings.HasPrefix(p.cfg.From, "+") {
		sender = notify.FindingOf("sender", p.ownsNumber(ctx))
	}
	return []notify.Finding{notify.FindingOf("credentials", err), sender}
}

func (p *Provider) ownsNumber(ctx context.Context) error {
	var owned struct {
		Numbers []struct {
			Number string `json:"phone_number"`
		} `json:"incoming_phone_numbers"`
	}
	if err := p.ask(ctx, "/IncomingPhoneNumbers.json?PhoneNumber="+url.QueryEscape(p.cfg.From), &owned); err != nil {
		return err
	}
	for _, n := range owned.Numbers {
		if n.Number == p.cfg.From {
			return nil
		}
	}
	return &notify.SendError{Kind: notify.KindRefused, Code: "bad_sender"}
}

// ask reads what is below the account's own address.
func (p *Provider) ask(ctx context.Context, below string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.cfg.BaseURL+"/2010-04-01/Accounts/"+p.cfg.AccountSID+below, http.NoBody)
	if err != nil {
		return &notify.SendError{Kind: notify.KindTemporary, Code: "bad_request"}
	}
	req.SetBasicAuth(p.cfg.AccountSID, p.cfg.AuthToken)
	answer, err := p.client.Do(ctx, req)
	if err != nil {
		return err
	}
	var failed message
	switch {
	case answer.Status == http.StatusOK && json.Unmarshal(answer.Body, into) == nil:
		return nil
	case answer.Status == http.StatusOK:
		return httpcall.Unreadable()
	case json.Unmarshal(answer.Body, &failed) == nil && failed.Code != 0:
		return refusal(failed.Code, answer)
	}
	return answer.Failed()
}
