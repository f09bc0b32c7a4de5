package main

import (
	"os"
	"os/signal"
)

// heldSignals are signals that would have ended us while the user's own command
// runs: they are for the command, and what is to be removed afterwards is removed.
type heldSignals struct {
	came chan os.Signal
	done chan struct{}
}

func holdSignals() *heldSignals {
	h := &heldSignals{make(chan os.Signal, 16), make(chan struct{})}
	signal.Notify(h.came, passedSignals[:]...)
	return h
}

// passTo passes what came and what comes on to the command, except what the
// terminal sends it itself.
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
