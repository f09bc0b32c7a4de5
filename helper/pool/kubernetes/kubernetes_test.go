package kubernetes_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/pool"
	"github.com/credhelper/credhelper/helper/pool/kubernetes"
	"github.com/credhelper/credhelper/helper/pool/kubernetes/kubetest"
	"github.com/credhelper/credhelper/helper/pool/pooltest"
	"github.com/credhelper/credhelper/protocol/strictjson"
)

const (
	place  = "team/credhelper-pool"
	keeper = "token-of-a-keeper"
	reader = "token-of-a-reader"
)

// clock only moves when somebody waits.
type clock struct{ passed atomic.Int64 }

func (c *clock) now() time.Time {
	return time.Unix(1_800_000_000, 400_000_000).Add(time.Duration(c.passed.Load()))
}
func (c *clock) wait(d time.Duration) { c.passed.Add(int64(d)) }

// newServer returns an API server with one Secret, and fails if it is asked for what it
// should not be.
func newServer(t testing.TB, c *clock) *kubetest.Server {
	t.Helper()
	s := kubetest.New(false, c.now)
	s.SetAccount(keeper, kubetest.Account{Name: "keeper", Secret: place, Verbs: []string{"get", "patch"}})
	s.SetAccount(reader, kubetest.Account{Name: "reader", Secret: place, Verbs: []string{"get"}})
	s.Create(place, nil)
	t.Cleanup(func() {
		s.Close()
		for _, request := range s.Refused() {
			t.Error(request)
		}
	})
	return s
}

func open(s *kubetest.Server, c *clock, name, token string) pool.Store {
	return openAt(&oauth.Client{Now: c.now, Timeout: 10 * time.Second}, s.URL(), name, token)
}

// openAt opens a store at an API server, with the client's clock.
func openAt(client *oauth.Client, url, name, token string) pool.Store {
	return kubernetes.Open(kubernetes.Config{Pool: name, Secret: place, Now: client.Now,
		Ask: func(ctx context.Context, method, path string, headers [][2]string, body []byte) (oauth.Document, error) {
			d, err := client.Ask(ctx, method, url+path, append(headers, [2]string{"Authorization", "Bearer " + token}), body)
			if err != nil {
				err = &pool.Error{Kind: pool.Silent, Text: err.Error()}
			}
			return d, err
		}})
}

// TestStore runs the tests of all stores, with all pools in one Secret.
func TestStore(t *testing.T) {
	c := &clock{}
	s := newServer(t, c)
	pooltest.Run(t, func(_ *testing.T, name string) pool.Store { return open(s, c, name, keeper) }, c.wait)
}

func ask(t *testing.T, s pool.Store, lease string) (pool.Answer, error) {
	t.Helper()
	return s.Ask(t.Context(), "name", pool.Question{Check: "check", Lease: lease})
}

// put makes a token with this text.
func put(t *testing.T, s pool.Store, value string) (number int64) {
	t.Helper()
	a, err := ask(t, s, "host")
	if err != nil || a.Lease == 0 {
		t.Fatalf("%+v, %v", a, err)
	}
	if ours, err := s.Put(t.Context(), "name", pool.Lease{Word: "host", Number: a.Lease}, []byte(value), time.Hour); !ours || err != nil {
		t.Fatalf("%v, %v", ours, err)
	}
	return a.Lease
}

// TestBadDays: what is wrong is said, and whether waiting could help.
func TestBadDays(t *testing.T) {
	for _, c := range []struct {
		name  string
		token string
		make  func(s *kubetest.Server, c *clock)
		kind  pool.Kind
		text  string
	}{
		{"no Secret", keeper, func(s *kubetest.Server, _ *clock) { s.Delete(place) }, pool.Wrong, "there is no Secret " + place},
		{"another's token", "unknown", func(*kubetest.Server, *clock) {}, pool.Wrong, "it does not accept the token (401)"},
		{"an expired token", keeper, func(s *kubetest.Server, c *clock) {
			s.SetAccount(keeper, kubetest.Account{Secret: place, Verbs: []string{"get", "patch"}, Ends: c.now().Add(-time.Second)})
		}, pool.Wrong, "it does not accept the token (401)"},
		{"no role", keeper, func(s *kubetest.Server, _ *clock) { s.SetAccount(keeper, kubetest.Account{Secret: place}) }, pool.Wrong, "it does not allow to get the Secret " + place},
		{"a role to read", reader, func(*kubetest.Server, *clock) {}, pool.Wrong, "it does not allow to patch the Secret " + place},
		{"immutable", keeper, func(s *kubetest.Server, _ *clock) { s.SetImmutable(place) }, pool.Wrong, "is immutable"},
		{"full", keeper, func(s *kubetest.Server, _ *clock) {
			s.SetData(place, map[string][]byte{"other": make([]byte, 512<<10)})
		}, pool.Down, "is full"},
		{"too large to read", keeper, func(s *kubetest.Server, _ *clock) {
			s.SetData(place, map[string][]byte{"other": make([]byte, 1<<20)})
		}, pool.Down, "cannot be read"},
		{"too large a request", keeper, func(s *kubetest.Server, _ *clock) { s.Next(kubetest.Canned{Status: 413}) }, pool.Down, "is full (413)"},
		{"another version", keeper, func(s *kubetest.Server, _ *clock) {
			s.SetData(place, map[string][]byte{"ci.check": []byte("check 9\n")})
		}, pool.Wrong, "a newer release"},
		{"another key", keeper, func(s *kubetest.Server, _ *clock) {
			s.SetData(place, map[string][]byte{"ci.check": []byte("other 1\n")})
		}, pool.Wrong, "the key is that of another pool"},
		{"throttled", keeper, func(s *kubetest.Server, _ *clock) { s.Next(kubetest.Canned{Status: 429}) }, pool.Silent, "it asks to wait (429)"},
		{"gone", keeper, func(s *kubetest.Server, _ *clock) { s.Next(kubetest.Canned{Status: 410}) }, pool.Silent, "it answers 410"},
		{"in trouble", keeper, func(s *kubetest.Server, _ *clock) { s.Next(kubetest.Canned{Status: 500}) }, pool.Silent, "it answers 500"},
		{"no API server", keeper, func(s *kubetest.Server, _ *clock) { s.Next(kubetest.Canned{Status: 302}) }, pool.Wrong, "it refuses the request: 302"},
		{"broken while it is read", keeper, func(s *kubetest.Server, _ *clock) { s.Close() }, pool.Silent, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := &clock{}
			s := newServer(t, now)
			c.make(s, now)
			_, err := ask(t, open(s, now, "ci", c.token), "host")
			failed := new(pool.Error)
			if !errors.As(err, &failed) || failed.Kind != c.kind || !strings.Contains(failed.Text, c.text) {
				t.Errorf("%+v", err)
			}
		})
	}
}

// TestStarting: an API server that has just started knows no roles for a moment. That is not
// a role that is missing: it is asked once more, and for a change nothing is asked twice.
func TestStarting(t *testing.T) {
	c := &clock{}
	s := newServer(t, c)
	refusal := kubetest.Canned{Status: http.StatusForbidden}
	s.Next(refusal)
	if _, err := ask(t, open(s, c, "ci", reader), ""); err != nil {
		t.Errorf("%+v", err)
	}
	s.Log()
	s.Next(refusal, refusal)
	if _, err := ask(t, open(s, c, "ci", keeper), "host"); err == nil {
		t.Error("refused twice")
	}
	if _, err := ask(t, open(s, c, "ci", reader), "host"); err == nil {
		t.Error("a reader leads")
	}
	if got := s.Log(); !slices.Equal(got, []string{"GET 403", "GET 403", "GET 200", "PATCH 403"}) {
		t.Errorf("%q", got)
	}
}

// TestReader: a reader needs the verb get alone, and changes nothing.
func TestReader(t *testing.T) {
	c := &clock{}
	s := newServer(t, c)
	reads := open(s, c, "ci", reader)
	if a, err := ask(t, reads, ""); err != nil || a.Entry != nil {
		t.Errorf("%+v, %v", a, err)
	}
	number := put(t, open(s, c, "ci", keeper), "token")
	before := s.Data(place)
	c.wait(time.Minute)
	if a, err := ask(t, reads, ""); err != nil || string(a.Entry) != "token" {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := reads.Health(t.Context(), pool.Question{Check: "check"}); err != nil {
		t.Error(err)
	}
	if err := reads.Report(t.Context(), "name", number); err == nil {
		t.Error("a report without the verb patch")
	}
	if after := s.Data(place); !equal(before, after) {
		t.Error("the Secret was changed")
	}
}

func equal(a, b map[string][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for key, value := range a {
		if !bytes.Equal(value, b[key]) {
			return false
		}
	}
	return true
}

// TestOthers: what others have in the Secret stays as it is, and what has expired of this
// pool is removed with the next change.
func TestOthers(t *testing.T) {
	c := &clock{}
	s := newServer(t, c)
	s.SetData(place, map[string][]byte{"tls.crt": []byte("certificate"), "ci2.check": []byte("other 1\n")})
	first := open(s, c, "ci", keeper)
	put(t, first, "token")
	if err := errors.Join(first.Report(t.Context(), "name", 1), first.Note(t.Context(), []byte("line"))); err != nil {
		t.Fatal(err)
	}
	keys := func() string {
		var list []string
		for key := range s.Data(place) {
			list = append(list, key)
		}
		slices.Sort(list)
		return strings.Join(list, " ")
	}
	if got := keys(); got != "ci.check ci.log ci.name ci.name.reported ci2.check tls.crt" {
		t.Errorf("%s", got)
	}
	c.wait(72 * time.Hour)
	if _, err := first.Ask(t.Context(), "second", pool.Question{Check: "check", Lease: "host"}); err != nil {
		t.Fatal(err)
	}
	if got := keys(); got != "ci.check ci.log ci.second ci2.check tls.crt" {
		t.Errorf("%s", got)
	}
}

// TestThrottled: how long the server asks to wait is known to who asks again.
func TestThrottled(t *testing.T) {
	c := &clock{}
	s := newServer(t, c)
	for _, canned := range []kubetest.Canned{{Status: 429, After: 1}, {Status: 503, After: 7}, {Status: 500}} {
		s.Next(canned)
		_, err := ask(t, open(s, c, "ci", keeper), "")
		failed := new(pool.Error)
		if !errors.As(err, &failed) || failed.Kind != pool.Silent || failed.After != time.Duration(canned.After)*time.Second {
			t.Errorf("%+v: %+v", canned, err)
		}
	}
}

// TestRequests: what a token of the pool costs: four requests for the host that makes it, and
// one for a host that takes it, or two if nobody has asked for half a minute.
func TestRequests(t *testing.T) {
	c := &clock{}
	s := newServer(t, c)
	if _, err := ask(t, open(s, c, "ci", keeper), "first"); err != nil { // it writes the check value, too
		t.Fatal(err)
	}
	c.wait(time.Minute)
	s.Log()
	put(t, open(s, c, "ci", keeper), "token")
	if got := s.Log(); !slices.Equal(got, []string{"GET 200", "PATCH 200", "GET 200", "PATCH 200"}) {
		t.Errorf("%q", got)
	}
	for _, wait := range []time.Duration{0, 31 * time.Second, 20 * time.Second} {
		c.wait(wait)
		if _, err := ask(t, open(s, c, "ci", keeper), "other"); err != nil {
			t.Error(err)
		}
	}
	if got := s.Log(); !slices.Equal(got, []string{"GET 200", "GET 200", "PATCH 200", "GET 200"}) {
		t.Errorf("%q", got)
	}
}

// FuzzLoad: whatever answers in place of an API server is read or refused.
func FuzzLoad(f *testing.F) {
	c := &clock{}
	s := newServer(f, c)
	f.Add([]byte(`{"kind":"Secret","metadata":{"resourceVersion":"1"},"data":{"ci.name":"Q1JSMQ==","ci.check":"Y2hlY2sgMQo="}}`))
	f.Add([]byte(`{"kind":"Secret","metadata":{"resourceVersion":"1"},"data":[]}`))
	f.Add([]byte(`{"kind":"Secret","metadata":{},"data":{"ci.name":1}}`))
	f.Add([]byte(fmt.Sprintf(`{"kind":"Secret","metadata":{"resourceVersion":"1"},"data":{"ci.log":%q}}`, strings.Repeat("A", 100))))
	s.Close()
	f.Fuzz(func(t *testing.T, b []byte) {
		store := kubernetes.Open(kubernetes.Config{Pool: "ci", Secret: place, Now: c.now,
			Ask: func(context.Context, string, string, [][2]string, []byte) (oauth.Document, error) {
				d := oauth.Document{Status: http.StatusOK, Date: c.now()}
				if v, err := strictjson.Parse(b); err == nil && v.Kind() == strictjson.Object {
					d.JSON = v
				}
				return d, nil
			}})
		if a, err := store.Ask(t.Context(), "name", pool.Question{Check: "check"}); err != nil && a.Entry != nil {
			t.Error("an answer and an error")
		}
		_, _ = store.Notes(t.Context(), 5)
	})
}
