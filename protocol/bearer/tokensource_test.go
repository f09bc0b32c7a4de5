package bearer_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/bearer"
)

var named = protocol.Request{Profile: "api"}

func mustToken(t testing.TB, s oauth2.TokenSource) *oauth2.Token {
	t.Helper()
	token, err := s.Token()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// TestTokenSource: an answer counts for 100 ms, then the answerer is asked again.
func TestTokenSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := owns(t, "api https://api.example.com")
		s := &bearer.TokenSource{Answerer: a, Request: named}
		token := mustToken(t, s)
		if token.AccessToken != "api.1" || token.Type() != "Bearer" || token.Expiry.Unix() != a.owners[0].given.Expires {
			t.Errorf("got %q, %q, %v", token.AccessToken, token.Type(), token.Expiry)
		}
		a.owners[0].number = 2 // somebody rotated the secret
		for _, step := range []struct {
			wait  time.Duration
			want  string
			asked int
		}{
			{0, "api.1", 1},
			{99 * time.Millisecond, "api.1", 1},
			{time.Millisecond, "api.2", 2},
			{99 * time.Millisecond, "api.2", 2},
			{time.Hour, "", 4}, // the token has ended, and the answerer, asked twice, has no other
		} {
			time.Sleep(step.wait)
			token, err := s.Token()
			if (step.want == "") != (err != nil) || err == nil && token.AccessToken != step.want || a.count() != step.asked {
				t.Errorf("%v later: %v, %v, asked %d times; want %q, %d", step.wait, token, err, a.count(), step.want, step.asked)
			}
		}
	})
}

// TestTokenSourceEnd: a hit does not outlive its token, not even within the
// 100 ms.
func TestTokenSourceEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := owns(t, "api https://api.example.com")
		a.owners[0].given.Expires = time.Now().Add(time.Second).Unix()
		s := &bearer.TokenSource{Answerer: a, Request: named}
		time.Sleep(950 * time.Millisecond)
		mustToken(t, s)
		time.Sleep(49 * time.Millisecond)
		mustToken(t, s)
		time.Sleep(time.Millisecond)
		if token, err := s.Token(); !errors.Is(err, protocol.ErrUnreachable) {
			t.Errorf("a token at its end: %v, %v", token, err)
		}
	})
}

// TestEndsMeanwhile: a token that ends between the answer and its use is no failure:
// the answerer has the next one. Short tokens ended so once in 90,000 calls.
func TestEndsMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := owns(t, "api https://api.example.com")
		last := func(protocol.Request) {
			a.before = func(protocol.Request) { a.owners[0].number, a.owners[0].given.Expires = 2, time.Now().Unix()+60 }
			time.Sleep(time.Second)
		}
		for _, ask := range []func() (string, error){
			func() (string, error) {
				token, err := (&bearer.TokenSource{Answerer: a, Request: named}).Token()
				if err != nil {
					return "", err
				}
				return token.AccessToken, nil
			},
			func() (sent string, err error) {
				base := roundTripper(func(req *http.Request) (*http.Response, error) {
					sent = strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
					return &http.Response{StatusCode: 200, Body: http.NoBody, Header: http.Header{}}, nil
				})
				_, err = (&bearer.Transport{Answerer: a, Base: base}).RoundTrip(newRequest(t, "GET", "https://api.example.com/", nil))
				return sent, err
			},
		} {
			a.owners[0].number, a.owners[0].given.Expires, a.before = 1, time.Now().Unix()+1, last
			if token, err := ask(); err != nil || token != "api.2" {
				t.Errorf("%q, %v", token, err)
			}
		}
	})
}

// TestTokenSourceOneAsks: while one asks the others go on with the token that was
// good a moment ago, and wait if there is none.
func TestTokenSourceOneAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := owns(t, "api https://api.example.com")
		a.before = func(protocol.Request) { time.Sleep(time.Second) }
		s := &bearer.TokenSource{Answerer: a, Request: named}
		all := func(want string, took time.Duration, asked int) {
			t.Helper()
			began := time.Now()
			var longest atomic.Int64
			var wait sync.WaitGroup
			for range 1000 {
				wait.Go(func() {
					if token, err := s.Token(); err != nil || token.AccessToken != want {
						t.Errorf("got %v, %v; want %s", token, err, want)
					}
					longest.Store(max(longest.Load(), int64(time.Since(began))))
				})
			}
			wait.Wait()
			if time.Duration(longest.Load()) != took || a.count() != asked {
				t.Errorf("took %v, asked %d times; want %v, %d", time.Duration(longest.Load()), a.count(), took, asked)
			}
		}
		all("api.1", time.Second, 1) // all wait for the first
		all("api.1", 0, 1)           // hits

		time.Sleep(time.Second)
		go s.Token() // asks
		synctest.Wait()
		all("api.1", 0, 1)
		time.Sleep(time.Second)

		time.Sleep(2 * time.Second) // too long ago to go on with
		all("api.1", time.Second, 3)
	})
}

// TestTokenSourceRefuses: what an oauth2.Token cannot say, and what no header may
// carry (A16).
func TestTokenSourceRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*owner)
		kind  error
	}{
		{"another header", func(o *owner) { o.given.Header = "X-Api-Token" }, protocol.ErrPolicy},
		{"no scheme", func(o *owner) { o.given.Scheme = "" }, protocol.ErrPolicy},
		{"a scheme of two words", func(o *owner) { o.given.Scheme = "Bearer x" }, protocol.ErrPolicy},
		{"a line in the scheme", func(o *owner) { o.given.Scheme = "Bearer\r\nX:" }, protocol.ErrPolicy},
		{"no end", func(o *owner) { o.given.Expires = 0 }, protocol.ErrPolicy},
		{"ended", func(o *owner) { o.given.Expires = 1 }, protocol.ErrUnreachable},
		{"a token with a blank", func(o *owner) { o.given.Profile = "a b" }, protocol.ErrPolicy},
		{"nobody signed in", func(o *owner) { o.fails = protocol.ErrLogin }, protocol.ErrLogin},
	} {
		a := owns(t, "api https://api.example.com")
		c.spoil(a.owners[0])
		token, err := (&bearer.TokenSource{Answerer: a, Request: protocol.Request{Profile: a.owners[0].given.Profile}}).Token()
		if !errors.Is(err, c.kind) || token != nil {
			t.Errorf("%s: %v, %v; want %v", c.name, token, err, c.kind)
		} else if strings.Contains(err.Error(), ".1") || strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("%s: %q", c.name, err)
		}
	}
}

// TestTokenSourceFails: after a failure nothing that was held is given, and the
// next call asks again.
func TestTokenSourceFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := owns(t, "api https://api.example.com")
		s := &bearer.TokenSource{Answerer: a, Request: named}
		mustToken(t, s)
		time.Sleep(time.Second)
		a.owners[0].fails = protocol.ErrLogin
		for range 2 {
			if _, err := s.Token(); !errors.Is(err, protocol.ErrLogin) {
				t.Errorf("got %v", err)
			}
		}
		a.before = func(protocol.Request) { time.Sleep(time.Second) }
		var wait sync.WaitGroup
		for range 2 { // who comes while the other asks does not get the old one, either
			wait.Go(func() {
				if token, err := s.Token(); !errors.Is(err, protocol.ErrLogin) {
					t.Errorf("got %v, %v", token, err)
				}
			})
		}
		wait.Wait()
		a.owners[0].fails = nil
		mustToken(t, s)
		if a.count() != 5 {
			t.Errorf("asked %d times, want 5", a.count())
		}
	})
}

// TestTokenSourcePanics: an answerer that panics hurts its caller only.
func TestTokenSourcePanics(t *testing.T) {
	a := owns(t, "api https://api.example.com")
	a.before = func(protocol.Request) { panic("broken") }
	s := &bearer.TokenSource{Answerer: a, Request: named}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		_, _ = s.Token()
	}()
	a.before = nil
	mustToken(t, s)
}

// TestTokenSourceRequest: Refresh in the request does not fetch ten times a
// second.
func TestTokenSourceRequest(t *testing.T) {
	a := owns(t, "api https://api.example.com")
	mustToken(t, &bearer.TokenSource{Answerer: a, Request: protocol.Request{Profile: "api", Refresh: true, MinTTL: 60}})
	if r := a.asked[0]; r.Verb != protocol.Get || r.Refresh || r.MinTTL != 60 {
		t.Errorf("asked %+v", r)
	}
}

// TestTokenSourceAllocates: a hit allocates nothing.
func TestTokenSourceAllocates(t *testing.T) {
	fixed := time.Now()
	s := &bearer.TokenSource{Answerer: owns(t, "api https://api.example.com"), Request: named, Now: func() time.Time { return fixed }}
	mustToken(t, s)
	if n := testing.AllocsPerRun(1000, func() { _, _ = s.Token() }); n != 0 {
		t.Errorf("a hit allocates %v times", n)
	}
}

// BenchmarkTokenSource is a hit.
func BenchmarkTokenSource(b *testing.B) {
	s := &bearer.TokenSource{Answerer: owns(b, "api https://api.example.com"), Request: named}
	b.Run("hit", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Token(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(500) // goroutines for each processor
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := s.Token(); err != nil {
					b.Error(err)
				}
			}
		})
	})
}
