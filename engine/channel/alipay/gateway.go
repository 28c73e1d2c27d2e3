package alipay

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	sdk "github.com/smartwalle/alipay/v3"

	"anxin/engine/channel"
	"anxin/engine/channel/strictjson"
)

// biz is the content of a question.
type biz map[string]any

// The gateway's codes that are read, and what comes below 40004. The others are in the
// library under their meanings.
const (
	codeBusiness = sdk.CodeBusinessFailed

	subNotExist   = "ACQ.TRADE_NOT_EXIST"
	subParameter  = "ACQ.INVALID_PARAMETER"
	subStatus     = "ACQ.TRADE_STATUS_ERROR"
	subCloseState = "ACQ.REASON_ILLEGAL_STATUS"
)

// gatewayCode is the neutral name of a refusal.
func gatewayCode(code sdk.Code) string { return "gateway_" + string(code) }

var errUnsigned = errors.New("answer is not signed")

// answer is what the gateway said, once it may be believed.
type answer struct {
	Code    sdk.Code `json:"code"`
	SubCode string   `json:"sub_code"`
	raw     json.RawMessage
}

// refusedState reports whether a trade could not be closed for the state that it is in.
func (a answer) refusedState() bool {
	return a.Code == codeBusiness && (a.SubCode == subStatus || a.SubCode == subCloseState)
}

// askFor puts a question and reads the answer.
func (c *Channel) askFor(ctx context.Context, method string, content biz, q channel.Query, into any) error {
	a, err := c.ask(ctx, method, content)
	if err != nil {
		return err
	}
	return c.readAnswer(a, q, into)
}

// ask signs a question, puts it to the gateway and returns the answer once its signature
// holds.
func (c *Channel) ask(ctx context.Context, method string, content biz) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	body, err := c.sign(method, content)
	if err != nil {
		return answer{}, channel.Refused(channel.CodeMalformed, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.gateway, strings.NewReader(body))
	if err != nil {
		return answer{}, channel.Refused(channel.CodeMalformed, err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded;charset=utf-8")
	response, err := c.client.Do(request)
	if err != nil {
		return answer{}, channel.TransportError(err)
	}
	defer func() { _ = response.Body.Close() }() // read to the end or given up: nothing to report
	if response.StatusCode != http.StatusOK {
		return answer{}, channel.StatusError(response.StatusCode, response.Header, c.clock())
	}
	raw, err := channel.ReadAnswer(response.Body, maxAnswer)
	if err != nil {
		return answer{}, err
	}
	return c.open(method, raw)
}

func (c *Channel) sign(method string, content biz) (string, error) {
	question := sdk.NewPayload(method)
	for name, value := range content {
		question.AddBizField(name, value)
	}
	return c.api.EncodeParam(question)
}

// open takes the answer out of what the gateway sent, where each name may be once. What is
// not signed is believed only where it says that the question was refused at the door: the
// gateway does not sign for whom it does not know.
func (c *Channel) open(method string, raw []byte) (answer, error) {
	var members map[string]json.RawMessage
	if err := strictjson.DecodeKnown(raw, &members); err != nil {
		return answer{}, channel.Unreachable(channel.CodeMalformed, err)
	}
	a := answer{raw: members[strings.ReplaceAll(method, ".", "_")+"_response"]}
	if a.raw == nil {
		a.raw = members["error_response"]
	}
	if err := json.Unmarshal(a.raw, &a); err != nil {
		return answer{}, channel.Unreachable(channel.CodeMalformed, err)
	}
	signature := text(members["sign"])
	if signature == "" && refusedAtTheDoor(a.Code) {
		return a, nil
	}
	if signature == "" {
		return answer{}, channel.Unreachable(channel.CodeBadSignature, errUnsigned)
	}
	if err := c.keys.alipay.verify(text(members["alipay_cert_sn"]), signature, a.raw); err != nil {
		return answer{}, channel.Unreachable(channel.CodeBadSignature, err)
	}
	return a, nil
}

// text reads a JSON string, "" for anything else.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// refusedAtTheDoor reports whether a code says nothing of any trade.
func refusedAtTheDoor(code sdk.Code) bool {
	return code != "" && !code.IsSuccess() && code != codeBusiness
}

// readAnswer reads a success, and makes a *channel.QueryError of anything else.
func (c *Channel) readAnswer(a answer, q channel.Query, into any) error {
	switch a.Code {
	case sdk.CodeSuccess:
		if err := json.Unmarshal(a.raw, into); err != nil {
			return channel.Unreachable(channel.CodeMalformed, err)
		}
		return nil
	case codeBusiness:
		switch a.SubCode {
		case subNotExist:
			return channel.NotFound(q, notFoundGrace, c.clock())
		case subParameter:
			return channel.Refused(gatewayCode(a.Code), nil)
		}
		return channel.Unreachable(gatewayCode(a.Code), nil)
	case sdk.CodeInvalidAuthToken, sdk.CodeMissingParam, sdk.CodeInvalidParam, sdk.CodeInsufficientConditions, sdk.CodePermissionDenied:
		return channel.Refused(gatewayCode(a.Code), nil)
	case sdk.CodeUnknowError, sdk.CodeCallLimited, sdk.CodeOrderSuccessPayInProcess:
		return channel.Unreachable(gatewayCode(a.Code), nil)
	}
	return channel.Unreachable(channel.CodeMalformed, nil)
}
