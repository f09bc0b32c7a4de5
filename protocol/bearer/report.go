package bearer

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// reportTime is how long a token is not reported again. The answerer gives a token that
// it has just fetched once more, because an API that refuses it would refuse another
// one too. If the token is reported again, all callers for that API get an error
// instead of a token.
const reportTime = time.Minute

// reports holds what a transport has reported to its answerer: each refused token once,
// for all requests that saw it.
type reports struct {
	mu sync.Mutex
	by map[string]*report // by profile: the report about the last refused token
}

// report is about one token.
type report struct {
	token  secret.Text
	status int // a 404 may be a real one; a 401 for the same token is new
	until  time.Time

	done chan struct{} // closed when the answerer has received it
	vain bool          // the answerer had no other token; valid after done
}

// begin returns the report of a token that was refused with a status. If first is true
// the caller has to report it, and then call end.
func (rs *reports) begin(profile string, token secret.Text, status int, now time.Time) (r *report, first bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if r = rs.by[profile]; r != nil && r.status == status && r.token.Equal(token) && now.Before(r.until) {
		return r, false
	}
	if rs.by == nil {
		rs.by = map[string]*report{}
	}
	r = &report{token: token, status: status, until: now.Add(reportTime), done: make(chan struct{})}
	rs.by[profile] = r
	return r, true
}

// end lets the others continue. A failed report is repeated.
func (rs *reports) end(profile string, r *report, err error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if err != nil && rs.by[profile] == r {
		delete(rs.by, profile)
	}
	close(r.done)
}

// inVain records, without reporting it, that a token was refused which the answerer had
// given for a refused one.
func (rs *reports) inVain(profile string, token secret.Text, status int, now time.Time) {
	if r, first := rs.begin(profile, token, status, now); first {
		r.vain = true
		rs.end(profile, r, nil)
	}
}

// inVainBefore reports whether a refusal of this token with this status was already reported
// in vain.
func (rs *reports) inVainBefore(profile string, token secret.Text, status int, now time.Time) bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r := rs.by[profile]
	if r == nil || r.status != status || !r.token.Equal(token) || !now.Before(r.until) {
		return false
	}
	select {
	case <-r.done:
		return r.vain
	default:
		return false
	}
}

// wait waits until another request has made the report.
func (r *report) wait(ctx context.Context) error {
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return &protocol.Error{Kind: protocol.ErrUnreachable, Text: "waiting for another token: " + ctx.Err().Error()}
	}
}

// renew requests another token than the refused one. The first request that saw the
// refusal reports it; the others get the token that is current after that.
func (x *trip) renew(r protocol.Request) (c protocol.Credential, err error) {
	ctx, profile := x.req.Context(), x.credential.Profile
	report, first := x.reports.begin(profile, x.refused, x.status, x.now())
	if !first {
		if err = report.wait(ctx); err == nil {
			c, _, err = get(ctx, x.Answerer, r, x.now)
		}
		return c, err
	}
	err = errors.New("the answerer did not return")
	defer func() { x.reports.end(profile, report, err) }() // even after a panic: no one must wait forever
	r.Refused.Token = x.refused
	c, _, err = get(ctx, x.Answerer, r, x.now)
	report.vain = err == nil && c.Secret.Equal(x.refused)
	return c, err
}

// tell reports the refused token of a request that cannot be repeated, for the benefit
// of the next one. An error will show then.
func (x *trip) tell() {
	profile := x.credential.Profile
	if report, first := x.reports.begin(profile, x.refused, x.status, x.now()); first {
		err := x.Answerer.Forget(x.req.Context(), protocol.Request{
			Verb: protocol.Forget, URL: x.url, Profile: x.profile, Refused: protocol.Refusal{Token: x.refused},
		})
		x.reports.end(profile, report, err)
	}
}
