package main

import (
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/credhelper/credhelper/helper/logfile"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/door"
)

// journal decides which events of the door are worth a line of the log. A guest that
// keeps coming is logged once an hour, and a flood of refusals once a second.
type journal struct {
	mu      sync.Mutex
	came    map[string]time.Time // by guest and user
	refused time.Time            // when the last refusal was logged
	more    int                  // refusals since then
}

const (
	comingEvery  = time.Hour
	refusedEvery = time.Second
	mostComing   = 1024
)

// line returns the text for an event; "" for none.
func (j *journal) line(e door.Event, now time.Time) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	if e.Err == nil {
		key := e.Guest + " " + strconv.Itoa(e.Peer.UID)
		if last, known := j.came[key]; known && now.Sub(last) < comingEvery {
			return ""
		}
		if j.came == nil || len(j.came) >= mostComing {
			j.came = map[string]time.Time{}
		}
		j.came[key] = now
		return "guest " + e.Guest + " came"
	}
	if now.Sub(j.refused) < refusedEvery {
		j.more++
		return ""
	}
	text := "guest " + e.Guest + ": "
	if e.Guest == "" {
		text = "nobody's guest: "
	}
	text += e.Err.Error()
	if j.more > 0 {
		text += " (and " + strconv.Itoa(j.more) + " refusals before it)"
	}
	j.refused, j.more = now, 0
	return text
}

// log writes an event of the door to the log, with the program at the other end.
func (s *service) log(e door.Event) {
	text := s.journal.line(e, time.Now())
	if text == "" {
		return
	}
	by := logfile.Caller{Dialect: "proxy"}
	if e.Peer.Inode != 0 {
		by.PID, by.Executable = programWith(e.Peer.Inode)
	}
	exit := protocol.ExitCode(e.Err)
	if errors.Is(e.Err, door.ErrClaim) {
		exit = protocol.ExitCode(protocol.ErrRefused)
	}
	s.helper.LogGuest(by, e.Profile, text, exit)
}
