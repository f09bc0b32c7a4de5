package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/guest"
	"github.com/credhelper/credhelper/protocol/printable"
)

// listed is a guest in the list.
type listed struct {
	Guest   string   `json:"guest"`
	Profile string   `json:"profile"`
	ID      string   `json:"client_id"`
	Token   string   `json:"token"`
	Methods []string `json:"methods,omitempty"`
	Paths   []string `json:"paths,omitempty"`
	Expires string   `json:"expires,omitempty"`
	State   string   `json:"state"` // "ok", "ended", or why it is refused
}

// list prints the guests.
func (l *lending) list(ctx context.Context) error {
	rows, problems := (&guest.Book{Helper: l.helper, Now: time.Now}).Rows(ctx)
	all := []listed{}
	for _, r := range rows {
		one := listed{r.Name, r.Profile, r.ID, cmp.Or(r.Token, "local"), r.Methods, r.Paths, r.Expires, "ok"}
		switch {
		case r.Refused != nil:
			one.State = printable.Line(r.Refused.Error())
		case r.Ended(time.Now()):
			one.State = "ended"
		}
		all = append(all, one)
	}
	if l.call.JSON {
		b, err := json.Marshal(all)
		if err != nil {
			return err
		}
		return l.print(string(b) + "\n")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-16s %-16s %-6s %-21s %s\n", "GUEST", "PROFILE", "TOKEN", "EXPIRES", "STATE")
	for _, g := range all {
		fmt.Fprintf(&b, "%-16s %-16s %-6s %-21s %s\n", g.Guest, g.Profile, g.Token, cmp.Or(g.Expires, "never"), g.State)
	}
	for _, err := range problems {
		fmt.Fprintf(&b, "%s\n", printable.Line(err.Error()))
	}
	return l.print(b.String())
}
