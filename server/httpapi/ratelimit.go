package httpapi

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
)

// A rate is a token bucket for each address.
type rate struct {
	perSecond float64
	burst     float64
}

// The rates are generous because mobile carriers put thousands of payers behind one
// address, and an incident brings them all at once. They stop loops and scans, not
// crowds: an honest payer needs one page, one check in five seconds and no wrong token.
var (
	lookRate   = rate{perSecond: 50, burst: 500} // page views
	actRate    = rate{perSecond: 20, burst: 200} // "I've paid" and "check now"
	failedRate = rate{perSecond: 5, burst: 100}  // wrong keys and tokens
	// For one order: a payer with something to say says it in a few goes.
	feedbackRate = rate{perSecond: 1.0 / 60, burst: 10}
	// For one order: nobody has more numbers and browsers to give.
	optInRate = rate{perSecond: 1.0 / 60, burst: 10}
	// Addresses left on pages, from one address of the network, which a crowd may share:
	// each may cost a message, and bother a stranger.
	optInFromRate = rate{perSecond: 0.5, burst: 60}
	// For one order: each code is a message that costs, and five more guesses.
	codeRate = rate{perSecond: 1.0 / 300, burst: 2}
	// Numbers and codes from one address. Fewer than other acts: who types them is a
	// person, and a crowd of these is a scan.
	lookupRate = rate{perSecond: 1, burst: 30}
	// For one operator: who writes a text looks at it now and again. A preview is some
	// hundred texts.
	templateRate = rate{perSecond: 1, burst: 30}
)

// maxBuckets bounds the memory for addresses: 20,000 buckets are about 2 MB. Beyond
// that all are forgotten, which costs an attacker with that many addresses nothing, and
// the others one burst.
const maxBuckets = 20_000

type limits struct {
	looks, acts, failures   *limiter
	feedback, codes, optIns *limiter // by order number
	lookups                 *limiter
	optInsFrom              *limiter
	templates               *limiter // by operator
}

func newLimits() limits {
	return limits{
		looks: newLimiter(lookRate), acts: newLimiter(actRate), failures: newLimiter(failedRate),
		feedback: newLimiter(feedbackRate), codes: newLimiter(codeRate), optIns: newLimiter(optInRate), optInsFrom: newLimiter(optInFromRate), lookups: newLimiter(lookupRate), templates: newLimiter(templateRate),
	}
}

func (l limits) look(c *fiber.Ctx) error   { return l.looks.pass(c) }
func (l limits) search(c *fiber.Ctx) error { return l.lookups.pass(c) }
func (l limits) act(c *fiber.Ctx) error    { return l.acts.pass(c) }

// failed answers a wrong credential. The right one is never held up by wrong ones from
// the same address: guessing 128 bits is hopeless at any rate, so what is limited is
// the load that guessing makes.
func (l limits) failed(c *fiber.Ctx, refusal *Problem) error {
	if wait := l.failures.take(addressBlock(c.IP()), time.Now()); wait > 0 {
		return tooMany(wait)
	}
	return refusal
}

func tooMany(wait time.Duration) *Problem {
	return problem(http.StatusTooManyRequests, "rate_limited", "too many requests from this address").retry(wait)
}

type bucket struct {
	level float64 // tokens left
	at    time.Time
}

type limiter struct {
	rate rate

	mu      sync.Mutex // guards what follows
	buckets map[string]bucket
}

func newLimiter(r rate) *limiter {
	return &limiter{rate: r, buckets: make(map[string]bucket)}
}

func (l *limiter) pass(c *fiber.Ctx) error {
	if wait := l.take(addressBlock(c.IP()), time.Now()); wait > 0 {
		return tooMany(wait)
	}
	return c.Next()
}

// take returns 0 and takes a token, or how long to wait for one.
func (l *limiter) take(from string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.buckets[from]
	if !ok {
		if len(l.buckets) >= maxBuckets {
			clear(l.buckets)
		}
		b = bucket{level: l.rate.burst, at: now}
	}
	b.level = min(l.rate.burst, b.level+max(now.Sub(b.at), 0).Seconds()*l.rate.perSecond)
	b.at = now
	var wait time.Duration
	if b.level < 1 {
		wait = max(time.Duration((1-b.level)/l.rate.perSecond*float64(time.Second)), time.Millisecond)
	} else {
		b.level--
	}
	l.buckets[from] = b
	return wait
}

// addressBlock is what one subscriber holds: an IPv4 address or a /64 of IPv6. It is a
// copy, fit to be kept.
func addressBlock(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return ""
	}
	return blockOf(ip)
}

func blockOf(ip netip.Addr) string {
	if ip = ip.Unmap(); ip.Is4() {
		return ip.String()
	}
	block, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return ""
	}
	return block.String()
}
