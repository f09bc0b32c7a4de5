package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/guest"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/door"
	"github.com/credhelper/credhelper/protocol/secret"
)

// items is a keyring in memory.
type items struct {
	mu sync.Mutex
	by map[string]secret.Text
}

func (k *items) Get(_ context.Context, key string) (secret.Text, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if v, known := k.by[key]; known {
		return v, nil
	}
	return secret.Text{}, keyring.ErrNotFound
}

func (k *items) Set(_ context.Context, key string, v secret.Text) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.by[key] = v
	return nil
}

func (k *items) Delete(_ context.Context, key string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.by, key)
	return nil
}

func (k *items) Names(context.Context) ([]string, error) { return nil, nil }

// forgetful is an authorization server and its API, which keep nothing but the current
// token and how many there were.
type forgetful struct {
	life   time.Duration
	mu     sync.Mutex
	issued int
	valid  bool
}

func (f *forgetful) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case r.URL.Path == "/token":
		f.issued++
		f.valid = true
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"Bearer","expires_in":%d}`, f.issued, f.life/time.Second)
	case !f.valid || r.Header.Get("Authorization") != fmt.Sprint("Bearer token-", f.issued):
		w.WriteHeader(401)
	}
}

func (f *forgetful) count() int { f.mu.Lock(); defer f.mu.Unlock(); return f.issued }
func (f *forgetful) revoke()    { f.mu.Lock(); defer f.mu.Unlock(); f.valid = false }

// shop is a door in this process, with one profile and a clock that the test moves.
type shop struct {
	t       *testing.T
	server  *forgetful
	helper  *helper.Helper
	lender  *guest.Lender
	service *service
	client  *http.Client
	url     string
	ahead   atomic.Int64 // of the machine's clock
}

func (s *shop) now() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }

func newShop(t *testing.T, lifetime time.Duration) *shop {
	t.Helper()
	s := &shop{t: t, server: &forgetful{life: lifetime}, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	server := httptest.NewServer(s.server)
	t.Cleanup(server.Close)
	dir := t.TempDir()
	dirs := cache.Dirs{Config: dir + "/config", Data: dir + "/data", State: dir + "/state", Runtime: dir + "/run"}
	text := "preset = \"oauth2\"\norigins = [\"" + server.URL + "\"]\ntoken_url = \"" + server.URL + "/token\"\nclient_id = \"client\"\nsecret = [\"env\", \"DEMO_SECRET\"]\n"
	for name, content := range map[string]string{dirs.Settings(): "keyring = \"file\"\n", dirs.Profiles() + "/demo.toml": text} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	kept := &items{by: map[string]secret.Text{}}
	s.helper = helper.New(helper.Config{Dirs: dirs, Now: s.now, RunsLong: true, HTTP: oauth.NewHTTPClient,
		Env:     func(name string) string { return map[string]string{"DEMO_SECRET": "secret"}[name] },
		Keyring: func(context.Context, config.Settings) (keyring.Keyring, error) { return kept, nil }})
	s.lender = &guest.Lender{Helper: s.helper, Now: s.now}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + l.Addr().String()
	s.service = newService(s.helper, &guest.Book{Helper: s.helper, Now: s.now}, hosts{scheme: "http", list: []string{l.Addr().String()}})
	own := door.NewServer(s.service.handler())
	go func() { _ = own.Serve(&door.Listener{Listener: l, Check: s.service.check}) }()
	t.Cleanup(func() { own.Close(); s.client.CloseIdleConnections() })
	return s
}

// later moves the clock.
func (s *shop) later(d time.Duration) { s.ahead.Add(int64(d)) }

func (s *shop) lend(name string) secret.Text {
	s.t.Helper()
	text, err := s.lender.Lend(s.t.Context(), name, guest.File{Profile: "demo"})
	if err != nil {
		s.t.Fatal(err)
	}
	s.later(time.Second)
	return text
}

// status sends a request and returns the status of its answer.
func (s *shop) status(method, path, proof string, form url.Values) (int, string) {
	r, err := http.NewRequest(method, s.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, err.Error()
	}
	r.Header.Set("Authorization", "Bearer "+proof)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := s.client.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err.Error()
	}
	return answer.StatusCode, string(body)
}

// use requests a token and the API as a guest does: a token that ends between the two, as one
// of 2 s can, is requested again.
func (s *shop) use(text secret.Text) {
	s.t.Helper()
	for tries := 1; ; tries++ {
		status, body := s.status("POST", "/token", text.Reveal(), url.Values{"grant_type": {"client_credentials"}})
		var token struct {
			Token string `json:"access_token"`
		}
		if err := json.Unmarshal([]byte(body), &token); err != nil || status != 200 {
			s.t.Fatal(status, body)
		}
		status, body = s.status("GET", "/me", token.Token, nil)
		if status == 200 {
			return
		}
		if status != 401 || tries == 5 {
			s.t.Fatal(status, body)
		}
		s.later(2 * time.Second)
	}
}

// TestEndOfToken: 10,000 requests at a token's end cost one token request.
func TestEndOfToken(t *testing.T) {
	s := newShop(t, time.Hour)
	text := s.lend("jci")
	s.use(text)
	s.later(time.Hour)
	before := s.server.count()
	var all sync.WaitGroup
	var failed atomic.Int64
	for range 50 {
		all.Go(func() {
			for range 200 {
				if status, _ := s.status("GET", "/me", text.Reveal(), nil); status != 200 {
					failed.Add(1)
				}
			}
		})
	}
	all.Wait()
	if n := s.server.count() - before; n != 1 || failed.Load() != 0 {
		t.Errorf("%d token requests, %d of 10,000 requests failed", n, failed.Load())
	}
}

// held is what a process holds.
type held struct {
	goroutines, files, objects, came int
}

func (s *shop) held() (h held) {
	s.client.CloseIdleConnections()
	s.helper.Wait()
	for range 50 { // connections end a moment later
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		files, _ := os.ReadDir("/proc/self/fd")
		now := held{runtime.NumGoroutine(), len(files), int(m.HeapObjects), len(s.service.journal.visits)}
		if now.goroutines == h.goroutines && now.files == h.files {
			return now
		}
		h = now
		time.Sleep(20 * time.Millisecond)
	}
	return h
}

// TestHour: an hour of tokens of 2 s, of refused tokens, and of guests that come, get
// another secret and go, leaves nothing behind.
func TestHour(t *testing.T) {
	s := newShop(t, 2*time.Second)
	first := s.lend("first")
	var next secret.Text
	hour := func(steps int) {
		for i := range steps {
			s.later(6 * time.Second)
			s.use(first)
			switch i % 20 {
			case 3:
				next = s.lend("next")
				s.use(next)
			case 7:
				s.server.revoke() // of a young token nobody asks another one
				s.status("GET", "/me", first.Reveal(), nil)
			case 11:
				var err error
				if _, next, err = s.lender.Rotate(t.Context(), "next", time.Minute, ""); err != nil {
					t.Fatal(err)
				}
				s.later(time.Second)
				s.use(next)
			case 17:
				if err := s.lender.Revoke(t.Context(), "next"); err != nil {
					t.Fatal(err)
				}
				s.later(time.Second)
				if status, _ := s.status("GET", "/me", next.Reveal(), nil); status != 401 {
					t.Fatalf("a revoked guest: %d", status)
				}
			}
		}
	}
	hour(60)
	before := s.held()
	hour(600)
	after := s.held()
	t.Logf("before %+v, after %+v", before, after)
	if after.goroutines > before.goroutines+2 || after.files > before.files+2 || after.came > before.came+2 || after.objects > before.objects+before.objects/20 {
		t.Errorf("before %+v, after an hour %+v", before, after)
	}
}

// TestWithin: a guest of a door that has less than its profile allows gets no more than
// the door has.
func TestWithin(t *testing.T) {
	type n = protocol.Narrowing
	for _, c := range []struct {
		less, asked, want n
		ok                bool
	}{
		{n{}, n{Scope: "read", Audience: "a"}, n{Scope: "read", Audience: "a"}, true},
		{n{Scope: "read write"}, n{Scope: "read"}, n{Scope: "read"}, true},
		{n{Scope: "read", Audience: "b"}, n{}, n{Scope: "read", Audience: "b"}, true},
		{n{Scope: "read"}, n{Audience: "a"}, n{Scope: "read", Audience: "a"}, true},
		{n{Scope: "read"}, n{Scope: "read write"}, n{Scope: "read write"}, false},
		{n{Audience: "b"}, n{Scope: "read", Audience: "a"}, n{Scope: "read", Audience: "a"}, false},
	} {
		if got, ok := within(c.less, c.asked); got != c.want || ok != c.ok {
			t.Errorf("%+v of %+v: %+v, %v", c.asked, c.less, got, ok)
		}
	}
}

// TestOneAPI: the guests of a profile share its API, and with it the limit, until the
// profile is changed.
func TestOneAPI(t *testing.T) {
	s := newShop(t, time.Hour)
	s.lend("a")
	s.lend("b")
	apis := func() (list []*door.API) {
		rows, problems := s.service.book.Rows(t.Context())
		for _, r := range rows {
			api, err := s.service.api(t.Context(), r)
			if err != nil || api == nil || r.Refused != nil {
				t.Fatal(err, r.Refused)
			}
			list = append(list, api)
		}
		if len(list) != 2 {
			t.Fatal(problems)
		}
		return list
	}
	before := apis()
	if before[0] != before[1] || apis()[0] != before[0] {
		t.Error("each guest has an API of its own, or each request")
	}
	path := s.helper.Dirs.Profiles() + "/demo.toml"
	for _, line := range []string{"limit = \"10/s\"", "refresh_on = [403]"} {
		text, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, append(text, line+"\n"...), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		s.later(time.Second)
		after := apis()
		if after[0] == before[0] || after[0] != after[1] {
			t.Errorf("%s does not count", line)
		}
		before = after
	}
}
