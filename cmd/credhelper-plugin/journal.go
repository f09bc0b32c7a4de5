package main

import (
	"errors"
	"maps"
	"strconv"
	"sync"
	"time"

	"github.com/credhelper/credhelper/helper/guest"
	"github.com/credhelper/credhelper/helper/logfile"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/door"
)

// journal decides which events of the door are worth a line of the log. A guest that
// keeps coming is logged once an hour, and a flood of refusals once a second.
type journal struct {
	mu      sync.Mutex
	visits  map[string]time.Time // by guest and user
	refusal time.Time            // when the last refusal was logged
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
	if e.Err == nil && e.Note == "" {
		key := e.Guest + " " + strconv.Itoa(e.Peer.UID)
		if last, known := j.visits[key]; known && now.Sub(last) < comingEvery {
			return ""
		}
		if j.visits == nil || len(j.visits) >= mostComing {
			j.visits = map[string]time.Time{}
		}
		maps.DeleteFunc(j.visits, func(_ string, last time.Time) bool { return now.Sub(last) >= comingEvery })
		j.visits[key] = now
		return "guest " + e.Guest + " came"
	}
	if now.Sub(j.refusal) < refusedEvery {
		j.more++
		return ""
	}
	text := "guest " + e.Guest + ": "
	if e.Guest == "" {
		text = "nobody's guest: "
	}
	if e.Err != nil {
		text += reason(e.Err)
	} else {
		text += e.Note
	}
	if j.more > 0 {
		text += " (and " + strconv.Itoa(j.more) + " more lines before it)"
	}
	j.refusal, j.more = now, 0
	return text
}

// stranger is a door.ErrClaim whose reason only the log says.
type stranger struct{ *guest.Unknown }

// Error implements error, without the reason.
func (stranger) Error() string { return door.ErrClaim.Error() }

// Unwrap is for errors.Is.
func (stranger) Unwrap() error { return door.ErrClaim }

// reason is what the log says of an error.
func reason(err error) string {
	switch s := (stranger{}); {
	case errors.As(err, &s):
		return s.Reason
	case errors.Is(err, door.ErrClaim):
		return "no secret was sent"
	}
	return err.Error()
}

// log writes an event of the door to the log, with the program at the other end.
func (s *service) log(e door.Event) {
	if who := (stranger{}); errors.As(e.Err, &who) {
		e.Guest, e.Profile = who.Guest, who.Profile
	}
	text := s.journal.line(e, s.book.Now())
	if text == "" {
		return
	}
	by := logfile.Caller{Dialect: s.verb}
	switch {
	case e.Peer.PID != 0:
		by.PID, by.Executable = e.Peer.PID, executableOf(e.Peer.PID)
	case e.Peer.Inode != 0:
		by.PID, by.Executable = programWith(e.Peer.Inode)
	}
	exit := protocol.ExitCode(e.Err)
	switch {
	case errors.Is(e.Err, door.ErrClaim):
		exit = protocol.ExitCode(protocol.ErrRefused)
	case errors.Is(e.Err, door.ErrScope):
		exit = protocol.ExitCode(protocol.ErrPolicy)
	}
	s.helper.LogGuest(by, e.Guest, e.Profile, text, exit)
}
