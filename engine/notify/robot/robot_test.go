package robot_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"anxin/engine/notify"
	"anxin/engine/notify/providertest"
	"anxin/engine/notify/robot"
)

const (
	secret = "SECmarked-secret"
	token  = "marked-token"
)

var message = notify.Message{
	Channel: notify.Robot, Notice: notify.NoticeAlert, To: notify.Address{Robot: "ops"},
	Text: notify.Text{Title: "渠道异常", Body: "12 orders <wait> & see"}, Link: "https://pay.example/console",
}

// service is one of the four: what it checks and how it answers.
type service struct {
	path       string
	check      func(c providertest.Call, body map[string]any) (text string, err error)
	answers    map[providertest.Behaviour]providertest.Reply
	behaviours []providertest.Behaviour
}

func ok(body string) providertest.Reply { return providertest.Reply{Status: 200, Body: body} }

var services = map[string]service{
	"dingtalk": {
		path: "/robot/send?access_token=" + token,
		check: func(c providertest.Call, body map[string]any) (string, error) {
			q := c.URL.Query()
			if q.Get("access_token") != token || !signed(secret, q.Get("timestamp")+"\n"+secret, q.Get("sign")) || !recent(q.Get("timestamp"), time.Millisecond) {
				return "", fmt.Errorf("query %v", q)
			}
			return field(body, "msgtype", "text", "content")
		},
		answers: map[providertest.Behaviour]providertest.Reply{
			providertest.Accept: ok(`{"errcode":0,"errmsg":"ok"}`), providertest.BadAddress: ok(`{"errcode":300001,"errmsg":"token is not exist"}`),
			providertest.RefuseAccount: ok(`{"errcode":310000,"errmsg":"sign not match"}`), providertest.Throttle: ok(`{"errcode":660026,"errmsg":"send too fast"}`),
			providertest.RefuseContent: ok(`{"errcode":430102,"errmsg":"forbidden"}`), providertest.Unavailable: ok(`{"errcode":-1,"errmsg":"system busy"}`),
		},
		behaviours: []providertest.Behaviour{providertest.Throttle, providertest.RefuseContent},
	},
	"feishu": {
		path: "/open-apis/bot/v2/hook/" + token,
		check: func(_ providertest.Call, body map[string]any) (string, error) {
			stamp, _ := body["timestamp"].(string)
			sign, _ := body["sign"].(string)
			if !signed(stamp+"\n"+secret, "", sign) || !recent(stamp, time.Second) {
				return "", fmt.Errorf("signature of %v", body)
			}
			return field(body, "msg_type", "content", "text")
		},
		answers: map[providertest.Behaviour]providertest.Reply{
			providertest.Accept:     ok(`{"StatusCode":0,"StatusMessage":"success","code":0,"data":{},"msg":"success"}`),
			providertest.BadAddress: {Status: 400, Body: `{"code":19001,"msg":"param invalid: incoming webhook access token invalid"}`}, providertest.RefuseAccount: ok(`{"code":19021,"msg":"sign match fail"}`),
			providertest.Throttle: ok(`{"code":11232,"msg":"frequency limited"}`), providertest.RefuseContent: ok(`{"code":19024,"msg":"Key Words Not Found"}`),
			providertest.Unavailable: {Status: 503},
		},
		behaviours: []providertest.Behaviour{providertest.Throttle, providertest.RefuseContent},
	},
	"wecom": {
		path: "/cgi-bin/webhook/send?key=" + token,
		check: func(c providertest.Call, body map[string]any) (string, error) {
			if c.URL.Query().Get("key") != token {
				return "", errors.New("key")
			}
			return field(body, "msgtype", "text", "content")
		},
		answers: map[providertest.Behaviour]providertest.Reply{
			providertest.Accept: ok(`{"errcode":0,"errmsg":"ok"}`), providertest.BadAddress: ok(`{"errcode":93000,"errmsg":"invalid webhook url"}`),
			providertest.RefuseAccount: ok(`{"errcode":93000,"errmsg":"invalid webhook url"}`), providertest.Throttle: ok(`{"errcode":45009,"errmsg":"api freq out of limit"}`),
			providertest.RefuseContent: ok(`{"errcode":45002,"errmsg":"content size out of limit"}`), providertest.Unavailable: ok(`{"errcode":-1,"errmsg":"system error"}`),
		},
		behaviours: []providertest.Behaviour{providertest.Throttle, providertest.RefuseContent},
	},
	"slack": {
		path: "/services/T000/B000/" + token,
		check: func(_ providertest.Call, body map[string]any) (string, error) {
			text, _ := body["text"].(string)
			return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(text), nil
		},
		answers: map[providertest.Behaviour]providertest.Reply{
			providertest.Accept: ok("ok"), providertest.BadAddress: {Status: 404, Body: "no_service"}, providertest.RefuseAccount: {Status: 403, Body: "invalid_token"},
			providertest.Throttle: {Status: 429, Header: map[string]string{"Retry-After": "7"}, Body: "rate_limited"}, providertest.RefuseContent: {Status: 400, Body: "invalid_payload"},
			providertest.Unavailable: {Status: 503},
		},
		behaviours: []providertest.Behaviour{providertest.Throttle, providertest.RefuseContent},
	},
}

func signed(key, text, given string) bool {
	mac := hmac.New(sha256.New, []byte(key))
	_, _ = mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil)) == given
}

func recent(stamp string, unit time.Duration) bool {
	n, err := strconv.ParseInt(stamp, 10, 64)
	return err == nil && time.Since(time.Unix(0, n*int64(unit))).Abs() < time.Hour
}

func field(body map[string]any, kind, outer, inner string) (string, error) {
	within, _ := body[outer].(map[string]any)
	text, _ := within[inner].(string)
	if body[kind] != "text" || text == "" {
		return "", fmt.Errorf("body %v", body)
	}
	return text, nil
}

func (s service) standing(kind string) providertest.HTTPService {
	return providertest.HTTPService{
		Check: func(c providertest.Call) (string, error) {
			if !strings.HasPrefix(s.path, c.URL.Path) {
				return "", fmt.Errorf("path %s", c.URL.Path)
			}
			var body map[string]any
			if err := json.Unmarshal(c.Content, &body); err != nil {
				return "", err
			}
			text, err := s.check(c, body)
			if err != nil {
				return "", err
			}
			title, rest, _ := strings.Cut(text, "\n")
			said, link, _ := strings.Cut(rest, "\n")
			said, mark, _ := strings.Cut(said, " #")
			if title != message.Text.Title || said != message.Text.Body || link != message.Link {
				return "", fmt.Errorf("text %q", text)
			}
			return "suite_" + mark, nil
		},
		Answer: func(b providertest.Behaviour, _ string) providertest.Reply { return s.answers[b] },
		Provider: func(t *testing.T, server *httptest.Server) notify.Provider {
			t.Helper()
			p, err := robot.New(robot.Config{Kind: kind, URL: server.URL + s.path, Secret: secret})
			if err != nil {
				t.Fatal(err)
			}
			return p
		},
	}
}

func TestProviders(t *testing.T) {
	t.Parallel()
	for kind, s := range services {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			providertest.Run(t, providertest.Fixture{
				Open: s.standing(kind).Open, Message: message, Secrets: []string{secret, token},
				Behaviours: append(s.behaviours, providertest.Required...), OneAddress: true,
			})
		})
	}
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]robot.Config{
		"kind": {Kind: "teams", URL: "https://robot.example/" + token}, "address": {Kind: "slack", URL: "robot.example/" + token},
	} {
		if _, err := robot.New(cfg); err == nil || strings.Contains(err.Error(), token) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
