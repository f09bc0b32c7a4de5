package door

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
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
	// Narrowing is what its local token is narrowed to; zero if it showed its secret.
	Narrowing protocol.Narrowing
	API       *API     // nil: the profile has none
	Methods   []string // of API requests; none: all
	Paths     []string // prefixes of API paths; none: all of the profile's
	Cookies   bool     // the API's Set-Cookie is passed on
	// Narrow returns what a token request's scope and audience leave of what the profile
	// allows; zero if that is all of it. More is ErrScope.
	Narrow func(protocol.Narrowing) (protocol.Narrowing, error)
	// Issue returns a local token that ends no later than the server's, and its end in
	// Unix seconds. Nil: the guest gets the server's token.
	Issue func(n protocol.Narrowing, ends int64) (secret.Text, int64, error)
	// Lives reports whether the guest is still admitted; nil: always.
	Lives func(context.Context) bool
	// Identity returns the profile for a resource of Azure. Nil: it has none.
	Identity func(resource, client string) (profile string, err error)
}

// Event is something for the log: a guest's first request on a connection, a request that
// was refused, or a note on one that was not.
type Event struct {
	Guest   string // "" if nobody was admitted
	Profile string
	Peer    Peer
	Err     error // nil: it was admitted
	Note    string
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

	direct activeRequests
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if refusal, ok := h.vet(r); !ok {
		write(w, refusal)
		return
	}
	path := r.URL.EscapedPath()
	token := r.Method == http.MethodPost && h.TokenPath(path)
	if !token && path != AzurePath {
		h.serveAPI(w, r)
		return
	}
	write(w, h.serveLocal(r, token))
}

const formType = "application/x-www-form-urlencoded"

// formLimit is the maximum size in bytes of a token request.
const formLimit = 16 << 10

// askOf reads a request to a local API.
func askOf(r *http.Request, token bool) (a Ask, err error) {
	a = Ask{Method: r.Method, Path: r.URL.EscapedPath(), Token: token}
	for i, name := range askFields {
		a.Header[i] = r.Header.Get(name)
	}
	if r.URL.RawQuery != "" {
		if a.Query, err = single(r.URL.RawQuery); err != nil {
			return a, err
		}
	}
	if kind := r.Header.Get("Content-Type"); kind != formType {
		if kind, _, _ = mime.ParseMediaType(kind); kind != formType {
			return a, nil
		}
	}
	body := bytes.NewBuffer(make([]byte, 0, bytes.MinRead+min(max(0, r.ContentLength), formLimit)))
	if _, err := body.ReadFrom(io.LimitReader(r.Body, formLimit+1)); err != nil || body.Len() > formLimit {
		return a, protocol.Malformed("the body is not a form of at most 16 KiB")
	}
	a.Form, err = single(body.String())
	return a, err
}

// serveLocal answers a request to a local API.
func (h *Handler) serveLocal(r *http.Request, token bool) Reply {
	a, err := askOf(r, token)
	d := find(a)
	if err != nil || d == nil {
		h.log(r, nil, err)
		return Reply{Status: 400, Body: plainBody(400, sentence(err))}
	}
	c, wish, err := d.Decode(a)
	var g *Guest
	if err == nil {
		g, err = h.admit(r, c)
	}
	var grant Grant
	if err == nil {
		wish.Narrowing, err = g.narrow(wish.Narrowing)
	}
	if err == nil {
		grant, err = h.grant(r.Context(), d, g, wish)
	}
	if err != nil {
		h.log(r, g, err)
		return d.Refuse(c, err)
	}
	return d.Encode(wish, grant)
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
		return nil, &protocol.Error{Kind: protocol.ErrBusy, Text: "there are too many connections, of guest " + g.Name + " or of all guests"}
	}
	if first && h.Log != nil {
		h.Log(Event{Guest: g.Name, Profile: g.Profile, Peer: own.peer})
	}
	return g, nil
}

// narrow checks the scope and the audience of a token request.
func (g *Guest) narrow(n protocol.Narrowing) (protocol.Narrowing, error) {
	if n == (protocol.Narrowing{}) {
		return n, nil
	}
	if g.Narrow == nil {
		return n, &protocol.Error{Kind: ErrScope, Text: ErrScope.Error()}
	}
	return g.Narrow(n)
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
	credential, err := h.Answerer.Get(ctx, protocol.Request{Verb: protocol.Get, Profile: profile, Guest: g.Name, Narrowing: w.Narrowing})
	if err != nil {
		return Grant{}, err
	}
	out := Grant{Token: credential.Secret, Expires: credential.Expires, Type: "Bearer"}
	switch {
	case issue != nil:
		if out.Token, out.Expires, err = issue(w.Narrowing, credential.Expires); err != nil {
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
	r.fields(w.Header().Set)
	w.WriteHeader(r.Status)
	_, _ = w.Write(r.Body)
}

// fields sets the header fields of a reply.
func (r Reply) fields(set func(name, value string)) {
	set("Content-Type", "application/json")
	set("Cache-Control", "no-store") // RFC 6749 5.1
	set("Pragma", "no-cache")
	set("Content-Length", strconv.Itoa(len(r.Body)))
	if r.Challenge != "" {
		set("WWW-Authenticate", r.Challenge)
	}
	if r.RetryAfter > 0 {
		set("Retry-After", strconv.FormatInt(r.RetryAfter, 10))
	}
	if r.Last {
		set("Connection", "close")
	}
}

// log logs a refusal; g is nil if nobody was admitted. That a guest has gone, or was made to
// go, is none.
func (h *Handler) log(r *http.Request, g *Guest, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		h.tell(r, g, Event{Err: err})
	}
}

// note logs something about a request that was not refused; "" is nothing.
func (h *Handler) note(r *http.Request, g *Guest, text string) {
	if text != "" {
		h.tell(r, g, Event{Note: text})
	}
}

func (h *Handler) tell(r *http.Request, g *Guest, e Event) {
	if h.Log == nil {
		return
	}
	e.Peer, _ = PeerOf(r.Context())
	if g != nil {
		e.Guest, e.Profile = g.Name, g.Profile
	}
	h.Log(e)
}

// vet refuses a request that no guest sends, before anything of it is used. ok is true if
// there is nothing against it.
func (h *Handler) vet(r *http.Request) (refusal Reply, ok bool) {
	status, text := h.objection(r)
	if status == 0 {
		return refusal, true
	}
	h.log(r, nil, protocol.Malformed(text))
	return Reply{Status: status, Body: plainBody(status, "credhelper: "+text), Last: true}, false
}

// objection is what is wrong with a request; 0 if there is nothing.
func (h *Handler) objection(r *http.Request) (status int, text string) {
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
