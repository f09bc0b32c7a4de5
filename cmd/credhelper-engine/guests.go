package main

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/inner"
	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/guest"
	"github.com/credhelper/credhelper/helper/guest/ca"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// guestList is what is lent to guests of the door.
type guestList struct {
	rows     []*guest.Row
	problems []error // files that are no valid guests
}

func (s *session) lent(ctx context.Context, h *helper.Helper) (l guestList) {
	l.rows, l.problems = (&guest.Book{Helper: h, Now: s.now}).Rows(ctx)
	return l
}

// of returns the names of the guests that use a profile.
func (l guestList) of(profile string) (names []string) {
	for _, r := range l.rows {
		if r.Profile == profile || slices.Contains(r.Guest.Azure, profile) {
			names = append(names, r.Name)
		}
	}
	return names
}

// guestTrouble is a guest of the door that gets nothing.
type guestTrouble struct{ text, mend string }

func (l guestList) troubles(now time.Time) (list []guestTrouble) {
	problems := slices.Clone(l.problems)
	for _, r := range l.rows {
		switch {
		case r.Of == nil && !errors.Is(r.Refused, protocol.ErrUnknown):
			// its profile is there and cannot be used, which is said of the profile
		case r.Refused != nil:
			problems = append(problems, r.Refused)
		case r.Ended(now):
			list = append(list, guestTrouble{r.Over().Text, r.Over().Hint})
		}
	}
	for _, err := range problems {
		t := guestTrouble{text: err.Error()}
		if e := new(protocol.Error); errors.As(err, &e) {
			t.mend = e.Hint
		}
		if !slices.Contains(list, t) { // guests of one profile, or of a locked keyring, share their trouble
			list = append(list, t)
		}
	}
	return list
}

// sayGuests warns of guests of the door that get nothing, and of the end of its CA.
func (s *session) sayGuests(ctx context.Context, h *helper.Helper, l guestList) {
	for _, t := range l.troubles(s.now()) {
		text := t.text
		if t.mend != "" {
			text += "; " + t.mend
		}
		s.say("Note: " + printable.Line(text))
	}
	if len(l.rows) > 0 {
		s.sayDoorCA(ctx, h)
	}
}

// statusGuest is a guest of a profile in status --json.
type statusGuest struct {
	Guest    string `json:"guest"`
	LastUsed string `json:"last_used,omitempty"`
	Expires  string `json:"expires,omitempty"`
	Refused  string `json:"refused,omitempty"`
}

// guestsOf returns the guests of a profile, for people in one line, "" if there are none.
func (s *session) guestsOf(l guestList, profile string) (line string, records []statusGuest) {
	var words []string
	for _, r := range l.rows {
		if r.Profile != profile && !slices.Contains(r.Guest.Azure, profile) {
			continue
		}
		g := statusGuest{Guest: r.Name, LastUsed: stamp(r.Used), Expires: stamp(r.Ends)}
		if r.Refused != nil {
			g.Refused = printable.Line(r.Refused.Error())
		}
		word := r.Name + " (not used yet)"
		if !r.Used.IsZero() {
			word = r.Name + " (used " + s.ago(r.Used, s.now()) + ")"
		}
		words, records = append(words, word), append(records, g)
	}
	if words == nil {
		return "", nil
	}
	return "lent to " + strings.Join(words, ", "), records
}

// guests checks the guests of the door, and the port at which they look for it.
func (x *examination) guests() {
	l := x.lent(x.ctx, x.helper)
	for _, t := range l.troubles(x.now()) {
		x.add("guest", warn, t.text, t.mend)
	}
	if len(l.rows)+len(l.problems) == 0 {
		return
	}
	authority, _ := guest.Authority(x.ctx, x.helper)
	if authority != nil {
		x.doorCA(authority)
	}
	switch at := inner.DefaultListen; answers(at, authority) {
	case nobodyAnswers:
		x.add("door", note, "nobody listens at "+at, "if guests use it: credhelper proxy")
	case formerAnswers:
		x.add("door", warn, "the door at "+at+" has a certificate of a former CA", "end it and start it again: credhelper proxy --tls")
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
	formerAnswers // the door, with a former CA
	doorAnswers
)

// answers asks without credentials who listens at an address: a door asks for some, or says
// that it speaks TLS, or has a certificate of its CA, which may be nil.
func answers(address string, a *ca.Authority) int {
	if a != nil {
		if by := answersTLS(address, a); by != otherAnswers {
			return by
		}
	}
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return nobodyAnswers
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: "+address+"\r\nConnection: close\r\n\r\n")
	answer, _ := io.ReadAll(io.LimitReader(c, 4096))
	if strings.Contains(string(answer), `realm="credhelper"`) || strings.Contains(string(answer), "\r\nServer: credhelper\r\n") {
		return doorAnswers
	}
	return otherAnswers
}
