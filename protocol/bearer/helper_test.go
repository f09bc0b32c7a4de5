package bearer_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/bearer"
)

// newHelper is the helper itself in a home of its own, with the profile "demo" of
// the server's one client. Its clock is so many seconds ahead.
func newHelper(t testing.TB, server *oauthtest.Server, ahead *atomic.Int64) *helper.Helper {
	t.Helper()
	root := filepath.ToSlash(t.TempDir()) // a backslash means something in TOML
	dirs := cache.Dirs{Config: root + "/config", Data: root + "/data", State: root + "/state", System: root + "/etc", Runtime: root + "/runtime"}
	for path, content := range map[string]string{
		root + "/secret": "secret\n",
		dirs.Profiles() + "/demo.toml": "client_id = \"client\"\nsecret = [\"file\", \"" + root + "/secret\"]\n" +
			"url = \"" + server.URL() + "\"\ntoken_url = \"" + server.TokenURL() + "\"\n",
	} {
		if err := os.MkdirAll(dirs.Profiles(), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { // or the tests would fill the kernel's keyring
		if store, err := cache.Open(dirs); err == nil {
			_ = store.ForgetKey(context.Background())
			store.Close()
		}
	})
	return helper.New(helper.Config{
		Dirs:  dirs,
		Now:   func() time.Time { return time.Now().Add(time.Duration(ahead.Load()) * time.Second) },
		Clock: func(now time.Time) cache.Clock { return cache.Clock{Unix: now.Unix()} },
		Env:   func(string) string { return "" },
		HTTP:  oauth.NewHTTPClient,
	})
}

// TestHelper: with the helper itself behind the transport, 50 goroutines cost one
// token request, and one more after the server revoked their token under them, which
// was no new one.
func TestHelper(t *testing.T) {
	server := oauthtest.Start(t, oauthtest.Options{})
	var ahead atomic.Int64
	h := newHelper(t, server, &ahead)
	client := &http.Client{Transport: &bearer.Transport{Answerer: h, Profile: "demo"}}
	defer client.CloseIdleConnections()
	source := &bearer.TokenSource{Answerer: h, Request: protocol.Request{Profile: "demo"}}
	for round := 1; round <= 3; round++ {
		var wait sync.WaitGroup
		for range 50 {
			wait.Go(func() {
				answer, err := client.Get(server.URL() + "/me")
				if err != nil {
					t.Error(err)
					return
				}
				answer.Body.Close()
				if answer.StatusCode != http.StatusOK {
					t.Errorf("round %d: %s", round, answer.Status)
				}
			})
		}
		wait.Wait()
		if n := server.Count(); n != round {
			t.Errorf("round %d: %d token requests", round, n)
		}
		mustToken(t, source)
		ahead.Add(61)
		server.RevokeAll()
	}
	if n := server.Count(); n != 3 {
		t.Errorf("%d token requests", n)
	}
}
