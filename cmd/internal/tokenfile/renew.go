package tokenfile

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/inner"
	"github.com/credhelper/credhelper/protocol"
)

// A Renewal keeps the token in a file fresh while something else goes on: the
// command of exec, or sink's life. While the server gives no new token, the file
// keeps the old one. Each change of state is one line for people, each try is not.
type Renewal struct {
	File    string // what people call it
	Request protocol.Request
	Now     func() time.Time
	Get     func(context.Context, protocol.Request) (c protocol.Credential, warning string, err error)
	Put     func(protocol.Credential) error // into the file
	Drop    func() error                    // removes a file whose token has ended; nil leaves it
	Say     func(string)
	Beat    func()        // called every tick at least; nil for nobody listens
	Tick    time.Duration // the longest sleep

	held     protocol.Credential // what the file holds; Expires is 0 before the first
	since    time.Time           // when that, or the last failure, happened
	wait     time.Duration       // from then to the next try
	got      time.Time           // when held was got
	life     time.Duration       // that it had left then
	failures int                 // in a row
	trouble  int                 // exit code of the failure that was said
	dropped  bool                // the file is gone until the next token
}

// Tick is the usual longest sleep: a timer does not see the machine's sleep nor a clock
// that is set, so the time is looked at this often.
const Tick = 20 * time.Second

// Hold begins with a token that is in the file already.
func (r *Renewal) Hold(c protocol.Credential) {
	r.held, r.got, r.since = c, r.Now(), r.Now()
	r.life = time.Unix(c.Expires, 0).Sub(r.Now())
	r.wait = sooner(renewalWait(r.life, time.Duration(r.Request.MinTTL)*time.Second))
	r.failures, r.trouble, r.dropped = 0, 0, false
}

// Run renews until the context ends, and at once whenever it is asked to. It
// returns an error only if there is no first token and waiting for one is no use.
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
		if r.held.Expires == 0 && lasting(err) {
			return err
		}
	}
}

// sleep sleeps until a token is to be renewed, or has ended, or somebody asks.
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
func (r *Renewal) droppable() bool         { return r.Drop != nil && r.held.Expires != 0 && !r.dropped }

// passed is how long ago t was: by the clock that stands still while the machine
// sleeps, or by the wall's, which people set; whichever says longer.
func passed(now, t time.Time) time.Duration {
	return max(now.Sub(t), now.Round(0).Sub(t.Round(0)))
}

// dropEnded removes the file when its token has ended: readers get nothing rather
// than what the server refuses.
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

// renew gets a token that lives longer than the one in the file. If another
// process fetched it already, it comes from the cache; while a server wants us to
// wait, it is not asked.
func (r *Renewal) renew(ctx context.Context, fresh bool) error {
	q := r.Request
	if r.held.Expires != 0 {
		q.Refresh = fresh
		q.MinTTL = max(q.MinTTL, r.held.Expires-r.Now().Unix()+1, 1)
	}
	c, warning, err := r.Get(ctx, q)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	same := err == nil && c.Secret.Equal(r.held.Secret) && c.Expires <= r.held.Expires && !r.dropped
	if same && warning != "" { // the old one again, for a reason
		err = errors.New(warning)
	}
	if err == nil && !same {
		err = r.Put(c)
	}
	if err != nil {
		r.failed(err)
		return err
	}
	again := r.held.Expires != 0 && (r.failures > 0 || r.dropped)
	r.Hold(c)
	if again {
		r.Say(r.File + " is renewed again")
	}
	return nil
}

// failed says a failure when it begins and when it becomes another one.
func (r *Renewal) failed(err error) {
	r.failures++
	r.since, r.wait = r.Now(), sooner(retryWait(r.failures))
	const unknown = 1 // what the helper warned of while the old token is good
	code := inner.ExitCode(err)
	if r.held.Expires == 0 && lasting(err) {
		return // run ends with it
	}
	if r.failures > 1 && (code == r.trouble || code == unknown || r.trouble == unknown) {
		return
	}
	r.trouble = code
	what := " is not renewed, trying on: "
	if r.held.Expires == 0 {
		what = " is not written yet, trying on: "
	}
	r.Say(r.File + what + err.Error())
}

// lasting reports whether an error stays until a person does something about it.
func lasting(err error) bool {
	switch {
	case err == nil, errors.Is(err, protocol.ErrUnreachable), errors.Is(err, protocol.ErrBusy), errors.Is(err, protocol.ErrLocked):
		return false
	}
	return true
}

// renewalWait is how long to leave a token alone that has left to live: the last
// tenth of its life, at most 5 minutes and at least a third of a short life, is
// for renewing, or more where readers want more.
func renewalWait(left, want time.Duration) time.Duration {
	margin := min(left/10, 5*time.Minute)
	if left < 5*time.Minute {
		margin = left / 3
	}
	margin = max(margin, min(want, left/2))
	return max(left-margin, 100*time.Millisecond)
}

// retryWait doubles with each failure, up to a minute.
func retryWait(failures int) time.Duration {
	return min(time.Second<<min(failures-1, 6), time.Minute)
}

// sooner takes up to a twentieth off a wait: a fleet that started at once must not
// come back at once.
func sooner(wait time.Duration) time.Duration {
	return wait - time.Duration(rand.Float64()*float64(wait)/20)
}
