package door

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// Guest is what a door knows of an admitted guest.
type Guest struct {
	Name    string
	Profile string
	API     *API     // nil: the profile has none
	Methods []string // of API requests; none: all
	Paths   []string // prefixes of API paths; none: all of the profile's
	Cookies bool     // the API's Set-Cookie is passed on
	// Issue returns a local token that ends no later than the server's, and its end in
	// Unix seconds. Nil: the guest gets the server's token.
	Issue func(ends int64) (secret.Text, int64, error)
	// Lives reports whether the guest is still admitted; nil: always.
	Lives func(context.Context) bool
	// Identity returns the profile for a resource of Azure. Nil: it has none.
	Identity func(resource, client string) (profile string, err error)
}

// Event is something for the log: a guest's first request on a connection, or a request
// that was refused.
type Event struct {
	Guest   string // "" if nobody was admitted
	Profile string
	Peer    Peer
	Err     error // nil: it was admitted
}

// Handler serves a door. Its Listener has checked the connection.
type Handler struct {
	// Answerer has the tokens.
	Answerer protocol.Answerer
	// Admit returns the guest with a claim. Its errors wrap ErrClaim, or a sentinel of
	// package protocol: with a locked keyring nobody can say who it is.
	Admit func(context.Context, Claim) (*Guest, error)
	// TokenPath reports whether a path is that of some guest's token endpoint.
	TokenPath func(path string) bool
	// Host reports whether a Host field, in lower case, is the door's own.
	Host func(host string) bool
	// Log gets each event; may be nil.
	Log func(Event)
	// Now and Sleep are the clock.
	Now   func() time.Time
	Sleep func(context.Context, time.Duration)
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if status, text := h.vet(r); status != 0 {
		h.log(r, nil, protocol.Malformed(text))
		w.Header().Set("Connection", "close")
		write(w, Reply{Status: status, Body: plainBody(status, "credhelper: "+text)})
		return
	}
	path := r.URL.EscapedPath()
	token := r.Method == http.MethodPost && h.TokenPath(path)
	if !token && path != AzurePath {
		h.serveAPI(w, r)
		return
	}
	a, err := askOf(r, token)
	d := find(a)
	if err == nil && d != nil {
		h.serveLocal(w, r, d, a)
		return
	}
	h.log(r, nil, err)
	write(w, Reply{Status: 400, Body: plainBody(400, sentence(err))})
}

// formLimit is the maximum size in bytes of a token request.
const formLimit = 16 << 10

// askOf reads a request to a local API.
func askOf(r *http.Request, token bool) (a Ask, err error) {
	a = Ask{Method: r.Method, Path: r.URL.EscapedPath(), Token: token, Header: map[string]string{}}
	for _, name := range askFields {
		if v := r.Header.Get(name); v != "" {
			a.Header[name] = v
		}
	}
	if a.Query, err = single(r.URL.RawQuery); err != nil {
		return a, err
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "application/x-www-form-urlencoded" {
		return a, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, formLimit+1))
	if err != nil || len(body) > formLimit {
		return a, protocol.Malformed("the body is not a form of at most 16 KiB")
	}
	a.Form, err = single(string(body))
	return a, err
}

// single parses a form in which each name comes once (RFC 6749 3.2).
func single(text string) (url.Values, error) {
	all, err := url.ParseQuery(text)
	if err != nil {
		return nil, protocol.Malformed("the parameters are not encoded like those of a form")
	}
	for _, values := range all {
		if len(values) > 1 {
			return nil, protocol.Malformed("a parameter is repeated")
		}
	}
	return all, nil
}

// serveLocal answers at a local API.
func (h *Handler) serveLocal(w http.ResponseWriter, r *http.Request, d *Door, a Ask) {
	c, wish, err := d.Decode(a)
	var g *Guest
	if err == nil {
		g, err = h.admit(r, c)
	}
	var grant Grant
	if err == nil {
		grant, err = h.grant(r.Context(), d, g, wish)
	}
	if err != nil {
		h.log(r, g, err)
		write(w, d.Refuse(c, err))
		return
	}
	write(w, d.Encode(wish, grant))
}

// admit returns the guest with a claim. A wrong one costs time, and nothing else: no
// server hears of it.
func (h *Handler) admit(r *http.Request, c Claim) (*Guest, error) {
	var g *Guest
	err := error(ErrClaim)
	if !c.Secret.IsZero() {
		g, err = h.Admit(r.Context(), c)
	}
	if errors.Is(err, ErrClaim) && !c.Secret.IsZero() {
		h.Sleep(r.Context(), failedPenalty)
	}
	if err != nil {
		return nil, err
	}
	own, ok := r.Context().Value(connKey{}).(*conn)
	if !ok {
		return g, nil
	}
	first, ok := own.claim(g.Name)
	if !ok {
		return nil, &protocol.Error{Kind: protocol.ErrBusy, Text: "guest " + g.Name + " has too many connections"}
	}
	if first && h.Log != nil {
		h.Log(Event{Guest: g.Name, Profile: g.Profile, Peer: own.peer})
	}
	return g, nil
}

// grant returns the token for a guest: the server's, or a local one that ends with it.
func (h *Handler) grant(ctx context.Context, d *Door, g *Guest, w Wish) (Grant, error) {
	profile, issue := g.Profile, g.Issue
	if d == azureDoor {
		if g.Identity == nil {
			return Grant{}, &protocol.Error{Kind: protocol.ErrPolicy, Text: "guest " + g.Name + " has no managed identity"}
		}
		var err error
		if profile, err = g.Identity(w.Resource, w.Client); err != nil {
			return Grant{}, err
		}
		issue = nil
	}
	credential, err := h.Answerer.Get(ctx, protocol.Request{Verb: protocol.Get, Profile: profile})
	if err != nil {
		return Grant{}, err
	}
	out := Grant{Token: credential.Secret, Expires: credential.Expires, Type: "Bearer"}
	switch {
	case issue != nil:
		if out.Token, out.Expires, err = issue(credential.Expires); err != nil {
			return Grant{}, err
		}
	case credential.Scheme != "Bearer" || credential.Header != "":
		return Grant{}, &protocol.Error{Kind: protocol.ErrPolicy,
			Text: "profile " + profile + ": the token is not sent as Authorization: Bearer, so only the door can send it",
			Hint: `lend it with token = "local"`}
	}
	out.Life = max(0, out.Expires-h.Now().Unix())
	return out, nil
}

// write writes a reply of our own.
func write(w http.ResponseWriter, r Reply) {
	f := w.Header()
	f.Set("Content-Type", "application/json")
	f.Set("Cache-Control", "no-store") // RFC 6749 5.1
	f.Set("Pragma", "no-cache")
	if r.Challenge != "" {
		f.Set("WWW-Authenticate", r.Challenge)
	}
	if r.RetryAfter > 0 {
		f.Set("Retry-After", strconv.FormatInt(r.RetryAfter, 10))
	}
	f.Set("Content-Length", strconv.Itoa(len(r.Body)))
	w.WriteHeader(r.Status)
	_, _ = w.Write(r.Body)
}

// log logs a refusal; g is nil if nobody was admitted.
func (h *Handler) log(r *http.Request, g *Guest, err error) {
	if h.Log == nil || err == nil {
		return
	}
	e := Event{Err: err}
	e.Peer, _ = PeerOf(r.Context())
	if g != nil {
		e.Guest, e.Profile = g.Name, g.Profile
	}
	h.Log(e)
}

// vet refuses a request that no guest sends, before anything of it is used; 0 if there
// is nothing against it.
func (h *Handler) vet(r *http.Request) (status int, text string) {
	switch {
	case r.ProtoMajor != 1 || r.ProtoMinor != 1:
		return 400, "only HTTP/1.1 is spoken here"
	case r.Method == http.MethodConnect:
		return 405, "this is no forward proxy"
	case !h.Host(strings.ToLower(r.Host)):
		return http.StatusMisdirectedRequest, "the Host field is not that of this door"
	case r.URL.Host != "" && !h.Host(strings.ToLower(r.URL.Host)):
		return http.StatusMisdirectedRequest, "this is no forward proxy"
	case !strings.HasPrefix(r.URL.Path, "/"):
		return 400, "the request has no path"
	}
	for name, values := range r.Header {
		if browsers(name) {
			return 403, "a browser's page gets nothing here"
		}
		if len(values) > 1 && name == "Authorization" {
			return 400, "two Authorization fields"
		}
	}
	return 0, ""
}

// browsers reports whether only browsers send a field. Sec-Fetch-Mode is not among them,
// because Node's own fetch sends it.
func browsers(name string) bool {
	switch name {
	case "Origin", "Sec-Fetch-Site", "Sec-Fetch-Dest":
		return true
	}
	return strings.HasPrefix(name, "Access-Control-Request-")
}
