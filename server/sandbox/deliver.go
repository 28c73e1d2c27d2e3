package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	wire "anxin/engine/channel/sandbox"
)

// redeliveries are the gaps after a callback that was not accepted. With the first
// sending they are fifteen in a good day, like those of WeChat Pay.
var redeliveries = []time.Duration{
	15 * time.Second, 30 * time.Second, 3 * time.Minute, 10 * time.Minute, 20 * time.Minute,
	30 * time.Minute, 30 * time.Minute, 30 * time.Minute, time.Hour,
	3 * time.Hour, 3 * time.Hour, 3 * time.Hour, 6 * time.Hour, 6 * time.Hour,
}

// maxAnswer bounds what the channel reads of an acknowledgement.
const maxAnswer = 4 << 10

// deliver sends a callback once and keeps what came of it: the callback is settled, or
// owed again later, or given up after the last redelivery.
func (s *Sandbox) deliver(ctx context.Context, j job) error {
	d := s.send(ctx, j)
	if ctx.Err() != nil && !d.Accepted {
		return ctx.Err() // cut off by the stop: it is still owed, and not the intake's fault
	}
	err := s.store.settle(context.WithoutCancel(ctx), j, func(p *payment) ([]job, error) {
		p.noteDelivery(d)
		if d.Accepted || j.Try >= len(redeliveries) {
			return nil, nil
		}
		again := j
		again.DueAt = d.At.Add(redeliveries[j.Try])
		again.Try++
		return []job{again}, nil
	})
	if err != nil {
		return fmt.Errorf("keep delivery: %w", err)
	}
	return nil
}

// send posts a callback, signed anew each time.
func (s *Sandbox) send(ctx context.Context, j job) delivery {
	d := delivery{NoticeID: j.NoticeID, At: s.now(), Try: j.Try + 1, Forged: j.Forged}
	target := s.cfg.BaseURL + "/v1/callbacks/" + s.cfg.Name
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(j.Body))
	if err != nil {
		d.Error = "connection"
		return d
	}
	secret := s.cfg.Secret
	if j.Forged {
		secret = "forged " + secret
	}
	wire.Seal(request.Header, secret, s.clock(), wire.NewNonce(), j.Body)
	request.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(request)
	if err != nil {
		d.Error = "connection"
		if os.IsTimeout(err) || errors.Is(err, context.DeadlineExceeded) {
			d.Error = "timeout"
		}
		return d
	}
	defer func() { _ = response.Body.Close() }() // read as far as wanted
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		d.Error = "connection"
		return d
	}
	d.Status, d.Answer = response.StatusCode, answerCode(body)
	d.Accepted = d.Status == http.StatusOK && d.Answer == "SUCCESS"
	return d
}

// answerCode reads the code of an acknowledgement, cut to what is worth keeping.
func answerCode(body []byte) string {
	var answer struct {
		Code string `json:"code"`
	}
	if json.Unmarshal(body, &answer) != nil || len(answer.Code) > 64 {
		return ""
	}
	return answer.Code
}
