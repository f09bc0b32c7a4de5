package config

import (
	"slices"

	"github.com/credhelper/credhelper/helper/configfile"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol/printable"
)

// takePool finds the pool of a profile, and checks that its tokens can be shared.
func (p *Profile) takePool(d *configfile.Document, f *File, settings *Settings) error {
	if f.Pool == "" {
		return nil
	}
	grant, _ := oauth.FindGrant(p.Grant)
	at := slices.IndexFunc(settings.pools, func(c Pool) bool { return c.Name == f.Pool })
	switch {
	case p.Interactive():
		return d.Wrong("pool", "the tokens of grant %q are a person's, who can sign in at one place only", p.Grant)
	case grant.Make != nil:
		return d.Wrong("pool", "no server is asked with grant %q: there is nothing to share", p.Grant)
	case p.Grant == "token_exchange", p.Grant == "jwt_bearer" && p.From != nil:
		return d.Wrong("pool", "the tokens of this profile act for whoever it reads a token of, on each host another one")
	case at < 0:
		return d.Wrong("pool", "config.toml has no section [pool.%s]", printable.Value(f.Pool))
	}
	p.Pool = settings.pools[at]
	return nil
}

// PoolDigest is the digest of all that distinguishes this profile's tokens from others,
// and of nothing that may differ between hosts: they have the same one if they may have
// the same token. The origins are part of it, so that no profile gets a token that was
// fetched for other addresses.
func (p *Profile) PoolDigest() [32]byte {
	var list []Bound
	for _, b := range append(p.Bounds(), p.tokenBounds()...) {
		switch b.Name {
		case "profile", "authorization_url", "device_url", "revocation_url", "introspection_url", "client_auth", "ca_file", "proxy", "probe", "redirect", "sends_issuer",
			"secret", "client_cert", "secret_environment", "assertion.key", "assertion.cert", "assertion.from", "pool":
		default:
			list = append(list, b)
		}
	}
	return digest("credhelper pool 1", list)
}
