package main

import (
	"cmp"
	"context"
	"encoding/json"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/inner"
	"github.com/credhelper/credhelper/cmd/internal/process"
	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/guest"
	"github.com/credhelper/credhelper/helper/private"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// lendTime is the time limit of a call.
const lendTime = 8 * time.Second

// lend makes, changes, removes or lists guests.
func (p *plugin) lend(argument string) error {
	var call inner.LendCall
	if err := inner.ReadArgument(argument, &call); err != nil {
		return err
	}
	h, err := p.open("lend")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), lendTime)
	defer cancel()
	l := lending{p, call, h, &guest.Lender{Helper: h, Now: time.Now}}
	chosen := 0
	for _, word := range [...]string{call.To, call.Rotate, call.Revoke, call.Accept} {
		if word != "" {
			chosen++
		}
	}
	switch {
	case chosen > 1, (call.Profile != "") != (call.To != ""), call.Overlap != "" && call.Rotate == "":
		return &protocol.Error{Kind: protocol.ErrMalformed, Text: "usage: credhelper lend NAME --to GUEST, or one of --rotate, --revoke, --accept", Hint: "see credhelper lend --help"}
	case call.To != "":
		return l.make(ctx)
	case call.Rotate != "":
		return l.rotate(ctx)
	case call.Revoke != "":
		if err := l.lender.Revoke(ctx, call.Revoke); err != nil {
			return err
		}
		inner.Say(p.stderr, "Guest "+call.Revoke+" gets nothing any more.")
		return nil
	case call.Accept != "":
		return l.accept(ctx)
	}
	return l.list(ctx)
}

// lending is one call of lend.
type lending struct {
	*plugin
	call   inner.LendCall
	helper *helper.Helper
	lender *guest.Lender
}

// mayShow fails if the secret would have nowhere to go: it is printed to a terminal, or
// where a flag says that a machine reads it.
func (l *lending) mayShow() error {
	if l.call.Terminal || l.call.JSON || l.call.SecretFile != "" {
		return nil
	}
	return &protocol.Error{Kind: protocol.ErrPolicy, Text: "stdout is no terminal, and may be kept: the secret is not printed there",
		Hint: "for a program: --json; into a private file: --secret-file FILE"}
}

func (l *lending) make(ctx context.Context) error {
	if err := l.mayShow(); err != nil {
		return err
	}
	f, err := l.file()
	if err != nil {
		return err
	}
	text, err := l.lender.Lend(ctx, l.call.To, f)
	if err != nil {
		return err
	}
	return l.show(ctx, l.call.To, text)
}

func (l *lending) rotate(ctx context.Context) error {
	if err := l.mayShow(); err != nil {
		return err
	}
	overlap, err := span(cmp.Or(l.call.Overlap, "0s"))
	if err != nil {
		return malformed("--overlap wants a time such as 1h")
	}
	_, text, err := l.lender.Rotate(ctx, l.call.Rotate, overlap)
	if err != nil {
		return err
	}
	return l.show(ctx, l.call.Rotate, text)
}

// accept shows a guest's file and seals it.
func (l *lending) accept(ctx context.Context) error {
	g, err := l.helper.Guest(l.call.Accept)
	if err != nil {
		return err
	}
	text, err := g.Encode()
	if err != nil {
		return err
	}
	if err := l.lender.Accept(ctx, g.Name); err != nil {
		return err
	}
	return l.print(string(text) + "Guest " + g.Name + " is accepted.\n")
}

// file returns what the flags say of a new guest.
func (l *lending) file() (f config.GuestFile, err error) {
	c := l.call
	f = config.GuestFile{Profile: c.Profile, ID: "lend-" + c.To, Token: c.Token, Methods: c.Methods, Paths: c.Paths, From: c.From, Azure: c.Azure, Cookies: c.Cookies}
	if c.Expires != "" {
		ends, err := end(c.Expires, time.Now())
		if err != nil {
			return f, malformed("--expires wants a time such as 90d or 12h, or a date, YYYY-MM-DD")
		}
		f.Expires = ends.UTC().Format(time.RFC3339)
	}
	for _, name := range c.Users {
		uid, err := strconv.Atoi(name)
		if err != nil {
			known, unknown := user.Lookup(name)
			if unknown != nil {
				return f, malformed("--user: no user " + printable.Value(name))
			}
			uid, _ = strconv.Atoi(known.Uid)
		}
		f.Users = append(f.Users, uid)
	}
	return f, nil
}

// shown is what a guest is told of, once.
type shown struct {
	Guest    string `json:"guest"`
	Profile  string `json:"profile"`
	ID       string `json:"client_id"`
	Secret   string `json:"client_secret,omitempty"`
	URL      string `json:"url,omitempty"`
	TokenURL string `json:"token_url"`
	Expires  string `json:"expires,omitempty"`
}

// show tells a new secret.
func (l *lending) show(ctx context.Context, name string, text secret.Text) error {
	rows, _ := (&guest.Book{Helper: l.helper, Now: time.Now}).Rows(ctx)
	var s shown
	for _, r := range rows {
		if r.Name == name && r.Of != nil {
			s = shown{Guest: name, Profile: r.Profile, ID: r.ID, Expires: r.Expires, TokenURL: "http://" + inner.DefaultListen + r.TokenPath()}
			if r.Base() != "" {
				s.URL = "http://" + inner.DefaultListen + r.Path()
			}
		}
	}
	note := "(shown now only; credhelper lend --revoke " + name + " takes it back)"
	if l.call.SecretFile != "" {
		if err := l.writeSecret(text); err != nil {
			return err
		}
		note = "(in " + printable.Value(l.call.SecretFile) + ")"
	} else {
		s.Secret = text.Reveal()
	}
	if l.call.JSON {
		b, err := json.Marshal(s)
		if err != nil {
			return err
		}
		return l.print(string(b) + "\n")
	}
	out := "Client id      " + s.ID + "\nClient secret  " + strings.TrimSpace(s.Secret+"  "+note) + "\n"
	if s.URL != "" {
		out += "URL            " + s.URL + "\n"
	}
	return l.print(out + "Token URL      " + s.TokenURL + "\n")
}

// writeSecret writes the secret into a private file, in a directory in which nobody else
// can replace it.
func (l *lending) writeSecret(text secret.Text) error {
	path, err := filepath.Abs(l.call.SecretFile)
	if err != nil {
		return policy("--secret-file: " + printable.Line(err.Error()))
	}
	dir, err := private.Place(filepath.Dir(path))
	if err != nil {
		return policy("--secret-file: " + printable.Line(err.Error()))
	}
	defer dir.Close()
	return dir.ReplaceAndSync(filepath.Base(path), []byte(text.Reveal()+"\n"))
}

// print writes an answer.
func (l *lending) print(text string) error {
	if err := process.WriteOnce(int(l.stdout.Fd()), []byte(text)); err != nil {
		return policy("stdout: " + err.Error())
	}
	return nil
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
