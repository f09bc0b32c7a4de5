package server

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/pool"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
	"github.com/credhelper/credhelper/protocol/strictjson"
)

// A login costs the server a lease, and servers count refused ones. So the token of a
// login is kept, sealed, until its lease ends, for all processes of the home, and after a
// refused one there is none for 30 s. A server in trouble may have given a lease that
// nobody knows of, so it is left alone, too, for a moment.

const (
	loginPause   = 30 * time.Second
	loginTrouble = 2 * time.Second  // a server in trouble may ask for more, up to loginPause
	loginLong    = 24 * time.Hour   // the longest that a token is kept
	loginSlack   = 10 * time.Second // before its end a token is not used any more; half a short lease
	renewTime    = sourceTime / 3   // a renewal that takes longer leaves time to use the token
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

	// Of one that failed:
	Pause int64     // seconds until the next one; 0: loginPause
	Means pool.Kind // for a pool whose store asks for it
}

func (l login) usable(now time.Time) bool {
	slack := min(int64(loginSlack/time.Second), l.Lease/2)
	return l.Token != "" && now.Unix()+slack < l.Ends && now.Unix() >= l.At-2
}

// pause returns how long no other login is tried with the same proof.
func (l login) pause() time.Duration {
	return cmp.Or(time.Duration(l.Pause)*time.Second, loginPause)
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
		v.config.Report(v.about + ": the login at " + v.at.Address + " could not be kept: " + printable.Line(err.Error()))
	}
}

// login logs in, unless another process did meanwhile, or it was done a moment ago.
// refused is the kept one that the server refused, which is returned if there may be no
// other one yet; its zero value is none.
func (v *vault) login(ctx context.Context, refused login) (login, error) {
	switch unlock, err := v.shelf.lock(ctx, v.keptName()); {
	case err == nil:
		defer unlock()
	case errors.Is(err, cache.ErrLocked):
		return login{}, &noLogin{&protocol.Error{Kind: protocol.ErrLocked, Text: "another process is logging in for too long"}, pool.Silent}
	} // else there are no locks here, and each process logs in for itself
	last, known := v.kept()
	now := v.config.Now()
	if last.usable(now) && last.Token != refused.Token {
		return last, nil
	}
	proof, err := v.proof(ctx)
	if err != nil {
		return login{}, err
	}
	if since := now.Unix() - last.At; known && since >= 0 && since < int64(last.pause()/time.Second) && bytes.Equal(last.Proof, digestOf(proof)) {
		switch {
		case last.Refused != "":
			return login{}, v.held(last, now)
		case last.usable(now):
			return refused, nil
		}
	}
	v.config.Explain(v.about + ": logs in at " + v.at.Address + " by " + v.at.Login)
	next, err := v.ask(ctx, proof, now)
	if err == nil {
		v.keep(ctx, next)
	}
	return next, err
}

// held is the error while no other login is tried after a refused one.
func (v *vault) held(l login, now time.Time) error {
	wait := time.Unix(l.At, 0).Add(l.pause()).Sub(now)
	return &noLogin{&protocol.Error{Kind: protocol.ErrLocked, RetryAfter: int64(wait/time.Second) + 1,
		Text: printable.Line("not asked again for " + failure.Span(wait) + "; the earlier reason: " + l.Refused),
		Hint: "another secret id, token or role is tried at once"}, l.Means}
}

// ask sends the request of a login. A failure is kept, too.
func (v *vault) ask(ctx context.Context, proof secret.Text, now time.Time) (login, error) {
	body := map[string]string{"role": v.at.Role, "jwt": proof.Reveal()}
	if v.at.Login == "approle" {
		body = map[string]string{"role_id": v.at.Role, "secret_id": proof.Reveal()}
	}
	path := "auth/" + v.at.Mount + "/login"
	content, _ := json.Marshal(body) // a map of strings always marshals
	failed := login{At: now.Unix(), Proof: digestOf(proof), Pause: int64(loginTrouble / time.Second)}
	d, err := v.exchange(ctx, http.MethodPost, path, nil, content, proof)
	if silent := new(oauth.Error); errors.As(err, &silent) && silent.Kind == oauth.Unreachable && !silent.Down {
		failed.Refused, failed.Means = silent.Reason, pool.Silent // it may have logged us in
		v.keep(context.WithoutCancel(ctx), failed)
	}
	if err != nil {
		return login{}, err
	}
	l, ok := leaseOf(d, now)
	if l.Proof = failed.Proof; ok {
		return l, nil
	}
	e := v.refusedLogin(d, path)
	failed.Refused, failed.Means = e.Text, kindOf(d.Status)
	switch {
	case failed.Means != pool.Wrong: // it may ask to wait
		failed.Pause = int64(min(max(d.After, loginTrouble), loginPause) / time.Second)
	case d.Status >= 400:
		failed.Pause = 0
	}
	e.RetryAfter = int64(failed.pause() / time.Second)
	v.keep(ctx, failed)
	return login{}, &noLogin{e, failed.Means}
}

// refusedLogin returns the error for a response to a login that has no token.
func (v *vault) refusedLogin(d oauth.Document, path string) *protocol.Error {
	e := v.refused(d, path)
	if e == nil {
		e = &protocol.Error{Kind: protocol.ErrLocked, Text: path + ": the answer has no token"}
	}
	switch d.Status {
	case http.StatusBadRequest, http.StatusUnauthorized:
		e.Hint = "is what auth of [vault.\"" + v.at.Address + "\"] in config.toml names right, and not over? a secret id or token can end"
	case http.StatusForbidden: // a policy is not asked yet
		e.Hint = "is an auth method mounted there (bao auth list, vault auth list), and does its role take this login? mount of [vault.\"" + v.at.Address + "\"] in config.toml"
	}
	return e
}

// leaseOf reads a token and its lease in the response to a login or a renewal.
func leaseOf(d oauth.Document, now time.Time) (l login, ok bool) {
	auth := d.JSON.At("auth")
	if d.Status != http.StatusOK || auth.Kind() != strictjson.Object {
		return l, false
	}
	l.Token, _ = auth.At("client_token").Text()
	l.Lease, _ = auth.At("lease_duration").Int()
	if longest := int64(loginLong / time.Second); l.Lease <= 0 || l.Lease > longest { // 0: it never ends
		l.Lease = longest
	}
	l.Renewable, _ = auth.At("renewable").Bool()
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
	ctx, cancel := context.WithTimeout(ctx, renewTime)
	defer cancel()
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
	v.config.Explain(v.about + ": renews the login at " + v.at.Address)
	d, err := v.send(ctx, http.MethodPost, "auth/token/renew-self", secret.New(l.Token), []byte("{}"))
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
