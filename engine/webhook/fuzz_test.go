package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"testing"
	"time"
)

// FuzzVerify recomputes each signature that verifies by the specification's formula.
func FuzzVerify(f *testing.F) {
	key := []byte(strings.Repeat("k", 32))
	s, err := ParseSecret("whsec_" + base64.StdEncoding.EncodeToString(key))
	if err != nil {
		f.Fatal(err)
	}
	now := time.Unix(1_795_000_000, 0)
	stamp := strconv.FormatInt(now.Unix(), 10)
	f.Add("msg_1", stamp, Sign([]Secret{s}, "msg_1", now, []byte("{}")), []byte("{}"))
	f.Add("msg_1", "9223372036854775807", "v1, v1a,AAAA v1,====", []byte{})
	f.Add("", "-9223372036854775808", "v1,", []byte("\xff"))
	f.Fuzz(func(t *testing.T, id, timestamp, signatures string, body []byte) {
		if Verify([]Secret{s}, id, timestamp, signatures, body, now) != nil {
			return
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + timestamp + "." + string(body)))
		if !strings.Contains(signatures, strings.TrimRight(base64.StdEncoding.EncodeToString(mac.Sum(nil)), "=")) {
			t.Fatalf("%q verifies %q at %q", signatures, body, timestamp)
		}
		seconds, err := strconv.ParseInt(timestamp, 10, 64)
		if err != nil || seconds < now.Unix()-300 || seconds > now.Unix()+300 {
			t.Fatalf("time %q was accepted", timestamp)
		}
	})
}
