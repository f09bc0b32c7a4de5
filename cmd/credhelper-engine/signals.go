package main

import (
	"os"
	"os/signal"
)

// heldSignals are caught while the user's own command runs: they are meant for the
// command, and credhelper must live on to remove its token file.
type heldSignals struct {
	came chan os.Signal
	done chan struct{}
}

func holdSignals() *heldSignals {
	h := &heldSignals{make(chan os.Signal, 16), make(chan struct{})}
	signal.Notify(h.came, passedSignals[:]...)
	return h
}

// passTo passes pending and future signals on to the command, except those that the
// terminal sends to it directly.
func (h *heldSignals) passTo(command *os.Process) {
	go func() {
		for {
			select {
			case got := <-h.came:
				if !reachedByTerminal(got) {
					_ = command.Signal(got)
				}
			case <-h.done:
				return
			}
		}
	}()
}

func (h *heldSignals) stop() {
	signal.Stop(h.came)
	close(h.done)
}
