package wechatpay

import (
	"context"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/wechatpay-apiv3/wechatpay-go/core"
	"github.com/wechatpay-apiv3/wechatpay-go/core/auth"
	"github.com/wechatpay-apiv3/wechatpay-go/core/auth/verifiers"

	"anxin/engine/channel"
)

// The headers of what WeChat Pay signs, callbacks and answers alike.
const (
	headerTimestamp = "Wechatpay-Timestamp"
	headerNonce     = "Wechatpay-Nonce"
	headerSerial    = "Wechatpay-Serial"
	headerSignature = "Wechatpay-Signature"
	headerType      = "Wechatpay-Signature-Type" // may be left out
)

const (
	signatureType = "WECHATPAY2-SHA256-RSA2048"
	// probePrefix begins the signatures that WeChat Pay sends to see whether they are
	// checked.
	probePrefix = "WECHATPAY/SIGNTEST/"
	// window is how far a timestamp may be off, in the past or in the future, by WeChat
	// Pay's rules.
	window = 300 * time.Second
)

// Neither part can contain the line break that ends it, so one signature fits one reading
// only.
var (
	timestampPattern = channel.NewClass("0-9", 1, 11)
	noncePattern     = channel.NewClass("!-~", 1, 128)
)

// seals checks signatures by the keys that are held.
type seals struct {
	by auth.Verifier
	// asked is the name of the key that answers are wanted by: the public key's once it
	// is held, as WeChat Pay asks of those who move to it.
	asked string
}

func newSeals(publicKeyID string, k keys) seals {
	list := core.NewCertificateMapWithList(k.platform)
	if k.public == nil {
		return seals{verifiers.NewSHA256WithRSAVerifier(list), list.GetNewestSerial(context.Background())}
	}
	return seals{verifiers.NewSHA256WithRSACombinedVerifier(list, publicKeyID, *k.public), publicKeyID}
}

// check verifies what is sealed by the headers, the signature before the time. It returns
// channel.ErrSignature or channel.ErrStale.
func (s seals) check(ctx context.Context, h http.Header, now time.Time, body []byte) error {
	ts, nonce, signature := channel.OnlyHeader(h, headerTimestamp), channel.OnlyHeader(h, headerNonce), channel.OnlyHeader(h, headerSignature)
	switch {
	case !timestampPattern.MatchString(ts), !noncePattern.MatchString(nonce), !canonical(signature):
		return channel.ErrSignature
	case len(h.Values(headerType)) != 0 && channel.OnlyHeader(h, headerType) != signatureType:
		return channel.ErrSignature
	case s.by.Verify(ctx, channel.OnlyHeader(h, headerSerial), ts+"\n"+nonce+"\n"+string(body)+"\n", signature) != nil:
		return channel.ErrSignature
	}
	seconds, err := strconv.ParseInt(ts, 10, 64)
	if err != nil {
		return channel.ErrSignature
	}
	if off := now.Sub(time.Unix(seconds, 0)); off > window || off < -window {
		return channel.ErrStale
	}
	return nil
}

// canonical refuses other spellings of the same signature, which a lenient decoder would
// take: bits that are not used, line breaks.
func canonical(signature string) bool {
	raw, err := base64.StdEncoding.DecodeString(signature)
	return err == nil && base64.StdEncoding.EncodeToString(raw) == signature
}

// probe reports whether a request only tests that signatures are checked.
func probe(h http.Header) bool {
	return strings.HasPrefix(h.Get(headerSignature), probePrefix)
}
