package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// Discover fills the endpoints that a draft leaves open with what its issuer says
// of itself (T13). They are written into the profile and bound, so nothing that
// the issuer says later moves them.
func (ss *Servers) Discover(ctx context.Context, f *config.File) error {
	settings, err := ss.home.Settings()
	if err != nil {
		return err
	}
	p := &config.Profile{Name: "new", CAFile: cmp.Or(f.CAFile, settings.Defaults.CAFile), Proxy: cmp.Or(f.Proxy, settings.Defaults.Proxy)}
	if p.CA, err = readCA(p.CAFile); err != nil {
		return err
	}
	connection, err := ss.connection(p, tls.Certificate{})
	if err != nil {
		return err
	}
	client := &oauth.Client{HTTP: connection, Now: ss.config.Now}
	m, err := client.Discover(ctx, f.Issuer)
	if err != nil {
		var e *oauth.Error
		if errors.As(err, &e) {
			return &protocol.Error{Kind: failure.OAuthKind(e), Text: printable.Line("issuer " + printable.Value(f.Issuer) + ": " + e.Error())}
		}
		return protocol.Policy(err.Error())
	}
	// A person sees where the secret will go; it is bound to these very addresses.
	for _, e := range m.Elsewhere {
		ss.config.Report("issuer " + printable.Value(f.Issuer) + " has an endpoint on another host: " + e)
	}
	f.Issuer = m.Issuer // as the server itself writes it, with a slash at its end or without
	if f.SendsIssuer == nil && m.SendsIssuer && m.AuthorizationURL != "" {
		f.SendsIssuer = &m.SendsIssuer
	}
	for into, found := range map[*string]string{&f.TokenURL: m.TokenURL, &f.AuthorizationURL: m.AuthorizationURL, &f.DeviceURL: m.DeviceURL,
		&f.RevocationURL: m.RevocationURL, &f.IntrospectionURL: m.IntrospectionURL} {
		*into = cmp.Or(*into, found)
	}
	return nil
}
