package helper_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
)

// federated is a profile whose client shows an assertion from a source.
func federated(auth, source string) string {
	return plain + fmt.Sprintf("client_auth = %q\n[assertion]\nfrom = %s\n", auth, source)
}

// noToken fails unless a call of the profile "demo" ends with an error that is one clean
// line without a secret, and the token endpoint was not asked.
func (h *home) noToken(t *testing.T, kind error, parts ...string) {
	t.Helper()
	_, err := h.get(protocol.Request{Profile: "demo", Refresh: true})
	if err == nil {
		t.Fatal("no error")
	}
	wantError(t, err, kind, parts...)
	known := new(protocol.Error)
	errors.As(err, &known)
	for _, text := range append(h.warnings, err.Error(), known.Hint) {
		if strings.Contains(text, "c4n4ry") || strings.ContainsAny(text, "\n\x1b\x00") || len(text) > 1000 {
			t.Errorf("%d bytes: %.300q", len(text), text)
		}
	}
	if n := h.server.Count(); n != 0 {
		t.Errorf("the token endpoint was asked %d times", n)
	}
}

// TestRunnerHostile: a job's runner that answers anything, or whatever else listens there.
func TestRunnerHostile(t *testing.T) {
	say := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	redirect := func(status int, to string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Location", to); w.WriteHeader(status) }
	}
	cut := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
				_, _ = conn.Write([]byte(text))
				_ = conn.Close()
			}
		}
	}
	const none, permission = "the runner gives no ID token: 200: its answer has none", "has the job the permission id-token: write"
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		says   string
	}{
		"a page":               {say(200, "<html>sign in</html>"), none},
		"nothing":              {say(200, ""), none},
		"no value":             {say(200, `{}`), none},
		"an empty value":       {say(200, `{"value":""}`), none},
		"a number":             {say(200, `{"value":7}`), none},
		"an object":            {say(200, `{"value":{"value":"id"}}`), none},
		"a value twice":        {say(200, `{"value":"a","value":"b"}`), none},
		"too long":             {say(200, `{"value":"`+strings.Repeat("x", 4<<20)+`"}`), "the runner gives no ID token: 200: "},
		"a header in it":       {say(200, `{"value":"id\r\nX-Evil: c4n4ry"}`), none},
		"a line end":           {say(200, `{"value":"id-c4n4ry\n"}`), none},
		"a blank":              {say(200, `{"value":"id c4n4ry"}`), none},
		"blanks":               {say(200, `{"value":"  "}`), none},
		"no ASCII":             {say(200, `{"value":"id-c4n4ryü"}`), none},
		"an escape sequence":   {say(200, `{"value":"id\u001b[31m"}`), none},
		"created":              {say(201, `{"value":"id-c4n4ry"}`), "the runner gives no ID token: 201"},
		"401 with our token":   {say(401, `{"message":"job-token-c4n4ry"}`), permission},
		"403":                  {say(403, `{"message":"Resource not accessible by integration"}`), permission},
		"429":                  {say(429, `{}`), "the runner's, and does it work?"},
		"503":                  {say(503, `<html>`), "the runner's, and does it work?"},
		"a redirect elsewhere": {redirect(307, "https://evil.example/x?y=c4n4ry"), "307, a redirect to https://evil.example, which is not followed"},
		"our token as a host":  {redirect(307, "https://job-token-c4n4ry.example/x"), "which is not followed"},
		"a redirect to a file": {redirect(302, "file:///etc/passwd"), "the runner gives no ID token: 302"},
		"it hangs":             {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "no answer in time"},
		"no HTTP":              {cut("220 smtp job-token-c4n4ry\r\n"), "is not acceptable HTTP/1.1"},
		"it hangs up":          {cut(""), "the connection broke before an answer"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHome(t, oauthtest.Options{})
			s := httptest.NewServer(c.answer)
			t.Cleanup(s.Close)
			h.env[keyring.GitHubURL], h.env[keyring.GitHubToken] = s.URL+"/x?api-version=2.0", "job-token-c4n4ry"
			h.profile("demo", federated("federation", `["github", "aud"]`))
			h.noToken(t, protocol.ErrLocked, c.says)
		})
	}
}

// TestRunnerVariables: where a job's variables name something else than a runner, nobody is
// asked, and the line does not repeat them.
func TestRunnerVariables(t *testing.T) {
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	t.Cleanup(s.Close)
	h := newHome(t, oauthtest.Options{})
	h.profile("demo", federated("federation", `["github", "aud"]`))
	const is = keyring.GitHubURL + " is "
	for _, c := range []struct{ url, token, says string }{
		{s.URL + "/#c4n4ry", "t", "holds a fragment"},
		{"https://u:c4n4ry@runner.example/", "t", "holds a user or password"},
		{"http://runner.example/c4n4ry", "t", is + "plain http"},
		{"http://localhost:1/c4n4ry", "t", is + "plain http to localhost"},
		{"ftp://c4n4ry/", "t", is + "neither https nor http"},
		{"/c4n4ry", "t", is + "not an absolute URL"},
		{"https://c4n4ry\x00/", "t", is + "not an absolute URL"},
		{s.URL + "/\n", "t", is + "not an absolute URL"},
		{" " + s.URL, "t", is + "not an absolute URL"},
		{s.URL + "/?", "t", "holds an empty query"},
		{s.URL + "/?audience=c4n4ry", "t", `holds "audience" in its query`},
		{s.URL + "/?a=b;c4n4ry", "t", "holds a query that cannot be read"},
		{s.URL, "c4n4ry\r\nX-Evil: 1", keyring.GitHubToken + " is no token"},
		{s.URL, "c4n4ry\n", keyring.GitHubToken + " is no token"},
		{s.URL, "c4n4 ry", keyring.GitHubToken + " is no token"},
		{s.URL, "c4n4ryü", keyring.GitHubToken + " is no token"},
		{s.URL, strings.Repeat("x", 1<<20), keyring.GitHubToken + " is no token"},
	} {
		h.env[keyring.GitHubURL], h.env[keyring.GitHubToken] = c.url, c.token
		h.noToken(t, protocol.ErrPolicy, c.says)
	}
	for name, others := range map[string]string{keyring.GitHubURL: "", keyring.GitHubToken: s.URL} {
		h.env[keyring.GitHubURL], h.env[keyring.GitHubToken] = others, "t"
		h.env[name] = ""
		h.noToken(t, protocol.ErrLocked, "this is no job that may ask for an ID token", "id-token: write")
	}
	if asked != 0 {
		t.Errorf("%d requests", asked)
	}
}

// TestSVIDFile: what a file of a SPIFFE agent may hold. What can be no JWT is not sent; one
// that the server does not believe is refused once, until the agent writes another.
func TestSVIDFile(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	path := h.dirs.Config + "/svid"
	h.profile("demo", federated("spiffe", fmt.Sprintf("[\"file\", %q]", path)))
	h.noToken(t, protocol.ErrPolicy, "assertion.from: file ")
	for content, says := range map[string]string{
		"":                                      "empty",
		"\n":                                    "empty",
		"c4n4ry.c4n4ry.x\r\nX-Evil: 1":          "a line break",
		"c4n4ry.c4n4ry.x\nsecond":               "a line break",
		"\ufeffc4n4ry.c4n4ry.x":                 "byte order mark",
		"c4n4ry c4n4ry":                         "what assertion.from names is not one line of printable ASCII",
		"c4n4ryü":                               "what assertion.from names is not one line of printable ASCII",
		`{"svids":[{"svid":"c4n4ry"}], "x": 1}`: "what assertion.from names is not one line of printable ASCII",
		strings.Repeat("c4n4ry", 20_000):        "more than 65536 bytes",
	} {
		h.write(path, content)
		h.noToken(t, protocol.ErrPolicy, says)
	}
	h.write(path, "eyJhbGciOiJub25lIn0.e30.over")
	for _, refresh := range []bool{true, false} { // a person's call, then a tool's
		_, err := h.get(protocol.Request{Profile: "demo", Refresh: refresh})
		wantError(t, err, protocol.ErrRefused, "invalid_client")
		if strings.Contains(err.Error(), "eyJ") {
			t.Error(err)
		}
	}
	if n := h.server.Count(); n != 1 {
		t.Errorf("%d refused logins, want 1", n)
	}
	h.write(path, "eyJhbGciOiJub25lIn0.e30.next")
	_, err := h.get(named)
	wantError(t, err, protocol.ErrRefused, "invalid_client")
	if n := h.server.Count(); n != 2 {
		t.Errorf("%d logins, want 2: another assertion is tried", n)
	}
}
