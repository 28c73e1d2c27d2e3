package chaos

import (
	"crypto/hmac"
	"crypto/sha1" // what Twilio signs with
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"anxin/engine/notify"
)

// carrier stands in for Twilio. It knows no repeats: what it takes twice, the payer gets
// twice.
type carrier struct {
	w     *world
	name  string
	out   func() bool // it is out of order
	http  *httptest.Server
	taken atomic.Int64
}

const (
	carrierAccount = "AC0123456789abcdef0123456789abcdef"
	carrierToken   = "chaos-auth-token-0123456789abcde"
)

func newCarrier(w *world, name string, out func() bool) *carrier {
	c := &carrier{w: w, name: name, out: out}
	c.http = httptest.NewServer(c)
	return c
}

func (c *carrier) close() { c.http.Close() }

// ServeHTTP implements http.Handler.
func (c *carrier) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if r.ParseForm() != nil {
		return // the server died while it spoke
	}
	user, password, _ := r.BasicAuth()
	if user != carrierAccount || password != carrierToken || r.URL.Path != "/2010-04-01/Accounts/"+carrierAccount+"/Messages.json" {
		c.w.wrongs.add("call to a carrier", "%s %s", r.Method, r.URL.Path)
		rw.WriteHeader(http.StatusUnauthorized)
		return
	}
	callback, err := url.Parse(r.PostForm.Get("StatusCallback"))
	if err != nil || !strings.HasSuffix(callback.Path, "/v1/receipts/"+c.name) {
		c.w.wrongs.add("call to a carrier", "reports to %q", callback)
		return
	}
	l, f := c.w.post.came(letter{via: notify.SMS, by: c.name, to: r.PostForm.Get("To"), id: callback.Query().Get("message")}, r.PostForm.Get("Body"))
	if l == nil {
		rw.WriteHeader(http.StatusBadRequest)
		return
	}
	if f.payer.dead {
		c.refuse(rw, http.StatusBadRequest, 21211)
		return
	}
	c.treat(rw, r, l, f)
}

func (c *carrier) treat(rw http.ResponseWriter, r *http.Request, l *letter, f *fate) {
	switch c.w.post.draw(l, c.out()) {
	case slow:
		wait(r.Context(), c.w.post.linger())
		c.accept(rw, l, f)
	case busy:
		rw.Header().Set("Retry-After", "1")
		c.refuse(rw, http.StatusTooManyRequests, 20429)
	case down:
		rw.WriteHeader(http.StatusServiceUnavailable)
	case refuses:
		c.refuse(rw, http.StatusBadRequest, 21617)
	case drops:
		panic(http.ErrAbortHandler)
	case takesDrops:
		c.take(l, f)
		panic(http.ErrAbortHandler)
	case takesFails:
		c.take(l, f)
		rw.WriteHeader(http.StatusBadGateway)
	case takesHangs:
		c.take(l, f)
		wait(r.Context(), time.Minute)
	case babbles:
		c.take(l, f)
		_, _ = rw.Write([]byte("<html>welcome</html>"))
	case fine:
		c.accept(rw, l, f)
	}
}

func (c *carrier) refuse(rw http.ResponseWriter, status, code int) {
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(status)
	_, _ = fmt.Fprintf(rw, `{"code": %d, "message": "no", "status": %d}`, code, status)
}

func (c *carrier) accept(rw http.ResponseWriter, l *letter, f *fate) {
	sid := c.take(l, f)
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(http.StatusCreated)
	_, _ = fmt.Fprintf(rw, `{"sid": %q, "status": "queued", "num_segments": "1", "error_code": null}`, sid)
}

// take has the payer get the message, and the reports about it be on their way: some
// overtake the answer.
func (c *carrier) take(l *letter, f *fate) (sid string) {
	sid = fmt.Sprintf("SM%016x%016x", *seed, c.taken.Add(1)<<1+int64(len(c.name)&1))
	c.w.post.mu.Lock()
	l.taken, l.sid = true, sid
	c.w.post.mu.Unlock()
	what := c.w.faults.upTo(100)
	if what < 3 {
		c.bring(f, l, "delivered", "", carrierToken, http.StatusOK)
		c.w.post.hear(l, notify.StatusDelivered)
		return sid
	}
	c.w.post.all.Go(func() { c.report(l, f, what) })
	return sid
}

// stories are what a carrier reports of one message, in parts of a hundred: late, twice, in
// the wrong order and contradicting itself. The first word that decides is the true one.
var stories = []struct {
	parts int
	says  []string
}{
	{30, []string{"sent", "delivered"}},
	{15, []string{"delivered", "delivered"}},
	{15, []string{"delivered", "sent"}},
	{10, []string{"delivered", "undelivered"}},
	{10, []string{"sent", "undelivered"}},
	{5, []string{"undelivered", "delivered"}},
	{15, nil}, // and of some never
}

func (c *carrier) report(l *letter, f *fate, what int) {
	wait(c.w.ctx, time.Duration(what)*40*time.Millisecond)
	if what%10 == 0 { // somebody who does not know the secret
		c.bring(f, l, "undelivered", "30005", "not-the-token-0123456789abcdefgh", http.StatusForbidden)
	}
	at := c.w.faults.upTo(100)
	for _, s := range stories {
		if at -= s.parts; at >= 0 {
			continue
		}
		for _, status := range s.says {
			code := ""
			if status == "undelivered" {
				code = "30003"
			}
			c.bring(f, l, status, code, carrierToken, http.StatusOK)
			switch status {
			case "delivered":
				c.w.post.hear(l, notify.StatusDelivered)
			case "undelivered":
				c.w.post.hear(l, notify.StatusFailed)
			}
		}
		return
	}
}

// bring reports until it is answered, and wants that answer.
func (c *carrier) bring(f *fate, l *letter, status, code, token string, want int) {
	form := url.Values{"AccountSid": {carrierAccount}, "MessageSid": {l.sid}, "MessageStatus": {status}, "ErrorCode": {code}}
	path := "/v1/receipts/" + c.name + "?message=" + l.id
	header := http.Header{
		"Content-Type": {"application/x-www-form-urlencoded"}, "X-Twilio-Signature": {signForm(token, c.w.server.base()+path, form)},
	}
	for c.w.server.await(c.w.ctx) {
		got, answer, err := c.w.try(f, http.MethodPost, path, header, []byte(form.Encode()))
		if err == nil && got < 500 && got != http.StatusTooManyRequests {
			if got != want {
				c.w.wrongs.add("report of a carrier", "%s %s was answered %d %s, want %d", f.no, status, got, answer, want)
			}
			return
		}
		wait(c.w.ctx, 100*time.Millisecond)
	}
}

// signForm is Twilio's signature by its description.
func signForm(token, address string, form url.Values) string {
	var fields []string
	for name := range form {
		fields = append(fields, name+form.Get(name))
	}
	slices.Sort(fields)
	mac := hmac.New(sha1.New, []byte(token))
	_, _ = mac.Write([]byte(address + strings.Join(fields, "")))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
