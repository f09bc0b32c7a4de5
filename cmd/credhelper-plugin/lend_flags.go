package main

import (
	"fmt"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/inner"
	"github.com/credhelper/credhelper/helper/guest"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// checkFlags fails if the flags do not say one thing to do, or one of them would do
// nothing there.
func checkFlags(c inner.LendCall) error {
	const lendHelp = "see credhelper lend --help"
	verb, chosen := "the list of guests", 0
	for _, v := range [...]struct{ flag, name string }{{"--to", c.To}, {"--rotate", c.Rotate}, {"--revoke", c.Revoke}, {"--accept", c.Accept}} {
		if v.name != "" {
			verb, chosen = v.flag, chosen+1
		}
	}
	if chosen > 1 || (c.Profile != "") != (c.To != "") {
		return &protocol.Error{Kind: protocol.ErrMalformed, Text: "usage: credhelper lend NAME --to GUEST, or one of --rotate, --revoke, --accept", Hint: lendHelp}
	}
	making, rotating := c.To != "", c.Rotate != ""
	for _, f := range [...]struct {
		name       string
		given, has bool
	}{
		{"--expires", c.Expires != "", making || rotating},
		{"--secret-file", c.SecretFile != "", making || rotating},
		{"--overlap", c.Overlap != "", rotating},
		{"--token", c.Token != "", making},
		{"--method", len(c.Methods) > 0, making},
		{"--path", len(c.Paths) > 0, making},
		{"--from", len(c.From) > 0, making},
		{"--user", len(c.Users) > 0, making},
		{"--azure", len(c.Azure) > 0, making},
		{"--cookies", c.Cookies, making},
		{"--in-path", c.InPath, making},
	} {
		if f.given && !f.has {
			return &protocol.Error{Kind: protocol.ErrMalformed, Text: f.name + " does not go with " + verb, Hint: lendHelp}
		}
	}
	return nil
}

// flagOf has the flags whose names differ from those of the members that they set.
var flagOf = map[string]string{"methods": "method", "paths": "path", "users": "user"}

// wrongFlag is the error for a member that a flag has set.
func wrongFlag(key, format string, args ...any) error {
	if flag := flagOf[key]; flag != "" {
		key = flag
	}
	return malformed("--" + key + ": " + fmt.Sprintf(format, args...))
}

// file returns what the flags say of a new guest.
func (l *lendRun) file() (f guest.File, err error) {
	c := l.call
	f = guest.File{Profile: c.Profile, ID: "lend-" + c.To, Token: c.Token, Methods: c.Methods, Paths: c.Paths, From: c.From, Azure: c.Azure, Cookies: c.Cookies, InPath: c.InPath}
	if f.Expires, err = l.expires(); err != nil {
		return f, err
	}
	for _, m := range c.Methods {
		if err := guest.CheckMethod(m); err != nil {
			return f, protocol.About("--method", err, "")
		}
	}
	for _, name := range c.Users {
		uid, err := userID(name)
		if err != nil {
			return f, err
		}
		f.Users = append(f.Users, uid)
	}
	if err := f.Check(wrongFlag); err != nil {
		return f, err
	}
	return f, l.checkPaths()
}

// userID returns the number of a user of this machine, who is given by name or number.
func userID(name string) (int, error) {
	if uid, err := strconv.Atoi(name); err == nil {
		return uid, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return 0, malformed("--user: no user " + printable.Value(name))
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil { // a SID of Windows
		return 0, malformed("--user: the users of this system have no numbers")
	}
	return uid, nil
}

// checkPaths fails if a path is one to which the profile sends no token, so that the guest
// could do nothing there.
func (l *lendRun) checkPaths() error {
	if len(l.call.Paths) == 0 {
		return nil
	}
	p, err := l.helper.Profile(l.call.Profile)
	if err != nil {
		return err
	}
	for _, path := range l.call.Paths {
		if !(&guest.Row{Of: p}).Reaches(path) {
			return malformed("--path: profile " + p.Name + " sends no token to " + printable.Value(path))
		}
	}
	return nil
}

// expires returns what --expires says, as in a guest's file; "" if it says nothing.
func (l *lendRun) expires() (string, error) {
	if l.call.Expires == "" {
		return "", nil
	}
	now := time.Now()
	ends, err := end(l.call.Expires, now)
	if err != nil {
		return "", malformed("--expires wants a time such as 90d or 12h, or a date, YYYY-MM-DD")
	}
	if ends = ends.UTC().Truncate(time.Second); !ends.After(now) {
		return "", malformed("--expires " + printable.Value(l.call.Expires) + " is past")
	}
	return ends.Format(time.RFC3339), nil
}

// span parses a time span such as 90d, 12h or 30m.
func span(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 14)
		return time.Duration(n) * 24 * time.Hour, err
	}
	d, err := time.ParseDuration(text)
	if err == nil && d < 0 {
		err = strconv.ErrRange
	}
	return d, err
}

// end parses when something ends: after a time span, or on a date.
func end(text string, now time.Time) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day, nil
	}
	d, err := span(text)
	return now.Add(d), err
}
