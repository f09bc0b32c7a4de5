package oauth

import "golang.org/x/oauth2"

// postAuth puts client_id and client_secret into the form (RFC 6749 2.3.1):
// Entra's way.
var postAuth = ClientAuth{
	Name:        "client_secret_post",
	Short:       "post",
	NeedsSecret: true,
	Style:       oauth2.AuthStyleInParams,
}

// noAuth is a public client: only client_id in the form (RFC 6749 3.2.1), even if a
// secret is stored.
var noAuth = ClientAuth{
	Name:  "none",
	Style: oauth2.AuthStyleInParams,
}
