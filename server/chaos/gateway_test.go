package chaos

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	wire "anxin/engine/channel/sandbox"
	"anxin/engine/order"
)

// gateway answers the server's queries: with the truth when it is in the mood.
type gateway struct {
	w      *world
	http   *httptest.Server
	url    string
	secret string

	mu    sync.Mutex // guards old
	old   recorded   // an answer to some other question
	asked int
}

// recorded is a sealed answer.
type recorded struct {
	header http.Header
	body   []byte
}

func newGateway(w *world) *gateway {
	g := &gateway{w: w}
	g.http = httptest.NewServer(g)
	g.url = g.http.URL + "/gateway"
	return g
}

func (g *gateway) close() { g.http.Close() }

// ServeHTTP implements http.Handler.
func (g *gateway) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/gateway")
	if err := wire.Check(r.Header, g.secret, time.Now(), wire.RequestMessage(r.Method, path, nil)); err != nil {
		g.w.wrongs.add("unsigned question", "%s %s: %v", r.Method, path, err)
		rw.WriteHeader(http.StatusUnauthorized)
		return
	}
	no, closing := strings.CutSuffix(strings.TrimPrefix(path, "/v1/payments/"), "/close")
	nonce := r.Header.Get(wire.HeaderNonce)
	f := g.w.byNo[no]
	switch {
	case f == nil:
		g.w.wrongs.add("unknown question", "%s %s", r.Method, path)
		g.answer(rw, nonce, http.StatusNotFound, wire.Problem{Code: wire.CodeNotFound})
	case g.w.faults.outage():
		rw.WriteHeader(http.StatusServiceUnavailable)
	case g.w.faults.one(30) && f.noisy():
		g.misbehave(rw, r, nonce, f)
	case closing:
		p, closed := f.close()
		if !closed {
			g.answer(rw, nonce, http.StatusConflict, wire.Problem{Code: wire.CodeAlreadyPaid})
			return
		}
		g.answer(rw, nonce, http.StatusOK, p)
	default:
		g.answer(rw, nonce, http.StatusOK, f.truth())
	}
}

// answer seals what is said.
func (g *gateway) answer(rw http.ResponseWriter, nonce string, status int, content any) {
	body, err := json.Marshal(content)
	if err != nil {
		panic(err)
	}
	wire.Seal(rw.Header(), g.secret, time.Now(), nonce, body)
	g.mu.Lock()
	if g.asked++; g.asked%50 == 1 {
		g.old = recorded{rw.Header().Clone(), body}
	}
	g.mu.Unlock()
	rw.WriteHeader(status)
	_, _ = rw.Write(body) // who asked may be dead
}

// misbehave gives one of the wrong answers.
func (g *gateway) misbehave(rw http.ResponseWriter, r *http.Request, nonce string, f *fate) {
	switch what := g.w.faults.upTo(100); {
	case what < 3: // longer than anyone waits
		wait(r.Context(), 5*time.Second)
	case what < 15:
		wait(r.Context(), time.Duration(what)*20*time.Millisecond)
		g.answer(rw, nonce, http.StatusOK, f.truth())
	case what < 25:
		panic(http.ErrAbortHandler) // the line breaks
	case what < 35:
		rw.WriteHeader(http.StatusBadGateway)
	case what < 40:
		rw.Header().Set("Retry-After", "1")
		rw.WriteHeader(http.StatusTooManyRequests)
	case what < 52:
		g.answer(rw, nonce, http.StatusNotFound, wire.Problem{Code: wire.CodeNotFound})
	case what < 64:
		p := f.state(wire.StateProcessing)
		g.answer(rw, nonce, http.StatusOK, p)
	case what < 70:
		g.answer(rw, nonce, http.StatusOK, f.state(wire.StatePending))
	case what < 76:
		p := f.truth()
		p.Amount = &order.Money{Minor: price.Minor * 100, Currency: price.Currency}
		f.cause(order.CaseAmountMismatch)
		g.answer(rw, nonce, http.StatusOK, p)
	case what < 86: // true, signed, and somebody else's
		other := g.w.fates[(f.index+1)%len(g.w.fates)]
		p := other.state(wire.StateSucceeded)
		g.answer(rw, nonce, http.StatusOK, p)
	case what < 93:
		g.replay(rw)
	default:
		body := []byte(`{"out_trade_no":"` + f.no + `","state":"succeeded"}`)
		wire.Seal(rw.Header(), "not the secret", time.Now(), nonce, body)
		_, _ = rw.Write(body)
	}
}

// replay repeats an answer to another question word by word.
func (g *gateway) replay(rw http.ResponseWriter) {
	g.mu.Lock()
	old := g.old
	g.mu.Unlock()
	maps.Copy(rw.Header(), old.header)
	_, _ = rw.Write(old.body)
}
