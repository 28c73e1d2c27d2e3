package engine_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"anxin/engine"
	"anxin/engine/notify"
	"anxin/engine/notify/gateway"
	"anxin/engine/notify/twilio"
	"anxin/engine/order"
	"anxin/engine/store/storetest"
	"anxin/engine/webhook"
)

// BenchmarkMessages tells the payers of b.N orders of which a message is due at once: the
// order is read, the plan asked, the text written, record and event committed, the gateway
// called over a real socket and its answer committed. The floor, of the same run, is as
// many tasks that commit order, event and next task, and call nobody.
func BenchmarkMessages(b *testing.B) {
	floor := taskRate(b, b.N)
	told := newStandIn(b, b.N, false)
	s := waitingOrders(b, b.N)
	armMessages(b, s, b.N, func(int) order.Time { return order.At(time.Now()) }, notify.Gateway)
	e := messageEngine(b, s, told, nil)
	b.ResetTimer()
	stop := runBench(b, e)
	<-told.all
	b.StopTimer()
	stop()
	rate := float64(b.N) / b.Elapsed().Seconds()
	b.ReportMetric(rate, "messages/s")
	b.ReportMetric(floor, "floor-tasks/s")
	b.ReportMetric(rate/floor, "of-floor")
	b.ReportMetric(0, "ns/op")
}

// taskRate runs n tasks as BenchmarkTasks does.
func taskRate(b *testing.B, n int) float64 {
	b.Helper()
	s := benchStore(b, filepath.Join(b.TempDir(), "floor.db"))
	claimMany(b, s, n, benchOrder)
	armMany(b, s, benchOrder, n, func(int) order.Time { return order.At(time.Now()) })
	done := newCountdown(n)
	e := benchEngine(b, s, enterAtOnce, done)
	began := time.Now()
	stop := runBench(b, e)
	<-done.zero
	took := time.Since(began)
	stop()
	return float64(n) / took.Seconds()
}

// BenchmarkMessagesBesideDead offers 200 messages a second to a gateway, and as many SMS to
// a carrier: first to one that answers, then to one that takes every connection and never
// answers. How late the gateway's messages arrive is measured in both.
func BenchmarkMessagesBesideDead(b *testing.B) {
	well, sick := lateBeside(b, false), lateBeside(b, true)
	storetest.ReportLatency(b, well)
	b.ReportMetric(storetest.Quantile(sick, 0.5), "dead-p50-ms")
	b.ReportMetric(storetest.Quantile(sick, 0.99), "dead-p99-ms")
	b.ReportMetric(storetest.Quantile(sick, 0.99)/storetest.Quantile(well, 0.99), "p99-ratio")
}

func lateBeside(b *testing.B, dead bool) []time.Duration {
	b.Helper()
	const every = 5 * time.Millisecond
	told, carrier := newStandIn(b, b.N, false), newStandIn(b, b.N, dead)
	s := waitingOrders(b, b.N)
	first := time.Now().Add(3 * time.Second) // beyond the horizon: all are claimed ahead
	due := func(i int) order.Time { return order.At(first.Add(time.Duration(i) * every)) }
	armMessages(b, s, b.N, due, notify.SMS, notify.Gateway)
	stop := runBench(b, messageEngine(b, s, told, carrier))
	<-told.all
	stop()
	late := make([]time.Duration, b.N)
	for i := range late {
		late[i] = told.at[i].Sub(due(i).Std())
	}
	return late
}

// standIn is a provider's service on a real socket.
type standIn struct {
	server *httptest.Server
	left   atomic.Int64
	all    chan struct{} // closed when every order was told

	mu sync.Mutex // guards at
	at map[int]time.Time
}

func newStandIn(b *testing.B, n int, dead bool) *standIn {
	b.Helper()
	s := &standIn{all: make(chan struct{}), at: make(map[int]time.Time, n)}
	s.left.Store(int64(n))
	s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if dead {
			<-r.Context().Done()
			return
		}
		s.take(string(body))
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"sid":"SM0123456789abcdef0123456789abcdef","num_segments":"1"}`)
	}))
	b.Cleanup(s.server.Close)
	return s
}

func (s *standIn) take(body string) {
	at := time.Now()
	_, digits, _ := strings.Cut(body, "order_no\":\"")
	digits, _, _ = strings.Cut(digits, `"`)
	s.mu.Lock()
	i := benchIndex(digits)
	_, again := s.at[i]
	if !again {
		s.at[i] = at
	}
	s.mu.Unlock()
	if !again && s.left.Add(-1) == 0 {
		close(s.all)
	}
}

// waitingOrders is a store with n orders whose payers have waited into the delayed stage.
func waitingOrders(b *testing.B, n int) engine.Store {
	b.Helper()
	s := benchStore(b, filepath.Join(b.TempDir(), fmt.Sprintf("%s-%d.db", b.Name(), time.Now().UnixNano())))
	atOnce(n, func(i int) {
		r := registration(benchOrder(i))
		r.Mode, r.Payer.Phone = order.Pushed, fmt.Sprintf("+1415%07d", i)
		limits := order.DefaultStageLimits
		c, err := order.Register(r, order.At(time.Now().Add(-limits.Delayed)))
		if err == nil {
			c = c.Then(c.Order.Claim(c.Order.CreatedAt, order.Wait{}))
			c = c.Then(c.Order.EnterStage(c.Order.CreatedAt.Add(limits.Delayed), limits))
			err = s.Commit(b.Context(), engine.Commit{Order: &c.Order, Events: c.Events})
		}
		if err != nil {
			b.Error(err)
		}
	})
	return s
}

func armMessages(b *testing.B, s engine.Store, n int, due func(i int) order.Time, channels ...notify.Channel) {
	b.Helper()
	for begin := 0; begin < n; begin += 2000 {
		var c engine.Commit
		for i := begin; i < min(n, begin+2000); i++ {
			for _, via := range channels {
				key := engine.TaskKey{OrderNo: benchOrder(i), Kind: engine.TaskNotify, Target: string(via)}
				c.Tasks = append(c.Tasks, engine.TaskWrite{Task: engine.Task{TaskKey: key, DueAt: due(i)}})
			}
		}
		if err := s.Commit(b.Context(), c); err != nil {
			b.Fatal(err)
		}
	}
}

// messageEngine tells payers by a gateway, and by SMS when there is a carrier.
func messageEngine(b *testing.B, s engine.Store, told, carrier *standIn) *engine.Engine {
	b.Helper()
	secret, err := webhook.ParseSecret("whsec_YmVuY2gtYmVuY2gtYmVuY2gtYmVuY2gtYmVuY2gtMDE=")
	if err != nil {
		b.Fatal(err)
	}
	backends, err := gateway.New(gateway.Config{URL: told.server.URL, Secrets: []webhook.Secret{secret}, AllowPrivate: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(backends.Close)
	providers := []engine.MessageProvider{{Name: "gw", Provider: backends}}
	steps := []notify.Step{{Channel: notify.Gateway}}
	if carrier != nil {
		sms, err := twilio.New(twilio.Config{
			AccountSID: "AC0123456789abcdef0123456789abcdef", AuthToken: "bench-auth-token-0123456789abcde", From: "+15005550006", BaseURL: carrier.server.URL,
		})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(sms.Close)
		providers = append(providers, engine.MessageProvider{Name: "carrier", Provider: sms})
		steps = append(steps, notify.Step{Channel: notify.SMS})
	}
	catalogue, err := notify.NewCatalogue(nil)
	if err != nil {
		b.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	e, err := engine.New(engine.Config{}, engine.Deps{
		Store: s, Sender: &backend{}, Listener: deaf{}, Log: log, Messages: &engine.MessageDeps{
			Plan:      &notify.Plan{Zone: time.UTC, Delayed: time.Minute, Rules: []notify.Rule{{Notices: []notify.Notice{notify.NoticeDelayed}, Steps: steps}}},
			Catalogue: catalogue, Key: notify.Key("k"), Links: plainLinks{}, Providers: providers,
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	return e
}
