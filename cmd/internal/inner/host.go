package inner

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/credhelper/credhelper/helper"
)

const (
	// hostPoll is the interval at which the parent is checked. We must not outlive a
	// killed host by more than 2 s (T20).
	hostPoll = 500 * time.Millisecond
	// EndTime is how long running calls may take to finish at the end.
	EndTime = 1200 * time.Millisecond
)

// Settle waits for fetches in the background to finish, for this long at most.
func Settle(h *helper.Helper, within time.Duration) {
	settled := make(chan struct{})
	go func() { h.Wait(); close(settled) }()
	select {
	case <-settled:
	case <-time.After(within):
	}
}

// WatchHost calls end when the host is gone, which shows in another parent, or when a
// signal arrives. Linux's PR_SET_PDEATHSIG cannot be used: it fires at the end of the
// thread that started us, and the threads of a Go or Java host end at any time. For a
// host that died before the parent was first read see connector.ServeConfig. SIGINT is
// ignored: a terminal sends it to the whole job, and the host ends us when it is done.
func WatchHost(parent int, end func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	lives := hostOf(parent)
	go func() {
		defer end()
		tick := time.NewTicker(hostPoll)
		defer tick.Stop()
		for lives() {
			select {
			case <-signals:
				return
			case <-tick.C:
			}
		}
	}()
}
