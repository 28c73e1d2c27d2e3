package email

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	netmail "net/mail"
	"net/textproto"
	"regexp"
	"strings"

	"anxin/engine/channel"
	"anxin/engine/notify"
)

// maxParts bounds the parts of a bounce; it has three (RFC 6522).
const maxParts = 10

var (
	statusCode = regexp.MustCompile(`^[245]\.\d{1,3}\.\d{1,3}$`)
	messageRef = regexp.MustCompile(`^<([A-Za-z0-9_-]{1,60})@([^<>@\s]{1,255})>$`)
)

// ParseReceipts implements notify.ReceiptParser: a delivery status notification (RFC 3464)
// as the mail server got it, posted whole by a pipe of the mailbox that ReturnPath names.
// A mail is signed by nobody, so the address it is posted to holds a secret.
func (p *Provider) ParseReceipts(_ context.Context, r channel.Request) ([]notify.StatusUpdate, error) {
	if err := notify.CheckReceiptSecret(r.Query, p.cfg.BounceSecret); err != nil {
		return nil, err
	}
	report, err := readReport(r.Body)
	if err != nil {
		return nil, channel.ErrMalformed
	}
	u := notify.StatusUpdate{At: r.ReceivedAt, ProviderID: strings.Trim(report.messageID, "<>")}
	name := messageRef.FindStringSubmatch(report.messageID)
	if name == nil || !strings.EqualFold(name[2], p.domain) {
		return nil, channel.ErrMalformed // about somebody else's mail
	}
	switch report.action {
	case "failed":
		u.Status, u.Code = notify.StatusBounced, "bounced_"+report.status
		u.DropAddress = badAddress(report.status)
	case "delivered":
		u.Status = notify.StatusDelivered
	default: // delayed, relayed, expanded: nothing is decided
		return nil, nil
	}
	return []notify.StatusUpdate{u}, nil
}

// badAddress names the codes of RFC 3463 by which a mailbox does not exist.
func badAddress(status string) bool {
	switch status {
	case "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1":
		return true
	}
	return false
}

type report struct{ messageID, action, status string }

var errReport = errors.New("not a delivery status notification")

func readReport(body []byte) (report, error) {
	var r report
	message, err := netmail.ReadMessage(bytes.NewReader(body))
	if err != nil {
		return r, errReport
	}
	kind, params, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/report" || params["boundary"] == "" {
		return r, errReport
	}
	parts := multipart.NewReader(message.Body, params["boundary"])
	for range maxParts {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return r, errReport
		}
		if err := r.read(part); err != nil {
			return r, err
		}
	}
	if r.action == "" || !statusCode.MatchString(r.status) {
		return r, errReport
	}
	return r, nil
}

func (r *report) read(part *multipart.Part) error {
	kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
	switch kind {
	case "message/delivery-status":
		fields := textproto.NewReader(bufio.NewReader(part))
		for range 2 { // of the message, then of its one recipient
			header, err := fields.ReadMIMEHeader()
			if err != nil && !errors.Is(err, io.EOF) {
				return errReport
			}
			if action := header.Get("Action"); action != "" {
				r.action, r.status = strings.ToLower(strings.TrimSpace(action)), strings.TrimSpace(header.Get("Status"))
			}
		}
	case "message/rfc822", "text/rfc822-headers":
		header, err := textproto.NewReader(bufio.NewReader(part)).ReadMIMEHeader()
		if err != nil && !errors.Is(err, io.EOF) {
			return errReport
		}
		r.messageID = strings.TrimSpace(header.Get("Message-Id"))
	}
	return nil
}

// AnswerReceipts implements notify.ReceiptParser.
func (p *Provider) AnswerReceipts(err error) channel.Answer {
	return channel.Answer{Status: notify.ReceiptStatus(err)}
}
