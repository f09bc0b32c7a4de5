package bearer

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/retryafter"
)

const (
	// defaultMaxWait is the default of MaxWait.
	defaultMaxWait = time.Minute
	// longestGate limits how long a server keeps others waiting: a mistake in its
	// Retry-After costs an hour, not a year.
	longestGate = time.Hour
	// Waiting requests continue spread over spreadEach for each of them, and over at
	// least leastSpread. Jama Connect accepts 10 calls a second.
	spreadEach  = 100 * time.Millisecond
	leastSpread = 250 * time.Millisecond
	// answerReserve is how much of a context's time a wait leaves for the response.
	answerReserve = 500 * time.Millisecond
)

// backoff lists the waits that Jama asks for after a 429, which it sends without
// Retry-After; the last one repeats.
var backoff = [...]time.Duration{3 * time.Second, 5 * time.Second, 8 * time.Second, 13 * time.Second}

// asksToWait reports whether the response asks to come back later, and after which
// time. A 503 means that only with Retry-After (RFC 9110 15.6.4).
func (x *trip) asksToWait(answer *http.Response) (time.Duration, bool) {
	wait := retryafter.Of(answer.Header, x.now(), longestGate)
	switch {
	case answer.StatusCode == http.StatusTooManyRequests && wait == 0:
		return backoff[min(x.waits, len(backoff)-1)], true
	case answer.StatusCode == http.StatusTooManyRequests,
		answer.StatusCode == http.StatusServiceUnavailable && wait > 0:
		return wait, true
	}
	return 0, false
}

// pass waits until the server accepts requests again. It fails at once, with
// ErrUnreachable, if that is beyond MaxWait or the context's end: a request that the
// server does not want helps no one.
func (x *trip) pass() error {
	for {
		wait, waiting := x.gates.enter(x.server, x.now())
		if wait == 0 {
			return nil
		}
		left := x.left()
		var err error
		if wait < left {
			spread := min(max(leastSpread, time.Duration(waiting)*spreadEach), left-wait)
			wait += rand.N(spread)
			x.waited += wait
			if err = x.sleep(wait); err != nil {
				err = fmt.Errorf("waiting for %s: %w", x.server, err)
			}
		} else {
			seconds := int64((wait + time.Second - 1) / time.Second)
			err = &protocol.Error{
				Kind:       protocol.ErrUnreachable,
				Text:       x.server + " asks for patience: not before " + strconv.FormatInt(seconds, 10) + " s from now",
				RetryAfter: seconds,
			}
		}
		x.gates.leave(x.server)
		if err != nil {
			return err
		}
	}
}

// left returns how long this request may still wait. A context's deadline uses the
// process's clock, whatever Now is.
func (x *trip) left() time.Duration {
	left := x.MaxWait
	if left == 0 {
		left = defaultMaxWait
	}
	left -= x.waited
	if deadline, ok := x.req.Context().Deadline(); ok {
		left = min(left, time.Until(deadline)-answerReserve)
	}
	return left
}

func (x *trip) sleep(d time.Duration) error {
	ctx := x.req.Context()
	if x.Sleep != nil {
		return x.Sleep(ctx, d)
	}
	return retryafter.Wait(ctx, d)
}

// gates holds the servers that asked to wait, by scheme://host[:port]. Its zero value
// is empty.
type gates struct {
	mu sync.Mutex
	of map[string]*gate
}

// gate is one such server.
type gate struct {
	opens   time.Time
	waiting int // requests
}

// shut makes requests to the server wait until then. A longer wait from before still
// applies.
func (g *gates) shut(server string, until time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.of == nil {
		g.of = map[string]*gate{}
	}
	one := g.of[server]
	if one == nil {
		one = &gate{}
		g.of[server] = one
	}
	if one.opens.Before(until) {
		one.opens = until
	}
}

// enter returns how long the gate stays shut, and how many requests wait there,
// including the caller's, which must call leave. If it returns 0 the gate is open, and
// leave must not be called.
func (g *gates) enter(server string, now time.Time) (wait time.Duration, waiting int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	one := g.of[server]
	if one == nil {
		return 0, 0
	}
	if wait = one.opens.Sub(now); wait <= 0 {
		if one.waiting == 0 {
			delete(g.of, server)
		}
		return 0, 0
	}
	one.waiting++
	return wait, one.waiting
}

func (g *gates) leave(server string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.of[server].waiting--
}
