package bearer_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/bearer"
)

// TestPatience: what is waited for, how long, and what the caller gets. A wait is
// as long as it must, and at most a quarter of a second longer.
func TestPatience(t *testing.T) {
	const second = time.Second
	for _, c := range []struct {
		name    string
		method  string
		answers []string
		waits   []time.Duration
		want    int
	}{
		{"seconds", "GET", []string{"429 Retry-After: 7", "200"}, []time.Duration{7 * second}, 200},
		{"a date", "GET", []string{"429 Retry-After: Sat, 01 Jan 2000 00:00:09 GMT", "200"}, []time.Duration{9 * second}, 200},
		{"a date by a clock that is an hour off", "GET",
			[]string{"429 Date: Sat, 01 Jan 2000 01:00:00 GMT; Retry-After: Sat, 01 Jan 2000 01:00:09 GMT", "200"}, []time.Duration{9 * second}, 200},
		{"Jama names no time", "GET", []string{"429", "429", "429", "429", "429", "200"},
			[]time.Duration{3 * second, 5 * second, 8 * second, 13 * second, 13 * second}, 200},
		{"never again", "GET", []string{"429"}, []time.Duration{3 * second, 5 * second, 8 * second, 13 * second, 13 * second, 13 * second}, 429},
		{"nonsense counts as absent", "GET", []string{"429 Retry-After: soon", "200"}, []time.Duration{3 * second}, 200},
		{"none counts as absent", "GET", []string{"429 Retry-After: 0", "200"}, []time.Duration{3 * second}, 200},
		{"negative counts as absent", "GET", []string{"429 Retry-After: -5", "200"}, []time.Duration{3 * second}, 200},
		{"past counts as absent", "GET", []string{"429 Retry-After: Fri, 31 Dec 1999 23:59:00 GMT", "200"}, []time.Duration{3 * second}, 200},
		{"longer than a minute", "GET", []string{"429 Retry-After: 61", "200"}, nil, 429},
		{"longer than a minute in all", "GET", []string{"429 Retry-After: 40", "429 Retry-After: 40", "200"}, []time.Duration{40 * second}, 429},
		{"absurd", "GET", []string{"429 Retry-After: 99999999999999999999999", "200"}, nil, 429},
		{"POST", "POST", []string{"429 Retry-After: 1", "200"}, []time.Duration{second}, 200},
		{"503 that names a time", "GET", []string{"503 Retry-After: 2", "200"}, []time.Duration{2 * second}, 200},
		{"503 alone", "GET", []string{"503", "200"}, nil, 503},
		{"503 after a POST, which may have been done", "POST", []string{"503 Retry-After: 2", "200"}, nil, 503},
		{"refused after the wait", "GET", []string{"429 Retry-After: 1", "401", "200"}, []time.Duration{second, 0}, 200},
		{"wait after refused", "GET", []string{"401", "429 Retry-After: 1", "200"}, []time.Duration{0, second}, 200},
		{"a time in another answer", "GET", []string{"500 Retry-After: 2", "200"}, nil, 500},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				transport, _, s := over(t, c.answers...)
				req := newRequest(t, c.method, "https://api.example.com/", nil)
				if c.method == "POST" {
					req = newRequest(t, c.method, "https://api.example.com/", strings.NewReader("bytes"))
				}
				answer, err := transport.RoundTrip(req)
				if err != nil || answer.StatusCode != c.want || !strings.HasPrefix(text(t, answer), "said ") || s.sent() != len(c.waits)+1 {
					t.Fatalf("%v, %v, sent %d", answer, err, s.sent())
				}
				for i, wait := range c.waits {
					if got := s.times[i+1].Sub(s.times[i]); got < wait || wait > 0 && got > wait+time.Second/4 || wait == 0 && got > 0 {
						t.Errorf("wait %d was %v, want %v", i, got, wait)
					}
				}
			})
		})
	}
}

// TestPatienceStream: a body that cannot be had again is not sent again, but the
// others wait.
func TestPatienceStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport, _, s := over(t, "429 Retry-After: 5", "200")
		answer, err := transport.RoundTrip(newRequest(t, "POST", "https://api.example.com/", stream("bytes")))
		if err != nil || answer.StatusCode != 429 || s.sent() != 1 {
			t.Fatalf("%v, %v, sent %d", answer, err, s.sent())
		}
		began := time.Now()
		answer, err = transport.RoundTrip(newRequest(t, "GET", "https://api.example.com/other", nil))
		if took := time.Since(began); err != nil || answer.StatusCode != 200 || took < 5*time.Second {
			t.Errorf("%v, %v, took %v", answer, err, took)
		}
	})
}

// TestPatienceShared: one 429 makes all requests to that server wait, and no
// other's. They do not come back at once: Jama takes ten calls a second.
func TestPatienceShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sees{answers: []string{"429 Retry-After: 10", "200"}}
		transport := &bearer.Transport{Answerer: owns(t, "api https://api.example.com https://b.example.com"), Base: s}
		began := time.Now()
		var wait sync.WaitGroup
		call := func(url string) {
			wait.Go(func() {
				if answer, err := transport.RoundTrip(newRequest(t, "GET", url, nil)); err != nil || answer.StatusCode != 200 {
					t.Errorf("%v, %v", answer, err)
				}
			})
		}
		call("https://api.example.com/")
		synctest.Wait()
		const n = 300
		for range n {
			call("https://api.example.com/")
		}
		synctest.Wait()
		if s.sent() != 1 {
			t.Fatalf("%d did not wait", s.sent()-1)
		}
		call("https://b.example.com/")
		synctest.Wait()
		if s.sent() != 2 {
			t.Error("another server's request waits, too")
		}
		wait.Wait()
		crowded := map[int]int{} // by second
		for _, at := range s.times[2:] {
			after := at.Sub(began)
			if after < 10*time.Second || after > time.Minute {
				t.Errorf("one came after %v", after)
			}
			crowded[int(after/time.Second)]++
		}
		for at, many := range crowded {
			if many > n/4 {
				t.Errorf("%d of %d came in second %d", many, n, at)
			}
		}
		if len(crowded) < 15 {
			t.Errorf("all came within %d s", len(crowded))
		}
	})
}

// TestPatienceLonger: who asks for less does not shorten what another answer asked
// for.
func TestPatienceLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sees{answers: []string{"429 Retry-After: 20", "429 Retry-After: 1", "200"}}
		slow := roundTripper(func(req *http.Request) (*http.Response, error) {
			if req.URL.Path == "/slow" {
				time.Sleep(time.Second)
			}
			return s.RoundTrip(req)
		})
		transport := &bearer.Transport{Answerer: owns(t, "api https://api.example.com"), Base: slow}
		var wait sync.WaitGroup
		for _, path := range []string{"/slow", "/quick"} {
			wait.Go(func() {
				if answer, err := transport.RoundTrip(newRequest(t, "GET", "https://api.example.com"+path, nil)); err != nil || answer.StatusCode != 200 {
					t.Errorf("%v, %v", answer, err)
				}
			})
			synctest.Wait() // the slow one is through the gate
		}
		wait.Wait()
		for _, at := range s.times[2:] {
			if after := at.Sub(s.times[0]); after < 20*time.Second {
				t.Errorf("sent again after %v", after)
			}
		}
	})
}

// TestPatienceLimits: nobody waits in vain. Who cannot wait long enough gets the
// 429; who has none to get, because another one's shut the gate, an error that
// says when to come back.
func TestPatienceLimits(t *testing.T) {
	for _, c := range []struct {
		name    string
		maxWait time.Duration
		ctx     time.Duration
	}{
		{"MaxWait", 5 * time.Second, time.Hour},
		{"no wait at all", -1, time.Hour},
		{"the context", 0, 10 * time.Second},
		{"the context, with no time for an answer", 0, 10*time.Second + 400*time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				transport, a, s := over(t, "429 Retry-After: 10", "200")
				transport.MaxWait = c.maxWait
				ctx, cancel := context.WithTimeout(t.Context(), c.ctx)
				defer cancel()
				began := time.Now()
				answer, err := transport.RoundTrip(newRequest(t, "GET", "https://api.example.com/", nil).WithContext(ctx))
				if err != nil || answer.StatusCode != 429 || text(t, answer) != "said 429" || time.Since(began) > 0 {
					t.Errorf("%v, %v after %v", answer, err, time.Since(began))
				}
				body := stream("bytes")
				req := newRequest(t, "POST", "https://api.example.com/", body).WithContext(ctx)
				_, err = transport.RoundTrip(req)
				known := new(protocol.Error)
				if !errors.Is(err, protocol.ErrUnreachable) || !errors.As(err, &known) || known.RetryAfter != 10 || !body.closed {
					t.Errorf("another: %v, body closed %v", err, body.closed)
				}
				if s.sent() != 1 || a.count() != 1 {
					t.Errorf("sent %d, asked %d", s.sent(), a.count())
				}
				time.Sleep(10 * time.Second)
				if answer, err = transport.RoundTrip(newRequest(t, "GET", "https://api.example.com/", nil)); err != nil || answer.StatusCode != 200 {
					t.Errorf("after the wait: %v, %v", answer, err)
				}
			})
		})
	}
}

// TestPatienceHour: a server that asks for a year is asked again after an hour.
func TestPatienceHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport, a, s := over(t, "429 Retry-After: 31536000", "200")
		a.owners[0].given.Expires += 3600
		for _, wait := range []time.Duration{0, time.Hour - 2*time.Minute, 2 * time.Minute} {
			time.Sleep(wait)
			_, _ = transport.RoundTrip(newRequest(t, "GET", "https://api.example.com/", nil))
		}
		if s.sent() != 2 {
			t.Errorf("sent %d times, want 2", s.sent())
		}
	})
}

// TestPatienceCancelled: a wait ends with the request's context.
func TestPatienceCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport, _, s := over(t, "429 Retry-After: 10", "200")
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		began := time.Now()
		_, err := transport.RoundTrip(newRequest(t, "GET", "https://api.example.com/", nil).WithContext(ctx))
		if !errors.Is(err, context.Canceled) || time.Since(began) != time.Second || s.sent() != 1 {
			t.Errorf("%v after %v, sent %d", err, time.Since(began), s.sent())
		}
	})
}

// TestPatienceNewToken: the token is asked for after the wait; it may have ended
// meanwhile.
func TestPatienceNewToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport, a, s := over(t, "429 Retry-After: 10", "200")
		time.AfterFunc(5*time.Second, func() { a.mu.Lock(); a.owners[0].number = 2; a.mu.Unlock() })
		answer, err := transport.RoundTrip(newRequest(t, "GET", "https://api.example.com/", nil))
		if err != nil || answer.StatusCode != 200 || s.tokens() != "api.1 api.2" {
			t.Errorf("%v, %v, sent %s", answer, err, s.tokens())
		}
	})
}

// TestPatienceGiven: clock and sleep are given where a test wants no waiting.
func TestPatienceGiven(t *testing.T) {
	transport, _, s := over(t, "429 Retry-After: 10", "200")
	now := time.Now()
	transport.Now = func() time.Time { return now }
	transport.Sleep = func(_ context.Context, d time.Duration) error { now = now.Add(d); return nil }
	began := time.Now()
	answer, err := transport.RoundTrip(newRequest(t, "GET", "https://api.example.com/", http.NoBody))
	if err != nil || answer.StatusCode != 200 || s.sent() != 2 || time.Since(began) > 5*time.Second {
		t.Errorf("%v, %v, sent %d", answer, err, s.sent())
	}
}
