package tencent

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	algorithm     = "TC3-HMAC-SHA256"
	signedHeaders = "content-type;host;x-tc-action"
)

// sign signs a POST to the root of a service of the API, by its body.
func sign(req *http.Request, service, id, key string, body []byte, at time.Time) {
	stamp, day := strconv.FormatInt(at.Unix(), 10), at.UTC().Format(time.DateOnly)
	req.Header.Set("X-Tc-Timestamp", stamp)
	canonical := strings.Join([]string{
		http.MethodPost, "/", "",
		"content-type:" + req.Header.Get("Content-Type"), "host:" + req.Host, "x-tc-action:" + strings.ToLower(req.Header.Get("X-Tc-Action")), "",
		signedHeaders, hexSum(body),
	}, "\n")
	scope := day + "/" + service + "/tc3_request"
	text := strings.Join([]string{algorithm, stamp, scope, hexSum([]byte(canonical))}, "\n")
	signing := sum([]byte("TC3"+key), day)
	for _, step := range []string{service, "tc3_request"} {
		signing = sum(signing, step)
	}
	req.Header.Set("Authorization", algorithm+" Credential="+id+"/"+scope+", SignedHeaders="+signedHeaders+", Signature="+hex.EncodeToString(sum(signing, text)))
}

func sum(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func hexSum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}
