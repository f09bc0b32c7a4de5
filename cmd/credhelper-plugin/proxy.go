package main

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
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
	if debug, _ := cache.Lookup(p.environ, "GODEBUG"); strings.Contains(debug, "http2debug") {
		return policy("GODEBUG=http2debug prints tokens: take it out of the environment")
	}
	h, err := p.open("proxy")
	if err != nil {
		return err
	}
	defer inner.Settle(h)
	listener, hosts, err := p.listen(call)
	if err != nil {
		return err
	}
	ctx, end := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer end()
	s := newService(h, hosts)
	server := door.NewServer(s.handler())
	server.ErrorLog = log.New(io.Discard, "", 0) // of single connections
	served := make(chan error, 1)
	go func() { served <- server.Serve(&door.Listener{Listener: listener, Check: s.check}) }()
	inner.Say(p.stderr, "credhelper: the door is at http://"+hosts.own)
	p.ready()
	select {
	case err := <-served:
		return policy("proxy: " + err.Error())
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.Background(), inner.EndTime)
	defer cancel()
	if server.Shutdown(stop) != nil {
		_ = server.Close()
	}
	return nil
}

// service is what the door's handler needs of this home.
type service struct {
	helper *helper.Helper
	book   *guest.Book
	hosts  hosts

	mu   sync.Mutex
	apis map[string]ownedAPI // by profile

	journal journal
}

// ownedAPI is the API of a profile as its files said when it was made.
type ownedAPI struct {
	*door.API
	binding [32]byte
	limit   int
}

func newService(h *helper.Helper, hosts hosts) *service {
	return &service{helper: h, book: &guest.Book{Helper: h, Now: time.Now}, hosts: hosts, apis: map[string]ownedAPI{}}
}

func (s *service) handler() http.Handler {
	return &door.Handler{
		Answerer:  s.helper,
		Admit:     s.admit,
		TokenPath: func(path string) bool { return s.book.TokenPath(context.Background(), path) },
		Host:      s.hosts.has,
		Log:       s.log,
		Now:       time.Now,
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
	if err == nil && !mayUse(ctx, a) {
		err = guest.ErrUnknown
	}
	if errors.Is(err, guest.ErrUnknown) {
		return nil, door.ErrClaim
	}
	if err != nil {
		return nil, err
	}
	g := &door.Guest{Name: a.Name, Profile: a.Profile, Methods: a.Methods, Paths: a.Paths, Cookies: a.Cookies,
		Lives: func(ctx context.Context) bool { return s.book.Lives(ctx, a) }}
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

// api returns the API of a guest's profile; nil if it has no address.
func (s *service) api(ctx context.Context, r *guest.Row) (*door.API, error) {
	base, binding := r.Base(), r.Of.TokenBinding()
	if base == "" {
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.apis[r.Profile]; known.API != nil && known.binding == binding && known.limit == r.Of.Limit {
		return known.API, nil
	}
	send, err := s.helper.API(ctx, r.Of)
	if err != nil {
		return nil, err
	}
	field := r.Of.Header
	if field == "" {
		field = "Authorization"
	}
	api, err := door.NewAPI(door.APIConfig{Answerer: s.helper, Profile: r.Profile, Base: base, Field: field,
		ErrorBody: r.Of.DoorError(), Limit: r.Of.Limit, Send: send})
	if err != nil {
		return nil, err
	}
	s.apis[r.Profile] = ownedAPI{api, binding, r.Of.Limit}
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
