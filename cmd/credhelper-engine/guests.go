package main

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/inner"
	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/guest"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// guestTrouble is a guest of the door that gets nothing.
type guestTrouble struct{ text, mend string }

// guestTroubles lists them, and returns the number of all guests.
func (s *session) guestTroubles(ctx context.Context, h *helper.Helper) (list []guestTrouble, all int) {
	rows, problems := (&guest.Book{Helper: h, Now: s.now}).Rows(ctx)
	for _, r := range rows {
		switch {
		case r.Refused != nil:
			problems = append(problems, r.Refused)
		case r.Ended(s.now()):
			list = append(list, guestTrouble{"guest " + r.Name + " ended on " + r.Ends.Format(time.DateOnly), "take it back: credhelper lend --revoke " + r.Name})
		}
	}
	for _, err := range problems {
		t := guestTrouble{text: err.Error()}
		if known := new(protocol.Error); errors.As(err, &known) {
			t.mend = known.Hint
		}
		list = append(list, t)
	}
	return list, len(rows) + len(problems)
}

// sayGuests warns of guests of the door that get nothing.
func (s *session) sayGuests(ctx context.Context, h *helper.Helper) {
	list, _ := s.guestTroubles(ctx, h)
	for _, t := range list {
		s.say("Note: " + printable.Line(t.text+"; "+t.mend))
	}
}

// guests checks the guests of the door, and the port at which they look for it.
func (x *examination) guests() {
	list, all := x.guestTroubles(x.ctx, x.helper)
	for _, t := range list {
		x.add("guest", warn, t.text, t.mend)
	}
	if all == 0 {
		return
	}
	switch at := inner.DefaultListen; answers(at) {
	case nobodyAnswers:
		x.add("door", note, "nobody listens at "+at, "if guests use it: credhelper proxy")
	case otherAnswers:
		x.add("door", warn, "another program listens at "+at, "end it, or open the door elsewhere: credhelper proxy --listen 127.0.0.1:PORT")
	default:
		x.add("door", good, "it is at "+at, "")
	}
}

// Who answers at the door's address.
const (
	nobodyAnswers = iota
	otherAnswers
	doorAnswers
)

// answers asks without credentials who listens at an address: a door asks for some.
func answers(address string) int {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return nobodyAnswers
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: "+address+"\r\nConnection: close\r\n\r\n")
	answer, _ := io.ReadAll(io.LimitReader(c, 4096))
	if strings.Contains(string(answer), `realm="credhelper"`) {
		return doorAnswers
	}
	return otherAnswers
}
