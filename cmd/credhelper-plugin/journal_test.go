package main

import (
	"errors"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/guest"
	"github.com/credhelper/credhelper/protocol/door"
)

// TestStranger: the log says why somebody is not admitted, and who asks is told the same
// of every reason.
func TestStranger(t *testing.T) {
	now := time.Now()
	for want, why := range map[string]*guest.Unknown{
		"guest jci: ended on 2026-01-01": {Guest: "jci", Profile: "jama", Reason: "ended on 2026-01-01"},
		"nobody's guest: no guest has the client id that was sent, but one has lend-jci": {Reason: "no guest has the client id that was sent, but one has lend-jci"},
	} {
		err := stranger{why}
		if !errors.Is(err, door.ErrClaim) || err.Error() != door.ErrClaim.Error() {
			t.Errorf("the answer is %v", err)
		}
		if got := (&journal{}).line(door.Event{Guest: why.Guest, Err: err}, now); got != want {
			t.Errorf("%s", got)
		}
	}
	if got := (&journal{}).line(door.Event{Err: door.ErrClaim}, now); got != "nobody's guest: no secret was sent" {
		t.Errorf("%s", got)
	}
}

// TestNote: a note is about a request that was not refused, so there is no error.
func TestNote(t *testing.T) {
	e := door.Event{Guest: "jci", Profile: "jama", Note: "POST was not sent again after 401"}
	if got := (&journal{}).line(e, time.Now()); got != "guest jci: POST was not sent again after 401" {
		t.Errorf("%s", got)
	}
}
