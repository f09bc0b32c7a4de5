package door

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/bearer"
	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/printable"
)

// API is the API of a profile, for all guests of that profile.
type API struct {
	scheme, host string
	at           origin.URL // the same, as servers read it
	field        string
	errorBody    string
	refreshOn    []int
	transport    *bearer.Transport
}

// APIConfig is what a door knows of a profile's API.
type APIConfig struct {
	Answerer protocol.Answerer
	Profile  string
	Base     string // scheme and host
	Field    string // the header field with the token
	// ErrorBody is the body of an error as the product writes it, with {status}, {name}
	// and {message} in it; "" for ours.
	ErrorBody string
	RefreshOn []int             // statuses, besides 401, with which the API refuses a token
	Limit     int               // requests a second; 0: any number
	Send      http.RoundTripper // sends the requests
	Now       func() time.Time
}

// NewAPI returns the API of a profile.
func NewAPI(c APIConfig) (*API, error) {
	u, err := url.Parse(c.Base)
	at, reason := origin.ParseURL(c.Base + "/")
	if err != nil || reason != origin.Release {
		return nil, &protocol.Error{Kind: protocol.ErrPolicy, Text: "profile " + c.Profile + " has no address of an API"}
	}
	last := &hop{field: c.Field, under: c.Send, limit: limiter{each: perRequest(c.Limit), now: c.Now}}
	return &API{
		scheme: u.Scheme, host: u.Host, at: at, field: c.Field, errorBody: c.ErrorBody, refreshOn: c.RefreshOn,
		transport: &bearer.Transport{Answerer: forGuest{c.Answerer}, Profile: c.Profile, Base: last, Now: c.Now},
	}, nil
}

// forGuest says in each request which guest of the API it is for, and what the guest's
// token is narrowed to.
type forGuest struct{ protocol.Answerer }

type guestKey struct{} // the context key of a request's *Guest

// Get implements protocol.Answerer.
func (a forGuest) Get(ctx context.Context, r protocol.Request) (protocol.Credential, error) {
	return a.Answerer.Get(ctx, ofGuest(ctx, r))
}

// Forget implements protocol.Answerer.
func (a forGuest) Forget(ctx context.Context, r protocol.Request) error {
	return a.Answerer.Forget(ctx, ofGuest(ctx, r))
}

func ofGuest(ctx context.Context, r protocol.Request) protocol.Request {
	if g, ok := ctx.Value(guestKey{}).(*Guest); ok {
		r.Guest, r.Narrowing = g.Name, g.Narrowing
	}
	return r
}

// hop sends a request with its token. It keeps the limit, and drops the fields of a
// response that contain the token.
type hop struct {
	field string
	under http.RoundTripper
	limit limiter
}

// RoundTrip implements http.RoundTripper.
func (h *hop) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := h.limit.wait(r.Context()); err != nil {
		return nil, err
	}
	answer, err := h.under.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	sent := r.Header.Get(h.field)
	if i := strings.LastIndexByte(sent, ' '); i >= 0 {
		sent = sent[i+1:]
	}
	if sent != "" {
		dropWith(answer.Header, sent)
		if answer.StatusCode != http.StatusSwitchingProtocols {
			answer.Body = &trailerFilter{answer.Body, answer, sent}
		}
	}
	return answer, nil
}

// trailerFilter is the body of a response, whose trailers are known at its end: those that
// contain the token are dropped.
type trailerFilter struct {
	io.ReadCloser
	answer *http.Response
	token  string
}

// Read implements io.Reader.
func (t *trailerFilter) Read(b []byte) (int, error) {
	n, err := t.ReadCloser.Read(b)
	if err != nil {
		dropWith(t.answer.Trailer, t.token)
	}
	return n, err
}

// lastOnly drops the responses before the last one (1xx), whose fields nobody has looked
// at.
type lastOnly struct{ http.ResponseWriter }

// Unwrap is for http.ResponseController.
func (l lastOnly) Unwrap() http.ResponseWriter { return l.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (l lastOnly) WriteHeader(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols {
		l.ResponseWriter.WriteHeader(status)
	}
}

// dropWith drops the fields that contain a text.
func dropWith(h http.Header, text string) {
	for name, values := range h {
		if slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, text) }) {
			delete(h, name)
		}
	}
}

// serveAPI passes a request on to the API of its guest.
func (h *Handler) serveAPI(w http.ResponseWriter, r *http.Request) {
	r, c, err := claimForAPI(r)
	var g *Guest
	if err == nil {
		g, err = h.admit(r, c)
	}
	if err == nil {
		err = g.may(r, c)
	}
	if err == nil && c.InPath && h.TokenPath(r.URL.EscapedPath()) {
		err = forbidden("the token endpoint is not below a secret in the path")
	}
	ctx, cancel := context.WithCancel(context.WithValue(r.Context(), guestKey{}, g))
	defer cancel()
	if err == nil {
		defer watch(ctx, cancel, g)() // from here on, since a guest may take its time for a body
		err = buffer(ctx, w, r, g)
	}
	if err != nil {
		h.log(r, g, err)
		writeAPI(w, g, err)
		return
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:   g.rewrite,
		Transport: g.API.transport,
		ModifyResponse: func(answer *http.Response) error {
			g.clean(answer, r, c)
			h.note(r, g, g.API.notRepeated(r, answer.StatusCode))
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) { h.failed(w, r, g, err) },
		BufferPool:   &buffers,
	}
	proxy.ServeHTTP(lastOnly{upgrading(w, r)}, r.WithContext(ctx))
}

// failed answers for a request that the API has not answered.
func (h *Handler) failed(w http.ResponseWriter, r *http.Request, g *Guest, err error) {
	own, ok := r.Context().Value(connKey{}).(*conn)
	bad := ok && own.refused.Load() // what follows the head; the API got no whole request
	switch {
	case bad:
		err = protocol.Malformed("the body has more than one reading")
		w.Header().Set("Connection", "close")
	case ok && own.gone.Load(): // in the middle of its body: the API is not to blame
		err = context.Canceled
	}
	err = away(g, err)
	h.log(r, g, err)
	writeAPI(w, g, err)
	if bad {
		own.linger(w)
	}
}

// errForbidden: the guest may not send this request.
var errForbidden = errors.New("not allowed")

func forbidden(text string) error { return &protocol.Error{Kind: errForbidden, Text: text} }

// may reports whether the guest may send the request.
func (g *Guest) may(r *http.Request, c Claim) error {
	path := r.URL.EscapedPath()
	_, wrong := origin.Parse("https://localhost" + path)
	switch {
	case g.API == nil:
		return forbidden("profile " + g.Profile + " has no address of an API")
	case len(g.Methods) > 0 && !slices.Contains(g.Methods, r.Method):
		return forbidden("guest " + g.Name + " may not send " + printable.Value(r.Method))
	case wrong != nil:
		return forbidden(wrong.Error())
	case strings.Contains(path, ";"):
		return forbidden("the path holds a semicolon, which servers read differently")
	case strings.Contains(r.RequestURI, c.Secret.Reveal()), localInURL(r.RequestURI):
		return forbidden("the local secret is in the url, where servers log it")
	case !g.below(path):
		return forbidden("guest " + g.Name + " may not use this path")
	}
	return nil
}

// below reports whether a path is one of the guest's.
func (g *Guest) below(path string) bool {
	u, reason := origin.ParseURL("https://localhost" + path)
	return len(g.Paths) == 0 || reason == origin.Release && slices.ContainsFunc(g.Paths, func(prefix string) bool {
		o, err := origin.Parse("https://localhost" + prefix)
		return err == nil && o.Match(u) == origin.Release
	})
}

// ownFields are fields of a request that never go to the API, besides those of the
// connection, which httputil.ReverseProxy removes: credentials, where the request came
// from, and what some servers take for another path or method than those that the guest
// may use.
var ownFields = [...]string{"Authorization", "Cookie", "Proxy-Authorization", "Forwarded", "Via", "X-Real-Ip", "X-Identity-Header", "Secret",
	"X-Original-Url", "X-Original-Uri", "X-Original-Method", "X-Rewrite-Url", "X-Http-Method", "X-Http-Method-Override", "X-Method-Override"}

// isOwn reports whether a field is the door's own, or the one in which the API gets its
// token. Servers with CGI's variables take "_" for "-".
func (g *Guest) isOwn(name string) bool {
	if strings.Contains(name, "_") {
		name = http.CanonicalHeaderKey(strings.ReplaceAll(name, "_", "-"))
	}
	return slices.Contains(ownFields[:], name) || strings.HasPrefix(name, "X-Forwarded-") || name == http.CanonicalHeaderKey(g.API.field)
}

// rewrite makes the API's request of the guest's: the same path and query, at the API's
// address, without the guest's credentials.
func (g *Guest) rewrite(p *httputil.ProxyRequest) {
	out := p.Out
	out.URL.Scheme, out.URL.Host, out.Host = g.API.scheme, g.API.host, ""
	out.URL.RawQuery = p.In.URL.RawQuery // byte for byte
	for name, values := range out.Header {
		if g.isOwn(name) || slices.ContainsFunc(values, holdsLocal) {
			delete(out.Header, name)
		}
	}
	if !strings.EqualFold(out.Header.Get("Upgrade"), "websocket") { // h2c, which Java offers, would be a way past the door
		out.Header.Del("Upgrade")
		out.Header.Del("Connection")
	}
	if _, sent := out.Header["User-Agent"]; !sent {
		out.Header.Set("User-Agent", "") // none of Go's
	}
}

// clean makes the guest's response of the API's.
func (g *Guest) clean(answer *http.Response, in *http.Request, c Claim) {
	f := answer.Header
	if !g.Cookies {
		f.Del("Set-Cookie")
	}
	for name := range f {
		if strings.HasPrefix(name, "Access-Control-") || name == "Alt-Svc" || name == "Strict-Transport-Security" {
			delete(f, name) // about another address than the guest's
		}
	}
	if to := f.Get("Location"); to != "" {
		f.Set("Location", g.location(to, in, c))
	}
}

// location returns where the guest finds what an API's Location names: at the door if it
// is the API's, with the guest's secret in the path if that is how it came.
func (g *Guest) location(text string, in *http.Request, c Claim) string {
	to, err := url.Parse(text)
	if err != nil || to.User != nil || to.Opaque != "" {
		return text
	}
	there, reason := origin.ParseURL(cmp.Or(to.Scheme, g.API.scheme) + "://" + to.Host + "/")
	switch {
	case reason == origin.Release && there == g.API.at:
		to.Scheme, to.Host = "http", in.Host
		if peer, _ := PeerOf(in.Context()); peer.TLS {
			to.Scheme = "https"
		}
	case to.Scheme != "" || to.Host != "" || !strings.HasPrefix(to.Path, "/"):
		return text
	}
	if c.InPath {
		prefix := InPath + c.Secret.Reveal()
		to.Path, to.RawPath = prefix+to.Path, prefix+to.EscapedPath()
	}
	return to.String()
}

// writeAPI writes an error to a program that expects the API's.
func writeAPI(w http.ResponseWriter, g *Guest, err error) {
	r := Reply{Status: 502}
	switch {
	case errors.Is(err, context.Canceled):
		panic(http.ErrAbortHandler) // nobody is there, or nobody may be
	case errors.Is(err, ErrClaim):
		r.Status, r.Challenge = 401, challenge
	case errors.Is(err, protocol.ErrMalformed):
		r.Status = 400
	case errors.Is(err, errForbidden), errors.Is(err, protocol.ErrNoProfile): // outside of the profile's origins
		r.Status = 403
	case onlyAPerson(err):
		// Clients send a request again after 502, and show the text of a 4xx alone: so
		// does Jama's own library.
		r.Status = 403
	case errors.Is(err, errAway):
		r.RetryAfter = retryAfter(err)
	case passes(err):
		r.Status, r.RetryAfter = 503, retryAfter(err)
	}
	text := sentence(err)
	if r.Body = plainBody(r.Status, text); g != nil && g.API != nil && g.API.errorBody != "" {
		r.Body = productBody(g.API.errorBody, r.Status, text)
	}
	write(w, r)
}

// onlyAPerson reports whether the same request fails until a person has done something.
func onlyAPerson(err error) bool {
	return errors.Is(err, protocol.ErrRefused) || errors.Is(err, protocol.ErrNoSecret) || errors.Is(err, protocol.ErrLogin) || errors.Is(err, protocol.ErrPolicy)
}

// plainBody is the body of an error in no product's form.
func plainBody(status int, text string) []byte {
	body, _ := json.Marshal(struct {
		Error   string `json:"error"`
		Message string `json:"message"`
	}{http.StatusText(status), text})
	return body
}

// productBody is the body of an error as a product writes it.
func productBody(form string, status int, text string) []byte {
	inJSON := func(s string) string {
		b, _ := json.Marshal(s)
		return string(b[1 : len(b)-1])
	}
	return []byte(strings.NewReplacer("{status}", strconv.Itoa(status), "{name}", inJSON(http.StatusText(status)), "{message}", inJSON(text)).Replace(form))
}
