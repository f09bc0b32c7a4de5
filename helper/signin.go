package helper

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/logfile"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/server"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// A sign-in is started by a person (credhelper login) and kept as a refresh token. A
// tool's call only renews it: it opens no browser and asks nothing. The server may
// replace the refresh token at each use and end the sign-in when it sees an old one, so
// a new one is stored in the keyring before its access token is given out, and only one
// process at a time renews (A10, A18, A22).

// signInKey returns the key of a profile's sign-in in the keyring.
func (h *Helper) signInKey(profile string) string { return h.secretKey(signInItem(profile)) }

// signInItem replaces the profile's name in the key of the sign-in.
func signInItem(profile string) string { return profile + "\x00sign-in" }

// refresh reads the refresh token of a profile. It is bound to the profile's settings,
// as every secret is (T14).
func (h *Helper) refresh(ctx context.Context, p *config.Profile) (secret.Text, error) {
	kept, err := h.signIn(ctx, p)
	return kept.current.secret, err
}

// signedIn returns when a sign-in was last renewed.
func (h *Helper) signedIn(ctx context.Context, p *config.Profile) (time.Time, error) {
	kept, err := h.signIn(ctx, p)
	return kept.current.created, err
}

// signIn returns a sign-in in the keyring: the refresh token, and the previous one.
// Without an error there is a current one.
func (h *Helper) signIn(ctx context.Context, p *config.Profile) (envelope, error) {
	k, err := h.openKeyring(ctx)
	if err != nil {
		return envelope{}, failure.Keyring(p, err)
	}
	value, err := k.Get(ctx, h.signInKey(p.Name))
	if errors.Is(err, keyring.ErrNotFound) {
		return envelope{}, failure.Login(p, "nobody is signed in")
	}
	var e *envelope
	if err == nil {
		e, err = decodeEnvelope(p.Name, value)
	}
	if err != nil {
		return envelope{}, failure.Keyring(p, err)
	}
	if changed, _ := p.Changes(e.bound); changed != nil {
		return envelope{}, failure.Login(p, "it was changed since somebody signed in ("+changed[0].Name+")")
	}
	return *e, nil
}

// putRefresh stores a refresh token and, beside it, the one that it replaces; zero:
// none. The keyring replaces the item in one step, so a kill leaves the old or the new.
func (h *Helper) putRefresh(ctx context.Context, p *config.Profile, refresh, former secret.Text) error {
	k, err := h.openKeyring(ctx)
	if err != nil {
		return failure.Keyring(p, err)
	}
	now := h.now().UTC()
	e := &envelope{profile: p.Name, bound: p.Bounds(), current: storedSecret{refresh, now, time.Time{}}}
	if !former.IsZero() {
		e.previous = storedSecret{former, now, time.Time{}}
	}
	value, err := e.encode()
	if err != nil {
		return failure.About(p.Name, err, "")
	}
	if err := k.Set(ctx, h.signInKey(p.Name), value); err != nil {
		return failure.Keyring(p, err)
	}
	return nil
}

// renewSignIn requests an access token with the refresh token. If the server rejects it
// as invalid, it tries each other one in the keyring once.
func (q *query) renewSignIn(ctx context.Context, client *oauth.Client, refresh secret.Text) (*oauth.Token, error) {
	client.Grant, client.Use = "refresh_token", oauth.Use{Refresh: refresh}
	client.Scopes = nil // the granted scopes are kept (RFC 6749 6)
	var unkept error
	client.Rotated = func(next secret.Text) { unkept = q.keepRotated(ctx, client.Use.Refresh, next) }
	token, err := client.Token(ctx)
	if isDead(err) {
		token, err = q.renewOtherwise(ctx, client, err)
	}
	if err != nil {
		return nil, err
	}
	switch {
	case unkept != nil:
		q.logFailure(q.obtained(q.record(""), token), unkept)
	case !token.Refresh.IsZero() && !token.Refresh.Equal(client.Use.Refresh):
		q.log(q.obtained(q.record("sign-in renewed"), token))
	}
	return token, nil
}

// renewOtherwise tries the other refresh tokens in the keyring, and keeps the one that
// works.
func (q *query) renewOtherwise(ctx context.Context, client *oauth.Client, dead error) (*oauth.Token, error) {
	list := q.otherRefreshes(ctx, client.Use.Refresh)
	for _, other := range list {
		client.Use.Refresh = other
		token, err := client.Token(ctx)
		if isDead(err) {
			continue
		}
		if err == nil && token.Refresh.IsZero() {
			_ = q.keepRotated(ctx, secret.Text{}, other) // it reports errors itself
		}
		return token, err
	}
	return nil, dead
}

// isDead reports whether the server says that a refresh token is invalid.
func isDead(err error) bool {
	var e *oauth.Error
	return errors.As(err, &e) && e.Code == "invalid_grant"
}

// otherRefreshes returns the other refresh tokens in the keyring: that of another
// process, which rotated it without our lock (A22), and the previous one, in case its
// response was misread. It is nil if they cannot be read.
func (q *query) otherRefreshes(ctx context.Context, tried secret.Text) (list []secret.Text) {
	kept, err := q.signIn(ctx, q.profile)
	if err != nil {
		return nil
	}
	for _, other := range [...]secret.Text{kept.current.secret, kept.previous.secret} {
		if !other.IsZero() && !other.Equal(tried) {
			list = append(list, other)
		}
	}
	return list
}

// keepRotated stores the refresh token with which the server replaced used, before
// anything else in its response is checked (A18). It reports errors itself; the caller
// logs the renewal with the token.
func (q *query) keepRotated(ctx context.Context, used, next secret.Text) error {
	if next.Equal(used) {
		return nil
	}
	// The caller may have gone, but the server has replaced the token all the same.
	keeping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*keyringTime)
	defer cancel()
	err := q.putRefresh(keeping, q.profile, next, used)
	if err != nil {
		q.report("profile " + q.profile.Name + ": the new refresh token could not be stored, so the sign-in ends with this access token: " + printable.Line(err.Error()) +
			"; afterwards: credhelper login " + q.profile.Name)
	}
	return err
}

// SignInClient returns the client of a profile for a sign-in by a person.
func (h *Helper) SignInClient(ctx context.Context, p *config.Profile) (*oauth.Client, error) {
	if !p.Interactive() {
		return nil, &protocol.Error{Kind: protocol.ErrPolicy, Text: "profile " + p.Name + ": there is no sign-in with grant " + p.Grant,
			Hint: "its token is fetched without one: credhelper token " + p.Name}
	}
	if err := h.CanStore(ctx, p); err != nil {
		return nil, err
	}
	s, err := h.secret(ctx, p)
	if err != nil {
		return nil, err
	}
	return h.Client(ctx, p, s)
}

// SignInError returns a failed sign-in in the form that tools see, and logs it.
func (h *Helper) SignInError(p *config.Profile, err error) error {
	var e *oauth.Error
	switch found := errors.As(err, &e); {
	case found && e.Lost: // a code can be used only once
		err = failure.Login(p, "sign-in: the answer was lost: "+e.Error())
	case found && e.Kind == oauth.Refused && e.Status == 0:
		err = failure.Login(p, "sign-in: "+e.Error())
	default:
		err = failure.Token(p, err)
	}
	h.logFailure(logfile.Record{Profile: p.Name}, err)
	return err
}

// KeepSignIn stores the result of a sign-in: the refresh token first, then the access
// token. lasts reports whether there is a refresh token.
func (h *Helper) KeepSignIn(ctx context.Context, p *config.Profile, token *oauth.Token) (lasts bool, err error) {
	q, err := h.newQuery(ctx, protocol.Request{Verb: protocol.Get, Profile: p.Name})
	if err != nil {
		return false, err
	}
	defer q.close()
	if q.store == nil {
		return false, protocol.Policy("profile " + p.Name + ": a sign-in has to be stored somewhere")
	}
	ctx, cancel := context.WithTimeout(ctx, server.AnswerTime)
	defer cancel()
	lock, err := q.lock(ctx, false)
	if err != nil {
		return false, err
	}
	defer lock.Unlock()
	if !token.Refresh.IsZero() {
		if err := h.putRefresh(ctx, p, token.Refresh, secret.Text{}); err != nil {
			return false, err
		}
	}
	q.keepLocked(ctx, lock, token)
	q.log(q.obtained(q.record("login"), token))
	return !token.Refresh.IsZero(), nil
}

// SignOut revokes a profile's tokens at the server, if it supports that (RFC 7009), and
// deletes them in any case (T16, T26). revoked is the number of revoked tokens; problem
// is why one could not be revoked.
func (h *Helper) SignOut(ctx context.Context, p *config.Profile) (revoked int, problem, err error) {
	q, err := h.newQuery(ctx, protocol.Request{Verb: protocol.Get, Profile: p.Name})
	if err != nil {
		return 0, nil, err
	}
	defer q.close()
	var refresh, access secret.Text
	if q.store != nil {
		if e, err := q.store.Get(p.Name, q.subject); err == nil {
			access = e.Token
		}
	}
	if p.Interactive() {
		if refresh, problem = h.refresh(ctx, p); errors.Is(problem, protocol.ErrLogin) {
			problem = nil // no one is signed in
		}
	}
	if p.RevocationURL != "" {
		revoked, problem = h.revoke(ctx, p, refresh, access)
	}
	if p.Interactive() {
		k, err := h.openKeyring(ctx)
		if err == nil {
			err = k.Delete(ctx, h.signInKey(p.Name))
		}
		if err != nil {
			return revoked, problem, failure.Keyring(p, err)
		}
	}
	return revoked, problem, h.forget(ctx, p.Name, "logout")
}

func (h *Helper) revoke(ctx context.Context, p *config.Profile, refresh, access secret.Text) (revoked int, problem error) {
	if refresh.IsZero() && access.IsZero() {
		return 0, nil
	}
	s, err := h.secret(ctx, p)
	if err != nil {
		return 0, err
	}
	client, err := h.Client(ctx, p, s)
	if err != nil {
		return 0, err
	}
	for _, t := range [...]struct {
		token secret.Text
		hint  string
	}{{refresh, "refresh_token"}, {access, "access_token"}} {
		if t.token.IsZero() {
			continue
		}
		h.explain("profile " + p.Name + ": asks " + p.RevocationURL + " to revoke the " + t.hint)
		if err := client.Revoke(ctx, p.RevocationURL, t.token, t.hint); err != nil {
			if problem == nil { // the other one usually has the same cause
				problem = endpointError(p, "revocation endpoint", err)
			}
			continue
		}
		revoked++
	}
	return revoked, problem
}

// Introspect asks the server about a token (RFC 7662), nil without an endpoint.
func (h *Helper) Introspect(ctx context.Context, p *config.Profile, token secret.Text) (*oauth.Introspection, error) {
	if p.IntrospectionURL == "" {
		return nil, nil
	}
	s, err := h.secret(ctx, p)
	if err != nil {
		return nil, err
	}
	client, err := h.Client(ctx, p, s)
	if err != nil {
		return nil, err
	}
	h.explain("profile " + p.Name + ": asks " + p.IntrospectionURL + " about the token")
	said, err := client.Introspect(ctx, p.IntrospectionURL, token)
	if err != nil {
		return nil, endpointError(p, "introspection endpoint", err)
	}
	return said, nil
}

// endpointError is a failure of an endpoint beside the token endpoint.
func endpointError(p *config.Profile, what string, err error) error {
	text := failure.Token(p, err)
	var e *protocol.Error
	if errors.As(text, &e) {
		e.Text, e.Hint = strings.Replace(e.Text, "token endpoint", what, 1), ""
	}
	return text
}
