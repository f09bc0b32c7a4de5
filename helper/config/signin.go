package config

import (
	"github.com/credhelper/credhelper/helper/configfile"
	"github.com/credhelper/credhelper/protocol/printable"

	"github.com/credhelper/credhelper/helper/oauth"
)

// Interactive reports whether a person has to sign in.
func (p *Profile) Interactive() bool {
	grant, _ := oauth.FindGrant(p.Grant)
	return grant.Interactive
}

func (p *Profile) takeSignIn(d *configfile.Document, f *File) error {
	switch {
	case p.Grant == "refresh_token":
		return d.Wrong("grant", `"refresh_token" is how a sign-in is renewed; say how it begins: "authorization_code" or "device_code"`)
	case p.Grant == "authorization_code" && p.AuthorizationURL == "":
		return d.Wrong("authorization_url", "is missing, and there is no preset that knows it")
	case p.Grant == "device_code" && p.DeviceURL == "":
		return d.Wrong("device_url", "is missing, and there is no preset that knows it")
	case f.Redirect != "" && p.Grant != "authorization_code":
		return d.Wrong("redirect", `belongs to grant "authorization_code"`)
	}
	if p.Redirect = f.Redirect; p.Redirect == "" {
		return nil
	}
	sign := oauth.AuthorizationRequest{AuthorizationURL: p.AuthorizationURL, Redirect: p.Redirect}
	if _, err := p.Client().Begin(sign); err != nil {
		return d.Wrong("redirect", "%s", printable.Value(err.Error()))
	}
	return nil
}
