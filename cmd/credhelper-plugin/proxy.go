package main

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/inner"
	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/guest"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/door"
)

// proxy serves the door until a signal ends it.
func (p *plugin) proxy(argument string) error {
	var call inner.ProxyCall
	if err := inner.ReadArgument(argument, &call); err != nil {
		return err
	}
	if err := p.checkDebug(); err != nil {
		return err
	}
	h, err := p.open("proxy")
	if err != nil {
		return err
	}
	defer inner.Settle(h, inner.EndTime)
	listener, hosts, err := p.listen(call)
	if err != nil {
		return err
	}
	defer listener.Close()
	var secured *tls.Config // nil: plain HTTP
	if call.TLS {
		if secured, err = p.secure(h, hosts); err != nil {
			return err
		}
	}
	ctx, end := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer end()
	p.collectLess()
	s := newService(h, &guest.Book{Helper: h, Now: time.Now}, hosts)
	defer s.book.WriteUses()
	server := s.server()
	served := make(chan error, 1)
	go func() { served <- server.Serve(&door.Listener{Listener: listener, Check: s.check, TLS: secured}) }()
	inner.Say(p.stderr, "credhelper: the door is at "+hosts.url)
	p.ready()
	select {
	case err := <-served:
		return policy("proxy: " + err.Error())
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.Background(), inner.EndTime)
	defer cancel()
	_ = door.Shutdown(stop, server) // what is still open ends with the process
	return nil
}

// checkDebug refuses to run where Go itself would print tokens.
func (p *plugin) checkDebug() error {
	if debug, _ := cache.Lookup(p.environ, "GODEBUG"); strings.Contains(debug, "http2debug") {
		return policy("GODEBUG=http2debug prints tokens: take it out of the environment")
	}
	return nil
}

// service is what the door's handler needs of this home.
type service struct {
	verb     string // for the log
	helper   *helper.Helper
	answerer protocol.Answerer // the helper, or less of it
	less     protocol.Narrowing
	book     *guest.Book
	hosts    hosts
	// serves reports whether the process with a socket is served; nil: all of our user's
	// and of the guests' users are.
	serves func(inode uint32) bool

	mu   sync.Mutex
	apis map[string]ownedAPI // by profile

	journal journal
}

// ownedAPI is the API of a profile as its files said when it was made.
type ownedAPI struct {
	*door.API
	binding   [32]byte
	limit     int
	errorBody string
	refreshOn []int
}

// of reports whether the files say the same now.
func (a ownedAPI) of(r *guest.Row) bool {
	return a.API != nil && a.binding == r.Binding && a.limit == r.Of.Limit && a.errorBody == r.Of.DoorError && slices.Equal(a.refreshOn, r.Of.RefreshOn)
}

func newService(h *helper.Helper, book *guest.Book, hosts hosts) *service {
	return &service{verb: "proxy", helper: h, answerer: h, book: book, hosts: hosts, apis: map[string]ownedAPI{}}
}

// collectLess makes the garbage collector run less often, unless the user has said how
// often: hardly anything that a request allocates is needed after it, and a collection
// looks at all that this executable has.
func (p *plugin) collectLess() {
	if _, said := cache.Lookup(p.environ, "GOGC"); !said {
		debug.SetGCPercent(400)
	}
}

// server returns the server of the door.
func (s *service) server() *http.Server {
	server := door.NewServer(s.handler())
	server.ErrorLog = log.New(io.Discard, "", 0) // of single connections
	return server
}

func (s *service) handler() http.Handler {
	return &door.Handler{
		Answerer:  s.answerer,
		Admit:     s.admit,
		TokenPath: func(path string) bool { return s.book.TokenPath(context.Background(), path) },
		Host:      s.hosts.has,
		Log:       s.log,
		Now:       s.book.Now,
		Sleep: func(ctx context.Context, d time.Duration) {
			select {
			case <-ctx.Done():
			case <-time.After(d):
			}
		},
	}
}

// admit returns the guest with a claim, if the connection is one that it may use.
func (s *service) admit(ctx context.Context, c door.Claim) (*door.Guest, error) {
	a, err := s.book.BySecret(ctx, c.ID, c.Secret)
	if errors.Is(err, guest.ErrUnknown) && c.ID == "" && c.ForAPI {
		a, err = s.book.ByToken(ctx, c.Secret)
	}
	switch {
	case err != nil:
	case s.serves == nil && !mayUse(ctx, a):
		err = a.Unknown("not from one of its users or networks")
	case c.InPath && !a.InPath:
		err = a.Unknown("its secret may not be in the path")
	}
	if why := new(guest.Unknown); errors.As(err, &why) {
		return nil, stranger{why}
	}
	if err != nil {
		return nil, err
	}
	s.book.Used(a)
	g := &door.Guest{Name: a.Name, Profile: a.Profile, Narrowing: a.Narrowing, Methods: a.Methods, Paths: a.Paths, Cookies: a.Cookies,
		Narrow: func(n protocol.Narrowing) (protocol.Narrowing, error) { return s.narrow(a.Row, n) },
		Lives:  func(ctx context.Context) bool { return s.book.Lives(ctx, a) }}
	if !a.Real() {
		g.Issue = a.Token
	}
	if len(a.Azure) > 0 {
		g.Identity = a.Identity
	}
	if g.API, err = s.api(ctx, a.Row); err != nil {
		return nil, err
	}
	return g, nil
}

// narrow returns what a guest's request leaves of what the door has, and its profile
// allows.
func (s *service) narrow(r *guest.Row, n protocol.Narrowing) (protocol.Narrowing, error) {
	n, ok := within(s.less, n)
	if !ok {
		return n, &protocol.Error{Kind: door.ErrScope, Text: "this door has a token for less: " + s.less.Words()}
	}
	left, err := r.Narrow(n)
	if e := new(protocol.Error); errors.As(err, &e) {
		return n, &protocol.Error{Kind: door.ErrScope, Text: e.Text, Hint: e.Hint}
	}
	return left, err
}

// api returns the API of a guest's profile; nil if it has no address.
func (s *service) api(ctx context.Context, r *guest.Row) (*door.API, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if api := s.apis[r.Profile]; api.of(r) {
		return api.API, nil
	}
	base := r.Base()
	if base == "" {
		return nil, nil
	}
	send, err := s.helper.API(ctx, r.Of)
	if err != nil {
		return nil, err
	}
	field := r.Of.Header
	if field == "" {
		field = "Authorization"
	}
	api, err := door.NewAPI(door.APIConfig{Answerer: s.answerer, Profile: r.Profile, Base: base, Field: field,
		ErrorBody: r.Of.DoorError, RefreshOn: r.Of.RefreshOn, Limit: r.Of.Limit, Send: send, Now: s.book.Now})
	if err != nil {
		return nil, err
	}
	s.apis[r.Profile] = ownedAPI{api, r.Binding, r.Of.Limit, r.Of.DoorError, r.Of.RefreshOn}
	return api, nil
}

// ready tells a service manager that the door is served (sd_notify(3)).
func (p *plugin) ready() {
	if address, _ := cache.Lookup(p.environ, "NOTIFY_SOCKET"); strings.HasPrefix(address, "/") || strings.HasPrefix(address, "@") {
		notify(address, "READY=1")
	}
}

// userOf returns the user id of this process, whose connections are ours.
func userOf() int { return os.Getuid() }

var errNotOurs = &protocol.Error{Kind: protocol.ErrPolicy, Text: "the other end is not one of the door's users"}
