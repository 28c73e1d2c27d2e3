package email

import (
	"crypto/tls"
	"errors"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/wneessen/go-mail"

	"anxin/engine/notify"
)

// The library's errors quote addresses and the server's words: none of them is kept.

// dialFailure is what kept a session from beginning: nothing was sent.
func dialFailure(err error) *notify.SendError {
	if said, ok := errors.AsType[*textproto.Error](err); ok {
		if said.Code == 535 || said.Code == 534 || said.Code == 530 || said.Code == 538 {
			return &notify.SendError{Kind: notify.KindRefused, Code: "unauthorized"}
		}
		return &notify.SendError{Kind: notify.KindTemporary, Code: code(said.Code)}
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return &notify.SendError{Kind: notify.KindRefused, Code: "tls"}
	}
	return &notify.SendError{Kind: notify.KindTemporary, Code: "connection"}
}

// sendFailure reads at which step the server said no, and whether for good.
func sendFailure(err error) *notify.SendError {
	failed, ok := errors.AsType[*mail.SendError](err)
	if !ok {
		return &notify.SendError{Kind: notify.KindMaybeSent, Code: "connection"}
	}
	said, detail := failed.ErrorCode(), failed.EnhancedStatusCode()
	e := &notify.SendError{Kind: notify.KindTemporary, Code: code(said)}
	switch failed.Reason {
	case mail.ErrSMTPRcptTo:
		return recipientFailure(e, said, detail)
	case mail.ErrSMTPMailFrom:
		if said >= 500 {
			e.Kind = notify.KindRefused
		} else if strings.HasPrefix(detail, "4.7.") {
			e.Kind = notify.KindThrottled
		}
	case mail.ErrSMTPData, mail.ErrSMTPDataClose:
		switch {
		case said >= 500:
			e.Kind = notify.KindContent
		case said == 0 && failed.Reason == mail.ErrSMTPDataClose:
			e.Kind, e.Code = notify.KindMaybeSent, "no_answer" // the whole message was written
		}
	case mail.ErrGetSender:
		e.Kind, e.Code = notify.KindRefused, "bad_sender"
	case mail.ErrGetRcpts:
		e.Kind, e.Code = notify.KindAddress, "bad_address"
	case mail.ErrSMTPReset, mail.ErrWriteContent, mail.ErrConnCheck, mail.ErrNoUnencoded, mail.ErrAmbiguous:
	}
	return e
}

// recipientFailure tells an address that is wrong from a server that wants nothing of us
// (RFC 3463: X.1 is the address, X.2 the mailbox, X.7 policy).
func recipientFailure(e *notify.SendError, said int, detail string) *notify.SendError {
	switch {
	case detail == "4.2.2" || detail == "5.2.2" || said == 452:
		e.Kind, e.Code, e.OfAddress = notify.KindQuota, "mailbox_full", true
	case strings.HasPrefix(detail, "4.7."):
		e.Kind = notify.KindThrottled
	case said >= 500 && strings.HasPrefix(detail, "5.7."), said == 554:
		e.Kind, e.Code = notify.KindRefused, "not_allowed"
	case said >= 500:
		e.Kind, e.Code = notify.KindAddress, "no_mailbox"
	}
	return e
}

func code(said int) string {
	if said == 0 {
		return "connection"
	}
	return "smtp_" + strconv.Itoa(said)
}
