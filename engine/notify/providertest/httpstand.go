package providertest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"anxin/engine/notify"
)

// maxRequest bounds what a stand-in reads of a call.
const maxRequest = 1 << 20

// Call is a request as the stand-in read it.
type Call struct {
	*http.Request
	Content []byte
}

// Reply is what a service answers.
type Reply struct {
	Status int
	Header map[string]string
	Body   string
}

// HTTPService is what the stand-in of a service over HTTP knows: the bytes.
type HTTPService struct {
	// Check reads a call, verifies its credentials by code of its own and returns how the
	// suite tells the message apart. What the real service would refuse is an error.
	Check func(c Call) (id string, err error)
	// Answer is the service's word for a behaviour; the id is the one of Check. It is asked
	// about all but HangAfterTake, BreakAfterTake, Oversized and Garbage.
	Answer func(b Behaviour, id string) Reply
	// Provider makes the provider that talks to the running service.
	Provider func(t *testing.T, s *httptest.Server) notify.Provider
	// Start begins serving, with TLS or HTTP/2 where the service has it; nil = plain.
	Start func(s *httptest.Server)
}

// Open starts the stand-in: it is a Fixture's Open.
func (s HTTPService) Open(t *testing.T) Stand {
	t.Helper()
	stand := &httpStand{t: t, service: s, behaviour: Accept, arrived: make(chan struct{}, 64), ended: make(chan struct{})}
	stand.server = httptest.NewUnstartedServer(http.HandlerFunc(stand.serve))
	if s.Start == nil {
		stand.server.Start()
	} else {
		s.Start(stand.server)
	}
	t.Cleanup(stand.Close)
	stand.provider = s.Provider(t, stand.server)
	if closes, ok := stand.provider.(interface{ Close() }); ok {
		t.Cleanup(closes.Close)
	}
	return stand
}

type httpStand struct {
	t        *testing.T
	service  HTTPService
	server   *httptest.Server
	provider notify.Provider
	arrived  chan struct{}
	ended    chan struct{} // closed by Close
	once     sync.Once

	mu        sync.Mutex // guards what follows
	behaviour Behaviour
	taken     []string
}

var _ Stand = (*httpStand)(nil)

func (s *httpStand) Provider() notify.Provider { return s.provider }
func (s *httpStand) Arrived() <-chan struct{}  { return s.arrived }

func (s *httpStand) Behave(b Behaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behaviour = b
}

func (s *httpStand) Taken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.taken...)
}

// Close ends calls that hang, then the server.
func (s *httpStand) Close() {
	s.once.Do(func() {
		close(s.ended)
		s.server.Close()
	})
}

func (s *httpStand) serve(w http.ResponseWriter, r *http.Request) {
	content, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
	if err != nil {
		s.t.Errorf("read call: %v", err)
	}
	id, err := s.service.Check(Call{r, content})
	if err != nil {
		s.t.Errorf("the service would refuse the call: %v", err)
		http.Error(w, "refused", http.StatusBadRequest)
		return
	}
	switch b := s.take(id); b {
	case HangAfterTake:
		select {
		case <-r.Context().Done():
		case <-s.ended:
		}
	case BreakAfterTake:
		panic(http.ErrAbortHandler)
	case Oversized:
		_, _ = io.Copy(w, io.LimitReader(endless{}, 64<<20))
	case Garbage:
		_, _ = w.Write([]byte("\x00\xff<html>{]"))
	default:
		s.reply(w, s.service.Answer(b, id))
	}
}

// take notes what the service takes and tells that the call arrived.
func (s *httpStand) take(id string) Behaviour {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.behaviour {
	case Accept, HangAfterTake, BreakAfterTake, Oversized, Garbage:
		s.taken = append(s.taken, id)
	case Throttle, BadAddress, RefuseContent, Quota, AddressQuota, RefuseAccount, Unavailable:
	}
	select {
	case s.arrived <- struct{}{}:
	default:
	}
	return s.behaviour
}

func (s *httpStand) reply(w http.ResponseWriter, r Reply) {
	for name, value := range r.Header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(r.Status)
	_, _ = io.WriteString(w, r.Body)
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, strings.Repeat("x", len(p))), nil }
