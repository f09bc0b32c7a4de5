package bearer

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
)

// checkRequest refuses a request that would carry a second credential, or whose
// server would read another address than the one that a token is asked for.
func checkRequest(req *http.Request) error {
	switch {
	case req.URL == nil:
		return &protocol.Error{Kind: protocol.ErrMalformed, Text: "the request has no url"}
	case req.URL.User != nil: // net/http makes Basic of it (O4)
		return policy(origin.Userinfo.String())
	case brings(req, "Authorization"):
		return policy("the request brings its own Authorization")
	case req.Method == http.MethodTrace: // comes back with the token in it (RFC 9110 9.3.8)
		return policy("a TRACE request must not carry a token")
	case req.URL.Opaque != "": // goes into the request line instead of the path
		return policy("the url is opaque: its path is not the one that is sent")
	case !sameHost(req):
		return policy("the request's Host is not the host of its url")
	}
	return nil
}

// brings reports whether the caller has set the field, in whatever case: net/http
// sends a key as it stands in the map.
func brings(req *http.Request, field string) bool {
	for name := range req.Header {
		if strings.EqualFold(name, field) {
			return true
		}
	}
	return false
}

// sameHost reports whether the Host field names the host that is connected to. A
// server of many hosts goes by the field, so it decides who reads the token.
func sameHost(req *http.Request) bool {
	if req.Host == "" || req.Host == req.URL.Host {
		return true
	}
	u, reason := origin.ParseURL(req.URL.Scheme + "://" + req.URL.Host + "/")
	field, fieldReason := origin.ParseURL(req.URL.Scheme + "://" + req.Host + "/")
	return reason == origin.Release && fieldReason == origin.Release && u == field
}

// address is where the request goes, with the path as it is sent. Query and
// fragment stay here: they are the API's business, and the answerer has a log.
func address(req *http.Request) (origin.URL, error) {
	path := req.URL.EscapedPath()
	if path == "" {
		path = "/" // as net/http sends it
	}
	if path[0] != '/' {
		return origin.URL{}, policy("the path of the url does not begin with a slash")
	}
	u, reason := origin.ParseURL(req.URL.Scheme + "://" + req.URL.Host + path)
	if reason != origin.Release {
		return origin.URL{}, policy(reason.String())
	}
	return u, nil
}

// givenBy is the key of what an answer remembers for the request that a redirect
// makes of it: the profile that gave the token, "" if it stayed behind.
type givenBy struct{}

// remember notes on the answer who gave its request the token. Its Request becomes
// one that has no token: answers are logged and dumped, requests with them.
func remember(answer *http.Response, req *http.Request, profile string) {
	answer.Request = req.WithContext(context.WithValue(req.Context(), givenBy{}, profile))
}

// afterRedirect tells by which profile a redirected request may get a token; none
// if it may not. The profile that answered first narrows the rest: a server must
// not reach into another profile's by its Location. And once the token stayed
// behind it stays there, or the stranger's redirect could send us back to an
// address of his choice with it (as Go's own client, CVE-2024-45336).
func (t *Transport) afterRedirect(req *http.Request) (profile string, may bool) {
	before := req.Response.Request
	if before == nil {
		return t.Profile, t.Profile != ""
	}
	if before.URL != nil && before.URL.Scheme == "https" && req.URL.Scheme != "https" {
		return "", false
	}
	profile, known := before.Context().Value(givenBy{}).(string)
	if !known { // another RoundTripper put its own request there
		profile = t.Profile
	}
	return profile, profile != ""
}

// foreign reports whether an answerer's error says that the address is not the
// profile's.
func foreign(err error) bool {
	return errors.Is(err, protocol.ErrNoProfile) || errors.Is(err, protocol.ErrPolicy)
}
