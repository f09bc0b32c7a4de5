package oauth

import (
	"context"
	"math/rand/v2"
	"time"
)

// longestRetryAfter is the longest wait that a server can ask for (A11); more is a
// mistake that must not lock a client out for years.
const longestRetryAfter = time.Hour

// pauses are the minimum and maximum of the random waits between attempts (A11): a
// thousand clients that fail together do not return together, and the last of four
// attempts is at least 2 s after the first, so that a restart of the server goes
// unnoticed.
var pauses = [...]struct{ least, most time.Duration }{
	{100 * time.Millisecond, 200 * time.Millisecond},
	{400 * time.Millisecond, 800 * time.Millisecond},
	{1500 * time.Millisecond, 2500 * time.Millisecond},
}

// persist asks until there is a token or no reason to continue: at most four times,
// each wait within the deadline (A11). An attempt is never cut short to leave time for
// another: a slow server would receive two requests and answer neither.
func (c *Client) persist(ctx context.Context) (*Token, *Error) {
	start := c.now()
	ctx, cancel := context.WithTimeout(ctx, or(c.Timeout, allTimeout))
	defer cancel()
	for n := 1; ; n++ {
		began := c.now()
		token, failure := c.try(ctx)
		c.report("token", failure, c.now().Sub(began), n)
		if failure == nil {
			token.Tries = n
			return token, nil
		}
		failure.Tries = n
		if !failure.again || n > len(pauses) || ctx.Err() != nil {
			return nil, failure
		}
		wait := failure.RetryAfter
		if wait == 0 {
			p := pauses[n-1]
			wait = p.least + rand.N(p.most-p.least)
		}
		if wait >= c.left(ctx, start) {
			return nil, failure
		}
		if c.Trace != nil {
			c.Trace("wait", wait, n)
		}
		if c.sleep(ctx, wait) != nil {
			return nil, failure
		}
	}
}

// left returns the time until the deadline, by the given clock and the context's.
func (c *Client) left(ctx context.Context, start time.Time) time.Duration {
	left := or(c.Timeout, allTimeout) - c.now().Sub(start)
	if deadline, ok := ctx.Deadline(); ok {
		left = min(left, time.Until(deadline))
	}
	return left
}

// report tells of a try that brought what its step says, or failed.
func (c *Client) report(step string, failure *Error, took time.Duration, n int) {
	if c.Trace == nil {
		return
	}
	if failure != nil {
		step = failure.Kind.String()
	}
	c.Trace(step, took, n)
}

// later reports whether a status means "not now" (A9). Any other 4xx is a refusal, and
// any other 5xx would be repeated.
func later(status int) bool {
	switch status {
	case 408, 425, 429, 500, 502, 503, 504:
		return true
	}
	return false
}

// repeatable reports whether a request with this response may be sent again: after any
// "not now" if the request uses nothing up; else only after the three statuses which
// mean that nothing was done (A10).
func (x *exchange) repeatable(status int) bool {
	return later(status) && (x.mayAsk || status == 425 || status == 429 || status == 503)
}
