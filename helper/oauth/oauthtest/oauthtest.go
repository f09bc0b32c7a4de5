// Package oauthtest is a strict authorization server with the APIs behind it, for
// tests, demonstrations and scripts. It plays products with their quirks
// (product_*.go), takes no request that RFC 6749 forbids, remembers every request
// to the byte, and misbehaves on demand: static bad answers are the files of
// answers/, the ones that need code are the rows of behaviours.
//
// It needs no test framework and knows nothing of the client under test:
//
//	server := oauthtest.Start(t, oauthtest.Options{Product: "jama"})
//	server.Queue("status-503", "ok")
//
// It listens on a loopback address only.
package oauthtest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Client is a client registration.
type Client struct {
	ID     string
	Secret string
	Auth   string   // "basic", "post", "either", "raw" (Basic that is not form-decoded), "none", "private_key_jwt", "client_secret_jwt", "tls", "federation", "spiffe"; "" is the product's
	Scopes []string // what it may ask for; nil: anything
	Tenant string   // Entra: the tenant that knows it; "": every one

	Key             Key               // of assertions; nil: the certificate's
	Certificate     *x509.Certificate // of assertions or connections (RFC 8705 2.2)
	Alg             string            // the only one for assertions; "": any
	NeedsThumbprint bool              // assertions must name the certificate, as at Entra
	Trusts          string            // how an assertion of another issuer has to begin

	Expired bool // the secret's time is over
	NoUser  bool // the API knows no user for it
	Barred  bool // the API does not let it in
}

// Options say what to play. The zero value is a plain server over http with one
// client "client" whose secret is "secret".
type Options struct {
	Product     string            // name of a row of Products; "": "plain"
	Clients     []Client          // nil: Client{ID: "client", Secret: "secret"}
	BasePath    string            // "/context" in front of every path, as an application server puts it; "": none
	Address     string            // "127.0.0.1:0" if ""; anything but a loopback address is refused
	Certificate string            // name of a row of certificates; "": plain http
	TLS         func(*tls.Config) // changes how TLS is spoken; nil: not
	Lifetime    time.Duration     // of tokens; 0: 3599 s, as the products have it
	Delay       time.Duration     // before each token answer
	TokenSize   int               // bytes of an access token; 0: as it comes, about 300
	Items       int               // of Jama's project; 0: 3
	Quirk       string            // in what it is odd, as SetQuirks has it; "": in nothing
	Control     bool              // serve /_/count and the like, for scripts
	Now         func() time.Time

	// Fault is called for each request that breaks a rule of the RFCs; nil: with New they
	// are only kept for Faults, with Start they are failures of the test.
	Fault func(format string, args ...any)

	// OnCall is called before the nth call of the API, from 1, is answered; nil: not.
	// A test breaks something there in the middle of a run. It must not call the
	// server by HTTP through the client that waits for this answer.
	OnCall func(n int, r Request)
}

// Request is a request as it came.
type Request struct {
	Time   time.Time
	Method string
	Target string // path and query, not decoded
	Proto  string
	Host   string
	Header http.Header
	Body   string
	Peer   *x509.Certificate // the client's, as TLS had it; nil if it showed none
}

// Server is a running server. Its methods may be called at any time.
type Server struct {
	options  Options
	product  Product
	listener net.Listener
	trap     net.Listener
	http     *http.Server
	roots    []byte
	ending   chan struct{}
	ended    bool // guarded by mu

	mu       sync.Mutex
	clients  []Client
	issued   map[string]issue
	requests []Request // to the token endpoint
	calls    []Request // to the API
	faults   []string
	queue    []string
	quirks   []string
	jti      map[string]bool
	codes    map[string]*signIn       // of browsers and devices
	refresh  map[string]*refreshToken // refresh tokens, the used ones, too
	revoked  []string
	always   string
	delay    time.Duration
	spent    time.Duration // on token answers
	lifetime time.Duration
	called   int // calls to the API, its authorization pages included
	answered map[int]int
	throttle []time.Duration // 429s to come, with their Retry-After
	edits    map[int]int     // of Jama's items, by id
	issues   []Issue         // of Jira
	trapped  int
	opened   int
	sequence int
}

// Test is what Start needs of a *testing.T.
type Test interface {
	Helper()
	Cleanup(func())
	Errorf(format string, args ...any)
	Fatal(args ...any)
}

// Start starts a server that ends with the test.
func Start(t Test, o Options) *Server {
	t.Helper()
	if o.Fault == nil {
		o.Fault = t.Errorf
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// New starts a server.
func New(o Options) (*Server, error) {
	product, err := findProduct(o.Product)
	if err != nil {
		return nil, err
	}
	if o.Address == "" {
		o.Address = "127.0.0.1:0"
	}
	if o.Clients == nil {
		o.Clients = []Client{{ID: "client", Secret: "secret"}}
	}
	if o.Lifetime == 0 {
		o.Lifetime = 3599 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{
		options: o, product: product, clients: slices.Clone(o.Clients), issued: map[string]issue{},
		jti: map[string]bool{}, codes: map[string]*signIn{}, refresh: map[string]*refreshToken{},
		answered: map[int]int{}, edits: map[int]int{},
		delay: o.Delay, lifetime: o.Lifetime, ending: make(chan struct{}),
	}
	if o.Quirk != "" {
		if err := s.SetQuirks(o.Quirk); err != nil {
			return nil, err
		}
	}
	if err := s.listen(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Server) listen() error {
	host, _, err := net.SplitHostPort(s.options.Address)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("oauthtest: %q is no loopback address", s.options.Address)
	}
	var config *tls.Config
	if s.options.Certificate != "" {
		if config, s.roots, err = tlsConfig(s.options.Certificate, host, s.options.Now()); err != nil {
			return err
		}
		if s.options.TLS != nil {
			s.options.TLS(config)
		}
	}
	if s.listener, err = net.Listen("tcp", s.options.Address); err != nil {
		return err
	}
	s.listener = &countingListener{s.listener, s}
	if s.trap, err = net.Listen("tcp", net.JoinHostPort(host, "0")); err != nil {
		return err
	}
	go s.serveTrap()
	s.http = &http.Server{
		Handler: s.routes(), TLSConfig: config, ErrorLog: log.New(io.Discard, "", 0),
		// HTTP/1.1 only: what a client sends must be readable as it was sent.
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}
	go func() {
		if config != nil {
			_ = s.http.ServeTLS(s.listener, "", "") // ends with Close
			return
		}
		_ = s.http.Serve(s.listener)
	}()
	return nil
}

// countingListener counts connections, and breaks them at once if a behaviour says so.
type countingListener struct {
	net.Listener
	server *Server
}

func (c *countingListener) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if !c.server.breaksEarly() {
			return conn, nil
		}
		reset(conn)
	}
}

// serveTrap counts whoever comes to where no client may go: the target of
// redirects.
func (s *Server) serveTrap() {
	for {
		conn, err := s.trap.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.trapped++
		s.mu.Unlock()
		conn.Close()
	}
}

// Close ends the server and every request that hangs in it. It may be called again.
func (s *Server) Close() {
	s.mu.Lock()
	ended := s.ended
	s.ended = true
	s.mu.Unlock()
	if ended {
		return
	}
	close(s.ending)
	s.trap.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		s.http.Close()
	}
}

// URL is the base address, without a slash at its end.
func (s *Server) URL() string {
	scheme := "http"
	if s.options.Certificate != "" {
		scheme = "https"
	}
	return scheme + "://" + s.listener.Addr().String() + s.options.BasePath
}

// APIURL is the base address of the product's API, without a slash at its end.
func (s *Server) APIURL() string { return s.URL() + s.product.apiPath }

// TokenURL is the product's token endpoint; Entra's is that of the tenant
// "common-tenant" unless a client names another.
func (s *Server) TokenURL() string { return s.URL() + s.product.tokenPath(s) }

// RootsPEM returns the CA that signed the server's certificate; nil over http.
func (s *Server) RootsPEM() []byte { return s.roots }

// Count is how many token requests came.
func (s *Server) Count() int { s.mu.Lock(); defer s.mu.Unlock(); return len(s.requests) }

// Requests are all token requests.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Calls are all requests to the API.
func (s *Server) Calls() []Request { s.mu.Lock(); defer s.mu.Unlock(); return slices.Clone(s.calls) }

// Faults are the rules of the RFCs that requests broke.
func (s *Server) Faults() []string { s.mu.Lock(); defer s.mu.Unlock(); return slices.Clone(s.faults) }

// Trapped is how many connections came to the target of redirects.
func (s *Server) Trapped() int { s.mu.Lock(); defer s.mu.Unlock(); return s.trapped }

// Connections is how many connections came to the server itself.
func (s *Server) Connections() int { s.mu.Lock(); defer s.mu.Unlock(); return s.opened }

// Queue names behaviours for the next token requests, one each; then the server
// behaves again. "ok" is good behaviour.
func (s *Server) Queue(names ...string) error {
	for _, n := range names {
		if !knownBehaviour(n) {
			return fmt.Errorf("oauthtest: no behaviour %q", n)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = append(s.queue, names...)
	return nil
}

// Always names the behaviour of all token requests that have none in the queue;
// "" or "ok" is good behaviour.
func (s *Server) Always(name string) error {
	if name != "" && !knownBehaviour(name) {
		return fmt.Errorf("oauthtest: no behaviour %q", name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.always = name
	return nil
}

// SetDelay is the time before each token answer.
func (s *Server) SetDelay(d time.Duration) { s.mu.Lock(); defer s.mu.Unlock(); s.delay = d }

// SetLifetime is the life of the tokens to come.
func (s *Server) SetLifetime(d time.Duration) { s.mu.Lock(); defer s.mu.Unlock(); s.lifetime = d }

// SetClient replaces the registration with the same id, or adds it.
func (s *Server) SetClient(c Client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.clients {
		if s.clients[i].ID == c.ID {
			s.clients[i] = c
			return
		}
	}
	s.clients = append(s.clients, c)
}

// RevokeAll makes every token that was issued so far a dead one.
func (s *Server) RevokeAll() { s.mu.Lock(); defer s.mu.Unlock(); clear(s.issued) }

// EndSignIns makes every refresh token a dead one, as an administrator can.
func (s *Server) EndSignIns() { s.mu.Lock(); defer s.mu.Unlock(); clear(s.refresh) }

// fault notes a broken rule.
func (s *Server) fault(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.mu.Lock()
	s.faults = append(s.faults, text)
	s.mu.Unlock()
	if s.options.Fault != nil {
		s.options.Fault("the server saw: %s", text)
	}
}

// client finds a registration.
func (s *Server) client(id string) (Client, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.clients {
		if c.ID == id {
			return c, true
		}
	}
	return Client{}, false
}
