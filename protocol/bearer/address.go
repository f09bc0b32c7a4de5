package bearer

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
)

// checkRequest refuses a request that already carries a credential, or whose server
// would see another address than the one that the token is requested for.
func checkRequest(req *http.Request) error {
	switch {
	case req.URL == nil:
		return &protocol.Error{Kind: protocol.ErrMalformed, Text: "the request has no url"}
	case req.URL.User != nil: // net/http turns it into Basic (O4)
		return protocol.Policy(origin.Userinfo.String())
	case brings(req, "Authorization"):
		return protocol.Policy("the request already has an Authorization header")
	case req.Method == http.MethodTrace: // the response contains the request's token (RFC 9110 9.3.8)
		return protocol.Policy("a TRACE request must not carry a token")
	case req.URL.Opaque != "": // replaces the path in the request line
		return protocol.Policy("the url is opaque: its path is not the one that is sent")
	case !sameHost(req):
		return protocol.Policy("the request's Host is not the host of its url")
	}
	return nil
}

// brings reports whether the caller has set the field, in any case: net/http sends a
// key as it is in the map.
func brings(req *http.Request, field string) bool {
	for name := range req.Header {
		if strings.EqualFold(name, field) {
			return true
		}
	}
	return false
}

// sameHost reports whether the Host field names the host of the connection. A server of
// many hosts uses the field, so it decides who reads the token.
func sameHost(req *http.Request) bool {
	if req.Host == "" || req.Host == req.URL.Host {
		return true
	}
	u, reason := origin.ParseURL(req.URL.Scheme + "://" + req.URL.Host + "/")
	field, fieldReason := origin.ParseURL(req.URL.Scheme + "://" + req.Host + "/")
	return reason == origin.Release && fieldReason == origin.Release && u == field
}

// address returns the destination of the request, with the path as it is sent. Query
// and fragment are omitted: the API needs them, but the answerer writes a log.
func address(req *http.Request) (origin.URL, error) {
	path := req.URL.EscapedPath()
	if path == "" {
		path = "/" // as net/http sends it
	}
	if path[0] != '/' {
		return origin.URL{}, protocol.Policy("the path of the url does not begin with a slash")
	}
	u, reason := origin.ParseURL(req.URL.Scheme + "://" + req.URL.Host + path)
	if reason != origin.Release {
		return origin.URL{}, protocol.Policy(reason.String())
	}
	return u, nil
}

// profileKey is the context key for the profile that supplied a request's token, so that a
// redirect of its response can be checked; "" if the request had no token.
type profileKey struct{}

// remember records on the response which profile supplied the token. Its Request is
// replaced by one without the token, because programs log and dump responses with their
// requests.
func remember(answer *http.Response, req *http.Request, profile string) {
	answer.Request = req.WithContext(context.WithValue(req.Context(), profileKey{}, profile))
}

// afterRedirect returns the profile from which a redirected request may get a token;
// none if it may not. The profile that answered first narrows the rest, because a
// server must not obtain another profile's token through its Location. After a request
// without a token no later one gets it again: another server's redirect could otherwise
// send us back with the token to an address of its choice (like CVE-2024-45336 in Go's
// own client).
func (t *Transport) afterRedirect(req *http.Request) (profile string, may bool) {
	before := req.Response.Request
	if before == nil {
		return t.Profile, t.Profile != ""
	}
	if before.URL != nil && before.URL.Scheme == "https" && req.URL.Scheme != "https" {
		return "", false
	}
	profile, known := before.Context().Value(profileKey{}).(string)
	if !known { // another RoundTripper has replaced the request
		profile = t.Profile
	}
	return profile, profile != ""
}

// foreign reports whether an answerer's error means that the profile does not own the
// address.
func foreign(err error) bool {
	return errors.Is(err, protocol.ErrNoProfile) || errors.Is(err, protocol.ErrPolicy)
}
