package inner

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/credhelper/credhelper/helper"
)

const (
	// hostPoll is how often the parent is looked at; a host that was killed must not
	// leave us behind for more than 2 s (T20).
	hostPoll = 500 * time.Millisecond
	// EndTime is what calls that still run have to come to an end.
	EndTime = 1200 * time.Millisecond
)

// Settle lets what is fetched behind the last answers come to an end.
func Settle(h *helper.Helper) {
	settled := make(chan struct{})
	go func() { h.Wait(); close(settled) }()
	select {
	case <-settled:
	case <-time.After(EndTime):
	}
}

// WatchHost calls end once the host is gone, which another parent shows, or a
// signal says so. Linux's PR_SET_PDEATHSIG will not do: it fires when the thread
// ends that started us, which in a Go or Java host is no end at all. A host that
// died before we looked at our parent for the first time shows otherwise: see
// connector.ServeConfig. SIGINT is not for us: a terminal sends it to the whole
// job, and the host ends us when it is done.
func WatchHost(parent int, end func()) {
	came := make(chan os.Signal, 1)
	signal.Notify(came, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(came, syscall.SIGHUP)
	}
	go func() {
		defer end()
		tick := time.NewTicker(hostPoll)
		defer tick.Stop()
		for os.Getppid() == parent {
			select {
			case <-came:
				return
			case <-tick.C:
			}
		}
	}()
}
