package main

import (
	"cmp"
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/inner"
	"github.com/credhelper/credhelper/cmd/internal/process"
	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/guest"
	"github.com/credhelper/credhelper/helper/private"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/door"
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
	l := lendRun{p, call, h, &guest.Lender{Helper: h, Now: time.Now}}
	if err := checkFlags(call); err != nil {
		return err
	}
	switch {
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

// lendRun is one call of lend.
type lendRun struct {
	*plugin
	call   inner.LendCall
	helper *helper.Helper
	lender *guest.Lender
}

// mayShow fails if the secret would have nowhere to go: it is printed to a terminal, or
// where a flag says that a machine reads it.
func (l *lendRun) mayShow() error {
	if l.call.SecretFile != "" {
		dir, _, err := l.secretPlace()
		if err == nil {
			dir.Close()
		}
		return err
	}
	if l.call.Terminal || l.call.JSON {
		return nil
	}
	return &protocol.Error{Kind: protocol.ErrPolicy, Text: "stdout is no terminal, and may be kept: the secret is not printed there",
		Hint: "for a program: --json; into a private file: --secret-file FILE"}
}

func (l *lendRun) make(ctx context.Context) error {
	if err := guest.Free(l.helper, l.call.To); err != nil {
		return err
	}
	if _, err := l.helper.Profile(l.call.Profile); err != nil {
		return err
	}
	f, err := l.file()
	if err == nil {
		err = l.mayShow()
	}
	if err != nil {
		return err
	}
	text, err := l.lender.Lend(ctx, l.call.To, f)
	if err != nil {
		return err
	}
	if err = l.show(ctx, l.call.To, text); err != nil {
		_ = l.lender.Revoke(ctx, l.call.To) // nobody has its secret
	}
	return err
}

// rotate gives a guest a new secret, and with --expires another end.
func (l *lendRun) rotate(ctx context.Context) error {
	overlap, err := span(cmp.Or(l.call.Overlap, "0s"))
	if err != nil {
		return malformed("--overlap wants a time such as 1h")
	}
	if overlap > guest.LongestOverlap {
		return malformed("--overlap is 30d at most: until then the old secret works, too")
	}
	expires, err := l.expires()
	if err != nil {
		return err
	}
	before, err := guest.Read(l.helper, l.call.Rotate)
	if err == nil {
		err = l.mayShow()
	}
	if err != nil {
		return err
	}
	_, text, err := l.lender.Rotate(ctx, l.call.Rotate, overlap, expires)
	if err != nil {
		return err
	}
	if err = l.show(ctx, l.call.Rotate, text); err != nil {
		_ = l.lender.Unrotate(ctx, before) // nobody has the new secret
	}
	return err
}

// accept seals a guest's file and shows what it has accepted.
func (l *lendRun) accept(ctx context.Context) error {
	f, err := l.lender.Accept(ctx, l.call.Accept)
	if err != nil {
		return err
	}
	text, err := f.Encode()
	if err != nil {
		return err
	}
	return l.print(string(text) + "Guest " + l.call.Accept + " is accepted.\n")
}

// lendReply is what lend prints about a guest, once.
type lendReply struct {
	Guest    string `json:"guest"`
	Profile  string `json:"profile"`
	ID       string `json:"client_id"`
	Secret   string `json:"client_secret,omitempty"`
	URL      string `json:"url,omitempty"`
	TokenURL string `json:"token_url"`
	Expires  string `json:"expires,omitempty"`
}

// door returns where the guest looks for the door: at the default address, or, from other
// machines, at the first name of the CA.
func (l *lendRun) door(ctx context.Context, r *guest.Row) string {
	if len(r.Networks) == 0 {
		return "http://" + inner.DefaultListen
	}
	host, port := "HOST", netip.MustParseAddrPort(inner.DefaultListen).Port()
	if a, err := guest.Authority(ctx, l.helper); err == nil && a != nil && len(a.Names()) > 0 {
		host = a.Names()[0]
	}
	return "https://" + net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// show prints a new secret, or writes it to --secret-file, with what the guest needs.
func (l *lendRun) show(ctx context.Context, name string, text secret.Text) error {
	rows, _ := (&guest.Book{Helper: l.helper, Now: time.Now}).Rows(ctx)
	var s lendReply
	for _, r := range rows {
		if r.Name == name && r.Of != nil {
			s = lendReply{Guest: name, Profile: r.Profile, ID: r.ID, Expires: r.Expires, TokenURL: l.door(ctx, r) + r.TokenPath()}
			if r.Base() != "" {
				s.URL = l.door(ctx, r) + l.inPath(r, text) + r.Path()
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

// inPath is where a guest's URL has its secret, which is not shown if it is in a file.
func (l *lendRun) inPath(r *guest.Row, text secret.Text) string {
	switch {
	case !r.InPath:
		return ""
	case l.call.SecretFile != "":
		return door.InPath + "SECRET"
	}
	return door.InPath + text.Reveal()
}

// writeSecret writes the secret into a private file.
func (l *lendRun) writeSecret(text secret.Text) error {
	dir, name, err := l.secretPlace()
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := dir.ReplaceAndSync(name, []byte(text.Reveal()+"\n")); err != nil {
		return policy("--secret-file: " + printable.Line(err.Error()))
	}
	return nil
}

// secretPlace returns the directory for the secret's file, in which nobody else can replace
// it. The name is a file's, or free: a link or a device, as /dev/stdout is, stays.
func (l *lendRun) secretPlace() (dir private.Dir, name string, err error) {
	path, err := filepath.Abs(l.call.SecretFile)
	if err == nil {
		dir, err = private.Place(filepath.Dir(path))
	}
	if err != nil {
		return dir, "", policy("--secret-file: " + printable.Line(err.Error()))
	}
	if name = filepath.Base(path); !dir.IsFile(name) {
		dir.Close()
		return dir, "", policy("--secret-file: " + printable.Value(path) + " is there, and is no ordinary file")
	}
	return dir, name, nil
}

// print writes an answer.
func (p *plugin) print(text string) error {
	if err := process.WriteOnce(int(p.stdout.Fd()), []byte(text)); err != nil {
		return policy("stdout: " + err.Error())
	}
	return nil
}
