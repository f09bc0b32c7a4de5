package door

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/bearer"
	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/printable"
)

// API is the API of a profile, for all guests of that profile.
type API struct {
	scheme, host string
	field        string
	errorBody    string
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
	Limit     int               // requests a second; 0: any number
	Send      http.RoundTripper // sends the requests
}

// NewAPI returns the API of a profile.
func NewAPI(c APIConfig) (*API, error) {
	u, err := url.Parse(c.Base)
	if err != nil || u.Host == "" {
		return nil, &protocol.Error{Kind: protocol.ErrPolicy, Text: "profile " + c.Profile + " has no address of an API"}
	}
	last := &hop{field: c.Field, under: c.Send, limit: limiter{each: perRequest(c.Limit)}}
	return &API{
		scheme: u.Scheme, host: u.Host, field: c.Field, errorBody: c.ErrorBody,
		transport: &bearer.Transport{Answerer: c.Answerer, Profile: c.Profile, Base: last},
	}, nil
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
			answer.Body = &trailing{answer.Body, answer, sent}
		}
	}
	return answer, nil
}

// trailing is the body of a response, whose trailers are known at its end: those that
// contain the token are dropped.
type trailing struct {
	io.ReadCloser
	answer *http.Response
	token  string
}

// Read implements io.Reader.
func (t *trailing) Read(b []byte) (int, error) {
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
	c, err := claimOf(r.Header.Get("Authorization"))
	c.ForAPI = true
	var g *Guest
	if err == nil {
		g, err = h.admit(r, c)
	}
	if err == nil {
		err = g.may(r, c)
	}
	if err == nil {
		err = buffer(r)
	}
	if err != nil {
		h.log(r, g, err)
		writeAPI(w, g, err)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer watch(ctx, cancel, g)()
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(p *httputil.ProxyRequest) { g.rewrite(p, c) },
		Transport:      g.API.transport,
		ModifyResponse: func(answer *http.Response) error { g.clean(answer, r); return nil },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			h.log(r, g, err)
			writeAPI(w, g, err)
		},
		BufferPool: &buffers,
	}
	proxy.ServeHTTP(lastOnly{upgrading(w, r)}, r.WithContext(ctx))
}

// errForbidden: the guest may not send this request.
var errForbidden = errors.New("not allowed")

// may reports whether the guest may send the request.
func (g *Guest) may(r *http.Request, c Claim) error {
	path := r.URL.EscapedPath()
	forbidden := func(text string) error { return &protocol.Error{Kind: errForbidden, Text: text} }
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
	case strings.Contains(r.RequestURI, c.Secret.Reveal()):
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

// bufferLimit is the size in bytes up to which a body is kept, so that the request can
// be sent again with another token. A longer one is passed on as it comes, once.
const bufferLimit = 1 << 20

func buffer(r *http.Request) error {
	if r.ContentLength <= 0 || r.ContentLength > bufferLimit {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return protocol.Malformed("the body did not come whole")
	}
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.Body, _ = r.GetBody()
	return nil
}

// ownFields are fields of a request that never go to the API, besides those of the
// connection, which httputil.ReverseProxy removes: credentials, where the request came
// from, and what some servers take for another path or method than those that the guest
// may use.
var ownFields = [...]string{"Authorization", "Cookie", "Proxy-Authorization", "Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host",
	"X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Server", "X-Real-Ip", "X-Identity-Header", "Secret",
	"X-Original-Url", "X-Rewrite-Url", "X-Http-Method", "X-Http-Method-Override", "X-Method-Override"}

// rewrite makes the API's request of the guest's: the same path and query, at the API's
// address, without the guest's credentials.
func (g *Guest) rewrite(p *httputil.ProxyRequest, c Claim) {
	out := p.Out
	out.URL.Scheme, out.URL.Host, out.Host = g.API.scheme, g.API.host, ""
	out.URL.RawQuery = p.In.URL.RawQuery // byte for byte
	for _, name := range ownFields {
		out.Header.Del(name)
	}
	out.Header.Del(g.API.field)
	if !strings.EqualFold(out.Header.Get("Upgrade"), "websocket") { // h2c, which Java offers, would be a way past the door
		out.Header.Del("Upgrade")
		out.Header.Del("Connection")
	}
	dropWith(out.Header, c.Secret.Reveal())
	if _, sent := out.Header["User-Agent"]; !sent {
		out.Header.Set("User-Agent", "") // none of Go's
	}
}

// clean makes the guest's response of the API's.
func (g *Guest) clean(answer *http.Response, in *http.Request) {
	f := answer.Header
	if !g.Cookies {
		f.Del("Set-Cookie")
	}
	for name := range f {
		if strings.HasPrefix(name, "Access-Control-") || name == "Alt-Svc" || name == "Strict-Transport-Security" {
			delete(f, name) // about another address than the guest's
		}
	}
	to, err := url.Parse(f.Get("Location"))
	if err == nil && to.Scheme == g.API.scheme && to.Host == g.API.host && to.User == nil {
		to.Scheme, to.Host = "http", in.Host
		if peer, _ := PeerOf(in.Context()); peer.TLS {
			to.Scheme = "https"
		}
		f.Set("Location", to.String())
	}
}

// watchEvery is how often a running request is checked: a revoked guest's streams end
// within twice of it.
const watchEvery = 400 * time.Millisecond

// watch ends a running request once its guest is no longer admitted.
func watch(ctx context.Context, cancel context.CancelFunc, g *Guest) (stop func()) {
	if g.Lives == nil {
		return func() {}
	}
	var mu sync.Mutex
	var timer *time.Timer
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(watchEvery, func() {
		if !g.Lives(ctx) {
			cancel()
		}
		if mu.Lock(); ctx.Err() == nil {
			timer.Reset(watchEvery)
		}
		mu.Unlock()
	})
	return func() { timer.Stop() }
}

// upgraded tells the connection that no requests follow an upgrade.
type upgraded struct {
	http.ResponseWriter
	conn *conn
}

func upgrading(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
	own, ok := r.Context().Value(connKey{}).(*conn)
	if !ok || r.Header.Get("Upgrade") == "" {
		return w
	}
	return upgraded{w, own}
}

// Unwrap is for http.ResponseController.
func (u upgraded) Unwrap() http.ResponseWriter { return u.ResponseWriter }

var _ http.Hijacker = upgraded{}

// Hijack implements http.Hijacker.
func (u upgraded) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	u.conn.raw.Store(true)
	return http.NewResponseController(u.ResponseWriter).Hijack()
}

// pool keeps the buffers of httputil.ReverseProxy.
type pool struct{ sync.Pool }

var buffers pool

// Get and Put implement httputil.BufferPool.
func (p *pool) Get() []byte {
	if b, ok := p.Pool.Get().(*[]byte); ok {
		return *b
	}
	return make([]byte, 32<<10)
}

// Put implements httputil.BufferPool.
func (p *pool) Put(b []byte) { p.Pool.Put(&b) }

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
	case passes(err):
		r.Status, r.RetryAfter = 503, retryAfter(err)
	case errors.As(err, new(net.Error)):
		r.RetryAfter = 5
	}
	text := sentence(err)
	if r.Body = plainBody(r.Status, text); g != nil && g.API != nil && g.API.errorBody != "" {
		r.Body = productBody(g.API.errorBody, r.Status, text)
	}
	write(w, r)
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
