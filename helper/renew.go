package helper

import (
	"context"
	"errors"
	"time"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/stored"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// A sign-in is started by a person (credhelper login) and kept as a refresh token. A
// tool's call only renews it: it opens no browser and asks nothing. The server may
// replace the refresh token at each use and end the sign-in when it sees an old one, so
// a new one is stored in the keyring before its access token is given out, and only one
// process at a time renews (A10, A18, A22).

// signInItem is the item of a profile's sign-in in the keyring.
func signInItem(profile string) string { return profile + "\x00sign-in" }

// refresh reads the refresh token of a profile. It is bound to the profile's settings,
// as every secret is (T14).
func (h *Helper) refresh(ctx context.Context, p *config.Profile) (secret.Text, error) {
	item, err := h.signIn(ctx, p)
	return item.Current.Text, err
}

// signedIn returns when a sign-in was last renewed.
func (h *Helper) signedIn(ctx context.Context, p *config.Profile) (time.Time, error) {
	item, err := h.signIn(ctx, p)
	return item.Current.Created, err
}

// signIn returns a sign-in in the keyring: the refresh token, and the previous one.
// Without an error there is a current one.
func (h *Helper) signIn(ctx context.Context, p *config.Profile) (stored.Item, error) {
	e, err := h.readItem(ctx, p.Name, signInItem(p.Name))
	if errors.Is(err, keyring.ErrNotFound) {
		return stored.Item{}, failure.Login(p, "nobody is signed in")
	}
	if err != nil {
		return stored.Item{}, failure.Keyring(p, err)
	}
	if changed, _ := p.Changes(e.Bound); changed != nil {
		return stored.Item{}, failure.Login(p, "it was changed since somebody signed in ("+changed[0].Name+")")
	}
	return *e, nil
}

// putRefresh stores a refresh token and, beside it, the one that it replaces; zero: none.
func (h *Helper) putRefresh(ctx context.Context, p *config.Profile, refresh, former secret.Text) error {
	now := h.now().UTC()
	e := &stored.Item{Profile: p.Name, Bound: p.Bounds(), Current: stored.Secret{Text: refresh, Created: now}}
	if !former.IsZero() {
		e.Previous = stored.Secret{Text: former, Created: now}
	}
	return h.putItem(ctx, p, signInItem(p.Name), e)
}

// renewSignIn requests an access token with the refresh token. If the server rejects it
// as invalid, it tries each other one in the keyring once.
func (q *query) renewSignIn(ctx context.Context, client *oauth.Client, refresh secret.Text) (*oauth.Token, error) {
	client.Grant, client.Use = "refresh_token", oauth.Use{Refresh: refresh}
	if q.request.Scope == "" {
		client.Scopes = nil // the granted scopes are kept (RFC 6749 6)
	}
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
	item, err := q.signIn(ctx, q.profile)
	if err != nil {
		return nil
	}
	for _, other := range [...]secret.Text{item.Current.Text, item.Previous.Text} {
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
	keeping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*stored.CallTime)
	defer cancel()
	err := q.putRefresh(keeping, q.profile, next, used)
	if err != nil {
		q.report("profile " + q.profile.Name + ": the new refresh token could not be stored, so the sign-in ends with this access token: " + printable.Line(err.Error()) +
			"; afterwards: credhelper login " + q.profile.Name)
	}
	return err
}
