package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/guest"
	"github.com/credhelper/credhelper/protocol/printable"
)

// guestRow is a guest in the list.
type guestRow struct {
	Guest   string   `json:"guest"`
	Profile string   `json:"profile"`
	ID      string   `json:"client_id"`
	Token   string   `json:"token"`
	Methods []string `json:"methods,omitempty"`
	Paths   []string `json:"paths,omitempty"`
	Expires string   `json:"expires,omitempty"`
	Used    string   `json:"last_used,omitempty"` // RFC 3339; "" if that is not known
	State   string   `json:"state"`               // "ok", "ended", or why it is refused
}

// list prints the guests.
func (l *lendRun) list(ctx context.Context) error {
	rows, problems := (&guest.Book{Helper: l.helper, Now: time.Now}).Rows(ctx)
	all := []guestRow{}
	for _, r := range rows {
		one := guestRow{r.Name, r.Profile, r.ID, cmp.Or(r.Token, "local"), r.Methods, r.Paths, r.Expires, "", "ok"}
		if !r.Used.IsZero() {
			one.Used = r.Used.UTC().Format(time.RFC3339)
		}
		switch {
		case r.Refused != nil:
			one.State = printable.Line(r.Refused.Error())
		case r.Ended(time.Now()):
			one.State = "ended"
		}
		all = append(all, one)
	}
	if l.call.JSON {
		for _, err := range problems {
			bad := guest.Invalid{}
			_ = errors.As(err, &bad) // else it is the directory that cannot be read
			all = append(all, guestRow{Guest: bad.Name, State: printable.Line(err.Error())})
		}
		b, err := json.Marshal(all)
		if err != nil {
			return err
		}
		return l.print(string(b) + "\n")
	}
	if len(all)+len(problems) == 0 {
		return l.print("No guests yet. Lend a profile to one: credhelper lend NAME --to GUEST\n")
	}
	var b strings.Builder
	const form = "%-16s %-16s %-6s %-21s %-21s %s\n"
	fmt.Fprintf(&b, form, "GUEST", "PROFILE", "TOKEN", "LAST USED", "EXPIRES", "STATE")
	for _, g := range all {
		fmt.Fprintf(&b, form, g.Guest, g.Profile, g.Token, cmp.Or(g.Used, "-"), cmp.Or(g.Expires, "never"), g.State)
	}
	for _, err := range problems {
		fmt.Fprintf(&b, "%s\n", printable.Line(err.Error()))
	}
	return l.print(b.String())
}
