package door

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// TestLimit: a second's requests go at once, the others one after the other, and after a
// pause a second's worth goes at once again.
func TestLimit(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	l := limiter{each: perRequest(10)}
	for i := range 20 {
		want := max(0, time.Duration(i-9)*100*time.Millisecond)
		if wait, ok := l.turn(now); wait != want || !ok {
			t.Errorf("request %d waits %v, want %v", i+1, wait, want)
		}
	}
	now = now.Add(time.Minute)
	for i := range 11 {
		if wait, _ := l.turn(now); (wait > 0) != (i == 10) {
			t.Errorf("a minute later request %d waits %v", i+1, wait)
		}
	}
	for range 300 {
		l.turn(now)
	}
	if wait, ok := l.turn(now); ok || wait < longestTurn {
		t.Errorf("it waits %v, %v", wait, ok)
	}
}

// answers has a token for everybody.
type answers struct{}

func (answers) Get(context.Context, protocol.Request) (protocol.Credential, error) {
	return protocol.Credential{Scheme: "Bearer", Secret: secret.New(realToken), Expires: time.Now().Unix() + 3600}, nil
}

func (answers) Forget(context.Context, protocol.Request) error { return nil }

// sends records when requests are sent.
type sends struct {
	mu sync.Mutex
	at []time.Time
}

func (s *sends) RoundTrip(*http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = append(s.at, time.Now())
	return &http.Response{StatusCode: 200, Body: http.NoBody, Header: http.Header{}}, nil
}

// TestLimitOfAll: all guests of an API together send no more than its limit, and nobody's
// request is lost.
func TestLimitOfAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := &sends{}
		api, err := NewAPI(APIConfig{Answerer: answers{}, Profile: "jama", Base: "https://api.example", Field: "Authorization", Limit: 10, Send: sent, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		var all sync.WaitGroup
		for _, name := range []string{"a", "b", "c"} {
			all.Go(func() {
				ctx := context.WithValue(t.Context(), guestKey{}, &Guest{Name: name})
				for range 20 {
					r, err := http.NewRequestWithContext(ctx, "GET", "https://api.example/x", nil)
					if err == nil {
						_, err = api.transport.RoundTrip(r)
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if len(sent.at) != 60 {
			t.Errorf("%d of 60 requests were sent", len(sent.at))
		}
		for i, at := range sent.at { // 10 at once, then one each tenth of a second
			if earliest := began.Add(time.Duration(i-9) * time.Second / 10); at.Before(earliest) {
				t.Errorf("request %d is %v early", i, earliest.Sub(at))
			}
		}
		if took := time.Since(began); took > 6*time.Second {
			t.Errorf("they took %v", took)
		}
	})
}
