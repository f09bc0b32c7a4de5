package helper

import (
	"context"
	"errors"
	"strings"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/logfile"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/server"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

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
	var refresh secret.Text
	var access []secret.Text
	if q.store != nil {
		if e := q.sealed(); e != nil {
			access = append(access, e.Token)
		}
		for _, e := range q.store.Narrowed(p.Name) {
			access = append(access, e.Token)
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
		if err := h.keys.Delete(ctx, signInItem(p.Name)); err != nil {
			return revoked, problem, failure.Keyring(p, err)
		}
	}
	return revoked, problem, h.forget(ctx, p.Name, "logout")
}

func (h *Helper) revoke(ctx context.Context, p *config.Profile, refresh secret.Text, access []secret.Text) (revoked int, problem error) {
	if refresh.IsZero() && len(access) == 0 {
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
	hint := "refresh_token"
	for _, token := range append([]secret.Text{refresh}, access...) {
		kind := hint
		hint = "access_token"
		if token.IsZero() {
			continue
		}
		h.explain("profile " + p.Name + ": asks " + p.RevocationURL + " to revoke the " + kind)
		if err := client.Revoke(ctx, p.RevocationURL, token, kind); err != nil {
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
	answer, err := client.Introspect(ctx, p.IntrospectionURL, token)
	if err != nil {
		return nil, endpointError(p, "introspection endpoint", err)
	}
	return answer, nil
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
