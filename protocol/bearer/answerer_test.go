package bearer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/bearer"
	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/secret"
)

// answerer answers as the helper does, without its secrets, cache and network: by
// origin, narrowed by profile, with a new token only for who saw the current one
// refused. Its tokens are NAME.1, NAME.2, ...
type answerer struct {
	mu      sync.Mutex
	owners  []*owner
	asked   []protocol.Request
	dropped []string
	before  func(protocol.Request) // runs first, without the lock
	stuck   bool                   // there is only one token
}

type owner struct {
	origins []origin.Origin
	given   protocol.Credential // its Secret is made of the number
	number  int
	fails   error
}

// owns is an answerer with one profile a line: "NAME ORIGIN...".
func owns(t testing.TB, lines ...string) *answerer {
	t.Helper()
	a := &answerer{}
	for _, line := range lines {
		words := strings.Fields(line)
		o := &owner{number: 1, given: protocol.Credential{
			Profile: words[0], Scheme: "Bearer", Expires: time.Now().Add(time.Hour).Unix(), Source: "cache"}}
		for _, text := range words[1:] {
			parsed, err := origin.Parse(text)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			o.origins = append(o.origins, parsed)
		}
		a.owners = append(a.owners, o)
	}
	return a
}

// find is the profile that may answer r (O1, O12, O14).
func (a *answerer) find(r protocol.Request) (*owner, error) {
	for _, o := range a.owners {
		if r.Profile != "" && r.Profile != o.given.Profile {
			continue
		}
		if _, reason := origin.Best(o.origins, r.URL); reason == origin.Release || r.URL == (origin.URL{}) {
			return o, nil
		}
		if r.Profile != "" {
			return nil, &protocol.Error{Kind: protocol.ErrPolicy, Text: "profile " + r.Profile + ": does not own " + r.URL.String()}
		}
	}
	return nil, &protocol.Error{Kind: protocol.ErrNoProfile, Text: "no profile owns " + r.URL.String()}
}

func (o *owner) token() secret.Text {
	return secret.New(fmt.Sprintf("%s.%d", o.given.Profile, o.number))
}

// Get implements protocol.Answerer.
func (a *answerer) Get(ctx context.Context, r protocol.Request) (protocol.Credential, error) {
	if a.before != nil {
		a.before(r)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, r)
	if err := ctx.Err(); err != nil {
		return protocol.Credential{}, errors.Join(protocol.ErrUnreachable, err)
	}
	o, err := a.find(r)
	if err == nil {
		err = o.fails
	}
	if err != nil {
		return protocol.Credential{}, err
	}
	if !r.Refused.IsZero() {
		a.dropped = append(a.dropped, r.Refused.Token.Reveal())
	}
	if r.Refused.Of(o.token()) && !a.stuck {
		o.number++
	}
	c := o.given
	c.Secret = o.token()
	return c, nil
}

// Forget implements protocol.Answerer.
func (a *answerer) Forget(_ context.Context, r protocol.Request) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	o, err := a.find(r)
	if err != nil {
		return err
	}
	a.dropped = append(a.dropped, r.Refused.Token.Reveal())
	if r.Refused.Token.Equal(o.token()) && !a.stuck {
		o.number++
	}
	return nil
}

// count is how often it was asked.
func (a *answerer) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.asked)
}

// sees is a RoundTripper that keeps what reaches it and answers from a list of
// "STATUS" or "STATUS NAME: VALUE; NAME: VALUE"; the last one repeats.
type sees struct {
	mu      sync.Mutex
	answers []string
	headers []http.Header
	urls    []string
	bodies  []string
	times   []time.Time
	given   []*watched
}

// open is how many answers were not closed.
func (s *sees) open() (n int) {
	for _, body := range s.given {
		if !body.closed {
			n++
		}
	}
	return n
}

func (s *sees) RoundTrip(req *http.Request) (*http.Response, error) {
	body := ""
	if req.Body != nil {
		read, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		body = string(read)
		_ = req.Body.Close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.headers = append(s.headers, req.Header.Clone())
	s.urls = append(s.urls, req.URL.String())
	s.bodies = append(s.bodies, body)
	s.times = append(s.times, time.Now())
	say := "200"
	if len(s.answers) > 0 {
		say = s.answers[0]
	}
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	status, field, _ := strings.Cut(say, " ")
	answer := &http.Response{Header: http.Header{}, Request: req, Body: stream("said " + status)}
	s.given = append(s.given, answer.Body.(*watched))
	if _, err := fmt.Sscan(status, &answer.StatusCode); err != nil {
		return nil, err
	}
	for one := range strings.SplitSeq(field, "; ") {
		if name, value, ok := strings.Cut(one, ": "); ok {
			answer.Header.Set(name, value)
		}
	}
	return answer, nil
}

// tokens are the Authorization fields that were seen, "-" where there was none.
func (s *sees) tokens() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, h := range s.headers {
		all = append(all, sentToken(h))
	}
	return strings.Join(all, " ")
}

// sentToken is what Authorization holds after its scheme, "-" without the field.
func sentToken(h http.Header) string {
	values, is := h["Authorization"]
	if !is {
		return "-"
	}
	return strings.TrimPrefix(strings.Join(values, "+"), "Bearer ")
}

func (s *sees) sent() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.headers)
}

// over is the transport that the tests begin with: the profile "api" owns
// https://api.example.com.
func over(t testing.TB, answers ...string) (*bearer.Transport, *answerer, *sees) {
	t.Helper()
	a, s := owns(t, "api https://api.example.com"), &sees{answers: answers}
	return &bearer.Transport{Answerer: a, Base: s}, a, s
}

func newRequest(t testing.TB, method, url string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// watched is a body that reports whether it was closed. It has no GetBody: it is a
// stream.
type watched struct {
	io.Reader
	closed bool
}

func (w *watched) Close() error { w.closed = true; return nil }

func stream(text string) *watched { return &watched{Reader: strings.NewReader(text)} }

// text reads an answer to its end.
func text(t testing.TB, answer *http.Response) string {
	t.Helper()
	defer answer.Body.Close()
	read, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(read)
}
