package server

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
	"github.com/credhelper/credhelper/protocol/strictjson"
)

// A login costs the server a lease, and servers count refused ones. So the token of a
// login is kept, sealed, until its lease ends, for all processes of the home, and
// whatever happens there is one login in 30 s.

const (
	loginPause = 30 * time.Second
	loginLong  = 24 * time.Hour   // the longest that a token is kept
	loginSlack = 10 * time.Second // before its end a token is not used any more
)

// login is what is known of the last one. Times are Unix seconds.
type login struct {
	Token     string
	At        int64  // when it was asked for
	Ends      int64  // when the lease ends
	Lease     int64  // its length in seconds
	Renewable bool   // the server can lengthen it
	Refused   string // why the last one failed; "" if it did not
	Proof     []byte // digest of what it was proved with
}

func (l login) usable(now time.Time) bool {
	return l.Token != "" && now.Add(loginSlack).Unix() < l.Ends && now.Unix() >= l.At-2
}

// kept returns the last login of this home; false if there is none.
func (v *vault) kept() (l login, known bool) {
	text, known := v.shelf.read(v.keptName())
	return l, known && json.Unmarshal(text, &l) == nil
}

// keep seals a login for other processes. Where that fails they log in themselves.
func (v *vault) keep(ctx context.Context, l login) {
	text, err := json.Marshal(l)
	now := v.config.Now()
	until := max(l.Ends, now.Add(loginPause).Unix())
	if err == nil {
		err = v.shelf.write(ctx, v.keptName(), text, now.Unix(), until)
	}
	if err != nil {
		v.report("profile " + v.profile.Name + ": the login at " + v.at.Address + " could not be kept: " + printable.Line(err.Error()))
	}
}

// login logs in, unless another process did meanwhile, or it was done a moment ago.
// refused is the kept one that the server refused; its zero value is none.
func (v *vault) login(ctx context.Context, refused login, path string) (login, error) {
	unlock, err := v.shelf.lock(ctx, v.keptName())
	if err != nil {
		return login{}, &protocol.Error{Kind: protocol.ErrLocked, Text: "another process is logging in for too long"}
	}
	defer unlock()
	last, known := v.kept()
	now := v.config.Now()
	if last.usable(now) && last.Token != refused.Token {
		return last, nil
	}
	proof, err := v.proof(ctx)
	if err != nil {
		return login{}, err
	}
	if since := now.Unix() - last.At; known && since >= 0 && since < int64(loginPause/time.Second) && bytes.Equal(last.Proof, digestOf(proof)) {
		switch {
		case last.Refused != "":
			return login{}, v.held(last, now)
		case last.usable(now): // and refused
			return login{}, v.refused(nil, oauth.Document{Status: http.StatusForbidden}, path)
		}
	}
	v.explain("profile " + v.profile.Name + ": logs in at " + v.at.Address + " by " + v.at.Login)
	next, err := v.ask(ctx, proof, now)
	if err == nil {
		v.keep(ctx, next)
	}
	return next, err
}

// held is the error while no other login is tried after a refused one.
func (v *vault) held(l login, now time.Time) error {
	wait := time.Unix(l.At, 0).Add(loginPause).Sub(now)
	return &protocol.Error{Kind: protocol.ErrLocked, RetryAfter: int64(wait/time.Second) + 1,
		Text: printable.Line("not asked again for " + failure.Span(wait) + "; the earlier reason: " + l.Refused),
		Hint: "another secret id, token or role is tried at once"}
}

// ask sends the request of a login. A refusal is kept, too.
func (v *vault) ask(ctx context.Context, proof secret.Text, now time.Time) (login, error) {
	body := map[string]string{"role": v.at.Role, "jwt": proof.Reveal()}
	if v.at.Login == "approle" {
		body = map[string]string{"role_id": v.at.Role, "secret_id": proof.Reveal()}
	}
	path := "auth/" + v.at.Mount + "/login"
	d, err := v.send(ctx, http.MethodPost, path, secret.Text{}, body)
	if err != nil {
		return login{}, err
	}
	l, ok := leaseOf(d, now)
	l.Proof = digestOf(proof)
	if ok {
		return l, nil
	}
	err = v.refused(nil, d, path, proof)
	if err == nil {
		err = &protocol.Error{Kind: protocol.ErrLocked, Text: path + ": the answer has no token"}
	}
	if d.Status >= 400 && d.Status < 500 && d.Status != http.StatusTooManyRequests {
		v.keep(ctx, login{At: now.Unix(), Refused: err.Error(), Proof: l.Proof})
	}
	return login{}, err
}

// leaseOf reads a token and its lease in the response to a login or a renewal.
func leaseOf(d oauth.Document, now time.Time) (l login, ok bool) {
	auth, _ := d.JSON.Get("auth")
	if d.Status != http.StatusOK || auth.Kind() != strictjson.Object {
		return l, false
	}
	token, _ := auth.Get("client_token")
	l.Token, _ = token.Text()
	lease, _ := auth.Get("lease_duration")
	l.Lease, _ = lease.Int()
	if longest := int64(loginLong / time.Second); l.Lease <= 0 || l.Lease > longest { // 0: it never ends
		l.Lease = longest
	}
	renewable, _ := auth.Get("renewable")
	l.Renewable, _ = renewable.Bool()
	l.At, l.Ends = now.Unix(), now.Unix()+l.Lease
	return l, secret.ValidToken(l.Token, true)
}

// renewed lengthens a lease in its last third. If that fails, the token is used as long
// as it is.
func (v *vault) renewed(ctx context.Context, l login) login {
	due := func(l login) bool {
		now := v.config.Now()
		return l.Renewable && l.usable(now) && l.Ends-now.Unix() < l.Lease/3
	}
	if !due(l) {
		return l
	}
	unlock, err := v.shelf.lock(ctx, v.keptName())
	if err != nil {
		return l
	}
	defer unlock()
	if last, known := v.kept(); known {
		l = last
	}
	if !due(l) {
		return l
	}
	now := v.config.Now()
	v.explain("profile " + v.profile.Name + ": renews the login at " + v.at.Address)
	d, err := v.send(ctx, http.MethodPost, "auth/token/renew-self", secret.New(l.Token), map[string]string{})
	if err != nil {
		return l
	}
	if next, ok := leaseOf(d, now); ok && next.Ends > l.Ends {
		next.At, next.Proof = l.At, l.Proof
		v.keep(ctx, next)
		return next
	}
	l.Renewable = false // as at the longest lifetime of a token
	v.keep(ctx, l)
	return l
}
