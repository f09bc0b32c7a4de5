package door

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// Some programs can send neither credentials nor a field. If its file says so, a guest may
// have its secret as the first segment of the path, /~chl_.../rest/v1. Programs write URLs
// into logs, so this is for nobody else.
const (
	// InPath is before the secret.
	InPath       = "/~"
	secretInPath = InPath + "chl_" // other paths may begin with a tilde
)

// claimForAPI returns what the sender of a request to the API proves who it is with, and
// the request without a secret in its path.
func claimForAPI(r *http.Request) (*http.Request, Claim, error) {
	c, err := claimOf(r.Header.Get("Authorization"))
	c.ForAPI = true
	path := r.URL.EscapedPath()
	if err != nil || !strings.HasPrefix(path, secretInPath) {
		return r, c, err
	}
	if !c.Secret.IsZero() {
		return r, c, protocol.Malformed("the client authenticates in two ways")
	}
	segment := path
	if end := strings.IndexByte(path[1:], '/'); end >= 0 {
		segment = path[:1+end]
	}
	c.Secret, c.InPath = secret.New(strings.TrimPrefix(segment, InPath)), true
	u := *r.URL
	u.RawPath = strings.TrimPrefix(path, segment)
	if u.RawPath == "" {
		u.RawPath = "/"
	}
	if u.Path, err = url.PathUnescape(u.RawPath); err != nil {
		return r, c, protocol.Malformed("the path is not encoded like that of a url")
	}
	own := *r
	own.URL, own.RequestURI = &u, strings.Replace(r.RequestURI, segment, "", 1)
	return &own, c, nil
}
