package httpapi_test

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"anxin/server/httpapi"
)

func reachable(orderNo string) object {
	return with(registration(orderNo), "payer", object{"id": "p1", "locale": "en", "phone": "+8613800000001"})
}

// code waits for the next code that is sent.
func (w *world) code() (orderNo, code string) {
	w.t.Helper()
	select {
	case sent := <-w.codes:
		return sent[0], sent[1]
	case <-time.After(patience):
		w.t.Fatal("no code was sent")
		return "", ""
	}
}

func number(orderNo string) string { return url.Values{"order_no": {orderNo}}.Encode() }

func entry(orderNo, code string) string {
	return url.Values{"order_no": {orderNo}, "code": {code}}.Encode()
}

func TestOrderIsFoundByACodeOnce(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.register(reachable("A1"))
	if html := string(w.want(http.StatusOK, "GET", "/orders?lang=zh-CN", nil).body); !strings.Contains(html, "查找我的订单") || !strings.Contains(html, `action="/orders?lang=zh-CN"`) {
		t.Error("the lookup is not in the language that was asked for")
	}
	w.want(http.StatusOK, "POST", "/orders", number("A1"), formHeader)
	orderNo, code := w.code()
	if orderNo != "A1" || len(code) != 8 {
		t.Fatalf("code %q for %s", code, orderNo)
	}
	found := w.want(http.StatusSeeOther, "POST", "/orders/code?lang=zh-CN", entry("A1", code[:4]+" "+code[4:]), formHeader)
	to := found.header.Get("Location")
	if !strings.HasPrefix(to, "/pay/A1?k=") {
		t.Fatalf("leads to %q", to)
	}
	if html := string(w.want(http.StatusOK, "GET", to, nil).body); !strings.Contains(html, `data-status="awaiting_payment"`) || !strings.Contains(html, `lang="zh-CN"`) {
		t.Error("the fresh link does not open the order's page")
	}
	w.want(http.StatusUnprocessableEntity, "POST", "/orders/code", entry("A1", code), formHeader)
	if strings.Contains(w.log.String(), code) {
		t.Error("the code is in the log")
	}
	for _, file := range []string{w.file, w.file + "-wal"} {
		if raw, err := os.ReadFile(file); err == nil && bytes.Contains(raw, []byte(code)) {
			t.Error("the code is stored as it was sent")
		}
	}
}

func TestLookupSaysTheSameOfEveryNumber(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.register(reachable("A1"))
	w.register(registration("B1")) // has no contact
	answers := map[string]string{}
	for _, orderNo := range []string{"B1", "Z9", "A1"} {
		a := w.want(http.StatusOK, "POST", "/orders", number(orderNo), formHeader)
		answers[orderNo] = strings.ReplaceAll(string(a.body), orderNo, "NUMBER")
	}
	if orderNo, _ := w.code(); orderNo != "A1" { // asked for last: the others have been served
		t.Errorf("a code was sent for %s", orderNo)
	}
	for _, orderNo := range []string{"B1", "Z9", "A1"} {
		for range 7 { // beyond the tries of a code, too
			a := w.want(http.StatusUnprocessableEntity, "POST", "/orders/code", entry(orderNo, "00000000"), formHeader)
			answers[orderNo] += strings.ReplaceAll(string(a.body), orderNo, "NUMBER")
		}
		w.want(http.StatusOK, "POST", "/orders", number(orderNo), formHeader)
		soon := w.want(http.StatusTooManyRequests, "POST", "/orders", number(orderNo), formHeader)
		answers[orderNo] += strings.ReplaceAll(string(soon.body), orderNo, "NUMBER")
	}
	if answers["A1"] != answers["B1"] || answers["A1"] != answers["Z9"] {
		t.Error("the answers tell which orders exist")
	}
}

func TestCodeIsGuessedFiveTimesAtMost(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.register(reachable("A1"))
	w.want(http.StatusOK, "POST", "/orders", number("A1"), formHeader)
	_, code := w.code()
	wrong := "00000000"
	if code == wrong {
		wrong = "00000001"
	}
	for range 5 {
		w.want(http.StatusUnprocessableEntity, "POST", "/orders/code", entry("A1", wrong), formHeader)
	}
	w.want(http.StatusUnprocessableEntity, "POST", "/orders/code", entry("A1", code), formHeader)
}

func TestLookupRefusesWhatCannotBeANumberAndScans(t *testing.T) {
	t.Parallel()
	w := setup(t)
	hostile := `"><script>alert(1)</script>` + "\u202e"
	html := string(w.want(http.StatusUnprocessableEntity, "POST", "/orders", number(hostile), formHeader).body)
	if strings.Contains(html, "<script>alert") || !strings.Contains(html, `role="alert"`) {
		t.Error("the entry is not said back as text, or no problem is told")
	}
	w.want(http.StatusUnprocessableEntity, "POST", "/orders/code", entry("A1", "1"), formHeader)
	w.want(http.StatusUnprocessableEntity, "POST", "/orders/code", entry(hostile, "12345678"), formHeader)
	for i := range 40 {
		if a := w.send("POST", "/orders", number("S"+strings.Repeat("x", i)), formHeader); a.status == http.StatusTooManyRequests {
			if p := a.problem(t); p.Code != "rate_limited" || i < 5 {
				t.Errorf("number %d: %s", i, p.Code)
			}
			return
		}
	}
	t.Error("forty numbers were taken from one address")
}

func TestThereIsNoLookupWhereNobodyCanBeSentACode(t *testing.T) {
	t.Parallel()
	w := setup(t, func(_ *httpapi.Config, d *httpapi.Deps) { d.Lookup = nil })
	for _, method := range []string{"GET", "POST"} {
		if p := w.want(http.StatusNotFound, method, "/orders", nil).problem(t); p.Code != "no_such_route" {
			t.Errorf("%s: %s", method, p.Code)
		}
	}
}
