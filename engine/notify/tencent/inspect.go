package tencent

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"anxin/engine/notify"
	"anxin/engine/notify/httpcall"
)

// describeTemplates is the body of DescribeSmsTemplateList
// (https://cloud.tencent.com/document/api/382/5819).
type describeTemplates struct {
	International int     `json:"International"`
	IDs           []int64 `json:"TemplateIdSet,omitempty"`
	Limit         int     `json:"Limit,omitempty"`
}

// templateApproved is the StatusCode of a template that may be used.
const templateApproved = 0

// Inspect implements notify.Inspector. The service tells signs by their id only, and the
// configuration has the name.
func (p *Provider) Inspect(ctx context.Context, templates []string) []notify.Finding {
	known, err := p.templates(ctx, templates)
	list := []notify.Finding{notify.FindingOf("credentials", err)}
	if p.cfg.SignName != "" {
		list = append(list, notify.Finding{Subject: "sign", State: notify.FindingUnknown, Code: "not_asked"})
	}
	for _, id := range templates {
		found := err
		if status, ok := known[id]; err == nil && (!ok || status != templateApproved) {
			found = &notify.SendError{Kind: notify.KindContent, Code: "template_not_approved"}
		}
		list = append(list, notify.FindingOf("template "+id, found))
	}
	return list
}

// templates returns the state of templates by id. Without any it asks for one, to see
// whether the key is accepted.
func (p *Provider) templates(ctx context.Context, ids []string) (map[string]int, error) {
	ask := describeTemplates{Limit: 1}
	if p.cfg.SignName == "" {
		ask.International = 1
	}
	for _, id := range ids {
		if n, err := strconv.ParseInt(id, 10, 64); err == nil {
			ask.IDs, ask.Limit = append(ask.IDs, n), 0
		}
	}
	req, err := p.call(ctx, "DescribeSmsTemplateList", ask)
	if err != nil {
		return nil, &notify.SendError{Kind: notify.KindTemporary, Code: "bad_request"}
	}
	answer, err := p.client.Do(ctx, req)
	if err != nil {
		return nil, err
	}
	var said struct {
		Response struct {
			Templates []struct {
				ID     int64 `json:"TemplateId"`
				Status int   `json:"StatusCode"`
			} `json:"DescribeTemplateStatusSet"`
			Error     struct{ Code string }
			RequestID string `json:"RequestId"`
		}
	}
	switch {
	case json.Unmarshal(answer.Body, &said) != nil && answer.Status != http.StatusOK:
		return nil, answer.Failed()
	case said.Response.Error.Code != "":
		return nil, refusal(said.Response.Error.Code)
	case said.Response.RequestID == "":
		return nil, httpcall.Unreadable()
	}
	states := make(map[string]int)
	for _, t := range said.Response.Templates {
		states[strconv.FormatInt(t.ID, 10)] = t.Status
	}
	return states, nil
}
