package helper_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
)

// behindProxy is a home whose server is somewhere else, where nobody answers, and a proxy
// that refuses everybody with 407.
func behindProxy(t *testing.T) (h *home, proxy string, asked *atomic.Int32) {
	t.Helper()
	h = newHome(t, oauthtest.Options{})
	h.profile("demo", "client_id = \"client\"\nurl = \"https://api.example.com\"\ntoken_url = \"https://0.0.0.0:1/token\"\n")
	h.store("demo", "secret")
	asked = new(atomic.Int32)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusProxyAuthRequired)
	}))
	t.Cleanup(server.Close)
	return h, server.Listener.Addr().String(), asked
}

// TestProxyPassword (A6, A12): a proxy's 407 is told as such, exit 7, and a wrong
// password is not sent by each call, because domain accounts are locked for that.
// Another password is tried at once.
func TestProxyPassword(t *testing.T) {
	h, proxy, asked := behindProxy(t)
	h.env["HTTPS_PROXY"] = "http://user:wr0ng@" + proxy
	_, err := h.get(named)
	wantError(t, err, protocol.ErrRefused, "407: the proxy "+proxy+" refuses the user name or password", "HTTPS_PROXY")
	for range 5 {
		_, err = h.get(named)
		wantError(t, err, protocol.ErrRefused, "not asked again until", proxy)
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the wrong password was sent %d times", n)
	}
	h.env["HTTPS_PROXY"] = "http://user:0ther@" + proxy
	_, err = h.get(named)
	wantError(t, err, protocol.ErrRefused, "407")
	if n := asked.Load(); n != 2 {
		t.Errorf("the proxy was asked %d times; another password was not tried", n)
	}
	if strings.Contains(err.Error(), "0ther") {
		t.Errorf("%v", err)
	}
}

// TestProxyVariable: a variable that cannot be read as a proxy's address is an
// error that says what is wrong with it. It is not "no proxy": that would send the
// request around the proxy, and blame the server for the failure.
func TestProxyVariable(t *testing.T) {
	for _, c := range []struct{ name, value, says string }{
		{"double quotes", `"http://HOST"`, "HTTPS_PROXY has quotation marks in it"},
		{"single quotes", `'http://HOST'`, "HTTPS_PROXY has quotation marks in it"},
		{"backslash", `http://DOM\user:pa55@HOST`, `HTTPS_PROXY has a backslash in it: write it as %5C`},
		{"bare percent", `http://user:pa55%@HOST`, "HTTPS_PROXY cannot be read: in user name and password a % is written as %25"},
		{"no code", `http://user:pa55%zz@HOST`, "HTTPS_PROXY cannot be read: in user name and password a % is written as %25"},
		{"blank", "http://HOST ", "HTTPS_PROXY has a blank in it, perhaps at its end"},
		{"line end", "http://HOST\n", "HTTPS_PROXY has a blank in it"},
		{"SOCKS 4", "socks4://HOST", "HTTPS_PROXY is of a kind that is not known"},
		{"no host", "http://", "HTTPS_PROXY is no address such as http://proxy.example:3128"},
		{"slash", "http://user:pa/55@HOST", "HTTPS_PROXY is no address such as http://proxy.example:3128"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, proxy, asked := behindProxy(t)
			h.unwaited()
			h.env["HTTPS_PROXY"] = strings.ReplaceAll(c.value, "HOST", proxy)
			_, err := h.get(named)
			wantError(t, err, protocol.ErrPolicy, c.says, "credhelper edit demo")
			if strings.Contains(err.Error(), "pa55") || asked.Load() != 0 {
				t.Errorf("%v; the proxy was asked %d times", err, asked.Load())
			}
		})
	}
	t.Run("it does not count with NO_PROXY", func(t *testing.T) {
		h, proxy, _ := behindProxy(t)
		h.unwaited()
		h.env["HTTPS_PROXY"], h.env["NO_PROXY"] = `"http://`+proxy, "0.0.0.0"
		_, err := h.get(named)
		wantError(t, err, protocol.ErrUnreachable, "no connection: connection refused")
	})
	for _, good := range []string{"http://HOST", "HOST", "http://DOM%5Cuser:p%25@HOST"} {
		h, proxy, asked := behindProxy(t)
		h.env["https_proxy"] = strings.ReplaceAll(good, "HOST", proxy)
		_, err := h.get(named)
		wantError(t, err, protocol.ErrRefused, "407: the proxy "+proxy)
		if asked.Load() != 1 {
			t.Errorf("%s: asked %d times", good, asked.Load())
		}
	}
}

// TestAnswerLost (A10): the answer to a refresh or a code breaks off in its middle.
// What was shown may be used up, so it is exit 6, with both ways on; a client's own
// grants ask again.
func TestAnswerLost(t *testing.T) {
	h := signedIn(t, oauthtest.Options{})
	h.wait(2 * time.Hour)
	before := h.server.Count()
	if err := h.server.Queue("content-length-lies-long"); err != nil {
		t.Fatal(err)
	}
	_, err := h.ask()
	wantError(t, err, protocol.ErrLogin, "200: the answer broke off in its middle", "the answer was lost", "try once more", "credhelper login demo")
	if n := h.server.Count() - before; n != 1 {
		t.Errorf("%d requests", n)
	}
	h.wait(3 * time.Second)            // for which all who waited share the failure
	if _, err := h.ask(); err != nil { // this server did not count the one that was lost
		t.Error(err)
	}

	m := ready(t, oauthtest.Options{})
	if err := m.server.Queue("content-length-lies-long"); err != nil {
		t.Fatal(err)
	}
	m.mustGet(named)
	if n := m.server.Count(); n != 2 {
		t.Errorf("%d requests", n)
	}
}
