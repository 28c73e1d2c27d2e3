package robot

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"anxin/engine/notify"
	"anxin/engine/notify/httpcall"
)

type textMessage struct {
	Kind string      `json:"msgtype"`
	Text textContent `json:"text"`
}

type textContent struct {
	Content string `json:"content"`
}

// plainContent is WeCom's message (https://developer.work.weixin.qq.com/document/path/91770).
func plainContent(_ Config, _ *url.URL, text string, _ time.Time) any {
	return textMessage{"text", textContent{text}}
}

// dingtalkContent signs in the address
// (https://open.dingtalk.com/document/robots/customize-robot-security-settings).
func dingtalkContent(cfg Config, address *url.URL, text string, now time.Time) any {
	if cfg.Secret != "" {
		stamp := strconv.FormatInt(now.UnixMilli(), 10)
		q := address.Query()
		q.Set("timestamp", stamp)
		q.Set("sign", sum(cfg.Secret, stamp+"\n"+cfg.Secret))
		address.RawQuery = q.Encode()
	}
	return textMessage{"text", textContent{text}}
}

// feishuContent signs in the body: the text is the key and nothing is what is signed
// (https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot).
func feishuContent(cfg Config, _ *url.URL, text string, now time.Time) any {
	message := struct {
		Timestamp string            `json:"timestamp,omitempty"`
		Sign      string            `json:"sign,omitempty"`
		Kind      string            `json:"msg_type"`
		Content   map[string]string `json:"content"`
	}{Kind: "text", Content: map[string]string{"text": text}}
	if cfg.Secret != "" {
		message.Timestamp = strconv.FormatInt(now.Unix(), 10)
		message.Sign = sum(message.Timestamp+"\n"+cfg.Secret, "")
	}
	return message
}

// slackContent takes Slack's control characters for what they are
// (https://api.slack.com/reference/surfaces/formatting#escaping).
func slackContent(_ Config, _ *url.URL, text string, _ time.Time) any {
	return map[string]string{"text": strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)}
}

func sum(key, text string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// The codes that services give inside HTTP 200. What they refuse they do not show.
var (
	dingtalkCodes = map[int]notify.SendError{
		310000: {Kind: notify.KindRefused, Code: "unauthorized"}, // sign, word or address
		300001: {Kind: notify.KindRefused, Code: "bad_token"},
		300005: {Kind: notify.KindRefused, Code: "bad_token"},
		400013: {Kind: notify.KindRefused, Code: "group_dismissed"},
		400101: {Kind: notify.KindRefused, Code: "bad_token"},
		400102: {Kind: notify.KindRefused, Code: "robot_disabled"},
		410100: {Kind: notify.KindThrottled, Code: "throttled"},
		660026: {Kind: notify.KindThrottled, Code: "throttled"},
		430101: {Kind: notify.KindContent, Code: "unsafe_link"},
		430102: {Kind: notify.KindContent, Code: "forbidden_text"},
		430103: {Kind: notify.KindContent, Code: "forbidden_text"},
		-1:     {Kind: notify.KindTemporary, Code: "busy"},
	}
	feishuCodes = map[int]notify.SendError{
		19001: {Kind: notify.KindRefused, Code: "bad_token"},
		19002: {Kind: notify.KindContent, Code: "bad_message"},
		19021: {Kind: notify.KindRefused, Code: "unauthorized"},
		19022: {Kind: notify.KindRefused, Code: "address_not_allowed"},
		19024: {Kind: notify.KindContent, Code: "word_missing"},
		9499:  {Kind: notify.KindContent, Code: "bad_message"},
		11232: {Kind: notify.KindThrottled, Code: "throttled"},
		11233: {Kind: notify.KindThrottled, Code: "throttled"},
	}
	wecomCodes = map[int]notify.SendError{
		93000: {Kind: notify.KindRefused, Code: "bad_token"},
		45009: {Kind: notify.KindThrottled, Code: "throttled"},
		45002: {Kind: notify.KindContent, Code: "too_long"},
		40008: {Kind: notify.KindContent, Code: "bad_message"},
		40058: {Kind: notify.KindContent, Code: "bad_message"},
		44004: {Kind: notify.KindContent, Code: "empty"},
		-1:    {Kind: notify.KindTemporary, Code: "busy"},
	}
)

// codes reads an errcode, or Feishu's code, by a service's list.
func codes(known map[int]notify.SendError) func(httpcall.Answer) error {
	return func(a httpcall.Answer) error {
		var said struct {
			ErrCode *int `json:"errcode"`
			Code    *int `json:"code"`
		}
		if json.Unmarshal(a.Body, &said) != nil || (said.ErrCode == nil && said.Code == nil) {
			if a.Status != http.StatusOK {
				return a.Failed()
			}
			return httpcall.Unreadable()
		}
		code := said.ErrCode
		if code == nil {
			code = said.Code
		}
		if *code == 0 {
			return nil
		}
		if e, ok := known[*code]; ok {
			return &e
		}
		return &notify.SendError{Kind: notify.KindContent, Code: "code_" + strings.TrimPrefix(strconv.Itoa(*code), "-")}
	}
}

// slackRefusals are Slack's words
// (https://api.slack.com/messaging/webhooks#handling_errors).
var slackRefusals = map[string]notify.SendError{
	"invalid_payload":     {Kind: notify.KindContent, Code: "bad_message"},
	"no_text":             {Kind: notify.KindContent, Code: "empty"},
	"invalid_token":       {Kind: notify.KindRefused, Code: "bad_token"},
	"no_active_hooks":     {Kind: notify.KindRefused, Code: "robot_disabled"},
	"no_service":          {Kind: notify.KindRefused, Code: "robot_disabled"},
	"no_service_id":       {Kind: notify.KindRefused, Code: "bad_token"},
	"no_team":             {Kind: notify.KindRefused, Code: "bad_token"},
	"team_disabled":       {Kind: notify.KindRefused, Code: "group_dismissed"},
	"action_prohibited":   {Kind: notify.KindRefused, Code: "not_allowed"},
	"channel_not_found":   {Kind: notify.KindRefused, Code: "group_dismissed"},
	"channel_is_archived": {Kind: notify.KindRefused, Code: "group_dismissed"},
}

func readSlack(a httpcall.Answer) error {
	said := strings.TrimSpace(string(a.Body))
	if e, ok := slackRefusals[said]; ok && a.Status >= 400 {
		return &e
	}
	switch {
	case a.Status == http.StatusOK && said == "ok":
		return nil
	case a.Status == http.StatusOK:
		return httpcall.Unreadable()
	}
	return a.Failed()
}
