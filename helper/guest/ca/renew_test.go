package ca

import (
	"errors"
	"sync"
	"testing"
	"time"
)

// TestRenewer: half of a certificate's time is over before another one is made, while the
// old one is still shown; where that fails it stays until its end, and the keyring is not
// asked by each handshake.
func TestRenewer(t *testing.T) {
	a := newAuthority(t)
	locked := errors.New("locked")
	var mu sync.Mutex
	var fault error
	asked, now := 0, made
	r := &Renewer{Now: func() time.Time { return now }, Authority: func() (*Authority, error) {
		mu.Lock()
		defer mu.Unlock()
		asked++
		return a, fault
	}}
	// at moves the clock, and waits for what a handshake may have begun.
	at := func(after time.Duration, broken error) (ends time.Duration, err error) {
		t.Helper()
		now = made.Add(after)
		mu.Lock()
		fault = broken
		mu.Unlock()
		c, err := r.Certificate()
		for busy := true; busy; {
			time.Sleep(time.Millisecond)
			r.mu.Lock()
			busy = r.busy
			r.mu.Unlock()
		}
		if err != nil {
			return 0, err
		}
		return c.Leaf.NotAfter.Sub(made), nil
	}
	const day = 24 * time.Hour
	for _, step := range []struct {
		after time.Duration
		fault error
		ends  time.Duration // of the certificate that is shown; 0: none is
		asked int
	}{
		{0, locked, 0, 1},
		{time.Second / 2, locked, 0, 1}, // within a second
		{time.Second, nil, 7*day + time.Second, 2},
		{3 * day, nil, 7*day + time.Second, 2},
		{4 * day, locked, 7*day + time.Second, 3},
		{4*day + time.Second, locked, 7*day + time.Second, 3}, // within a minute
		{5 * day, nil, 7*day + time.Second, 4},                // in the background
		{5*day + time.Minute, nil, 12 * day, 4},
		{12 * day, locked, 0, 5},
		{13 * day, nil, 20 * day, 6},
		{-2 * time.Hour, nil, 7*day - 2*time.Hour, 7}, // the clock was set back
		{730 * day, nil, 0, 8},
	} {
		if ends, err := at(step.after, step.fault); ends != step.ends || (err != nil) != (step.ends == 0) || asked != step.asked {
			t.Errorf("after %v: ends after %v, %v, asked %d times; want %v, %d", step.after, ends, err, asked, step.ends, step.asked)
		}
	}
}
