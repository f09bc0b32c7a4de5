package tokenfile

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/inner"
	"github.com/credhelper/credhelper/protocol"
)

// A Renewal keeps the token in a file current while exec's command or sink runs. While
// the server issues no new token, the file keeps the old one. Each change of state is
// reported in one line; repeated attempts are not.
type Renewal struct {
	File    string // how messages name it
	Request protocol.Request
	Now     func() time.Time
	Get     func(context.Context, protocol.Request) (c protocol.Credential, warning string, err error)
	Put     func(protocol.Credential) error // writes a token into the file
	Drop    func() error                    // removes a file whose token has expired; nil keeps it
	Say     func(string)
	Beat    func()        // called at least once every Tick; may be nil
	Tick    time.Duration // the longest sleep

	content  protocol.Credential // the content of the file; Expires is 0 before the first
	since    time.Time           // when that was written, or when the last attempt failed
	wait     time.Duration       // from since to the next attempt
	got      time.Time           // when held was fetched
	life     time.Duration       // the remaining lifetime of held at that time
	failures int                 // consecutive ones
	trouble  int                 // exit code of the failure that was reported
	dropped  bool                // the file was removed until there is a new token
}

// Tick is the usual value of Renewal.Tick. A timer notices neither that the machine was
// suspended nor that the clock was set, so the time is checked this often.
const Tick = 20 * time.Second

// Hold starts with a token that is already in the file.
func (r *Renewal) Hold(c protocol.Credential) {
	r.content, r.got, r.since = c, r.Now(), r.Now()
	r.life = time.Unix(c.Expires, 0).Sub(r.Now())
	r.wait = sooner(renewalWait(r.life, time.Duration(r.Request.MinTTL)*time.Second))
	r.failures, r.trouble, r.dropped = 0, 0, false
}

// Run renews the token until the context is done, and at once whenever ask receives. It
// returns an error only if there is no first token and retrying is pointless.
func (r *Renewal) Run(ctx context.Context, ask <-chan struct{}) error {
	for {
		asked := r.sleep(ctx, ask)
		if ctx.Err() != nil {
			return nil
		}
		r.dropEnded()
		if !asked && r.untilTry() > 0 {
			continue
		}
		err := r.renew(ctx, asked)
		if ctx.Err() != nil {
			return nil
		}
		if r.content.Expires == 0 && lasting(err) {
			return err
		}
	}
}

// sleep waits until a token is to be renewed or has expired, or until ask receives.
func (r *Renewal) sleep(ctx context.Context, ask <-chan struct{}) (asked bool) {
	for {
		if r.Beat != nil {
			r.Beat()
		}
		left := r.untilTry()
		if r.droppable() {
			left = min(left, r.untilEnd())
		}
		if left <= 0 {
			return false
		}
		timer := time.NewTimer(min(left, r.Tick))
		select {
		case <-timer.C:
		case <-ask:
			timer.Stop()
			return true
		case <-ctx.Done():
			timer.Stop()
			return false
		}
	}
}

func (r *Renewal) untilTry() time.Duration { return r.wait - passed(r.Now(), r.since) }
func (r *Renewal) untilEnd() time.Duration { return r.life - passed(r.Now(), r.got) }
func (r *Renewal) droppable() bool         { return r.Drop != nil && r.content.Expires != 0 && !r.dropped }

// passed returns the time since t: by the monotonic clock, which stops while the
// machine is suspended, or by the wall clock, which people set; whichever is longer.
func passed(now, t time.Time) time.Duration {
	return max(now.Sub(t), now.Round(0).Sub(t.Round(0)))
}

// dropEnded removes the file when its token has expired: readers then find no file
// instead of a token that the server refuses.
func (r *Renewal) dropEnded() {
	if !r.droppable() || r.untilEnd() > 0 {
		return
	}
	r.dropped = true
	if err := r.Drop(); err != nil {
		r.Say(r.File + ": the token has ended: " + err.Error())
		return
	}
	r.Say(r.File + " is removed: its token has ended")
}

// renew gets a token that expires later than the one in the file. If another process
// has fetched one, it comes from the cache. While the server asks us to wait, no
// request is sent.
func (r *Renewal) renew(ctx context.Context, fresh bool) error {
	q := r.Request
	if r.content.Expires != 0 {
		q.Refresh = fresh
		q.MinTTL = max(q.MinTTL, r.content.Expires-r.Now().Unix()+1, 1)
	}
	c, warning, err := r.Get(ctx, q)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	same := err == nil && c.Secret.Equal(r.content.Secret) && c.Expires <= r.content.Expires && !r.dropped
	if same && warning != "" { // still the old token, for a reason
		err = errors.New(warning)
	}
	if err == nil && !same {
		err = r.Put(c)
	}
	if err != nil {
		r.failed(err)
		return err
	}
	again := r.content.Expires != 0 && (r.failures > 0 || r.dropped)
	r.Hold(c)
	if again {
		r.Say(r.File + " is renewed again")
	}
	return nil
}

// failed reports a failure when it starts, and when its cause changes.
func (r *Renewal) failed(err error) {
	r.failures++
	r.since, r.wait = r.Now(), sooner(retryWait(r.failures))
	const unknown = 1 // a warning of the helper while the old token is valid
	code := inner.ExitCode(err)
	if r.content.Expires == 0 && lasting(err) {
		return // Run returns it
	}
	if r.failures > 1 && (code == r.trouble || code == unknown || r.trouble == unknown) {
		return
	}
	r.trouble = code
	what := " is not renewed, trying on: "
	if r.content.Expires == 0 {
		what = " is not written yet, trying on: "
	}
	r.Say(r.File + what + err.Error())
}

// lasting reports whether an error persists until a person acts.
func lasting(err error) bool {
	switch {
	case err == nil, errors.Is(err, protocol.ErrUnreachable), errors.Is(err, protocol.ErrBusy), errors.Is(err, protocol.ErrLocked):
		return false
	}
	return true
}

// renewalWait returns how long to keep a token with the given remaining lifetime. It is
// renewed in the last tenth of its lifetime, at most 5 minutes and for a short one at
// least a third of it, or earlier if readers want more.
func renewalWait(left, want time.Duration) time.Duration {
	margin := min(left/10, 5*time.Minute)
	if left < 5*time.Minute {
		margin = left / 3
	}
	margin = max(margin, min(want, left/2))
	return max(left-margin, 100*time.Millisecond)
}

// retryWait returns the wait after so many failures, which doubles up to a minute.
func retryWait(failures int) time.Duration {
	return min(time.Second<<min(failures-1, 6), time.Minute)
}

// sooner shortens a wait by up to a twentieth, so that many processes started together
// do not ask together.
func sooner(wait time.Duration) time.Duration {
	return wait - time.Duration(rand.Float64()*float64(wait)/20)
}
