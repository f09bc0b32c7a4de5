//go:build tools

package tools

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"golang.org/x/net/webdav"
)

// api answers hello, and redirects /away to somebody else's server.
func api(away func() string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, away()+"/hello", http.StatusFound)
			return
		}
		fmt.Fprintln(w, "hello")
	})
}

func nowhere() string { return "/" }

// Command lines for HTTP clients, as the documentation gives them. URL stands for the
// address. Each must get hello with the token, and send nothing to another host by the same
// line.
var clientLines = []struct {
	name, line string
	other      string // the same for another host; "" if the line cannot name one
}{
	{"curl by a configuration on stdin",
		`credhelper header --format curl-config URL/hello | curl -sSf --config -`, "URL"},
	{"curl by a header on stdin",
		`credhelper header URL/hello | curl -sSf -H @- URL/hello`, "URL"},
	{"curl by process substitution",
		`curl -sSf -H @<(credhelper header URL/hello) URL/hello`, "URL"},
	{"curl by netrc has Basic only",
		`credhelper header --format netrc URL/hello > netrc && ! curl -sSf --netrc-file netrc URL/hello && credhelper curl work -- -sS URL/hello`, ""},
	{"credhelper curl with a profile",
		`credhelper curl work -- -sS URL/hello`, "URL"},
	{"credhelper curl by URL",
		`credhelper curl -- -sS URL/hello`, "URL"},
	{"wget by a file",
		`umask 077; printf 'header = %s\n' "$(credhelper header URL/hello)" > wgetrc && wget -q -O - --ca-certificate="$SSL_CERT_FILE" --config=wgetrc URL/hello`, "URL"},
	{"HTTPie by process substitution",
		`http --ignore-stdin --check-status --body --verify "$SSL_CERT_FILE" GET URL/hello Authorization:@<(credhelper pnpm URL)`, "URL"},
	{"a file renewed while a command runs",
		`credhelper exec work -- sh -c 'curl -sSf -H "Authorization: Bearer $(cat "$BEARER_TOKEN_FILE")" URL/hello'`, ""},
	{"a variable for one command",
		`eval "$(credhelper header --format env URL/hello)" && curl -sSf -H "Authorization: Bearer $BEARER_TOKEN" URL/hello`, ""},
}

// TestHTTPClients: each client sends the token to its server, and nothing to another one.
func TestHTTPClients(t *testing.T) {
	for _, c := range clientLines {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.setenv("CURL_CA_BUNDLE=" + authorityFile())
			site, stranger := w.site("Bearer", api(nowhere)), w.stranger("Bearer", api(nowhere))
			w.trustingProfile("work", site.URL)
			shell := func(url string) []string {
				return []string{"bash", "-o", "pipefail", "-c", strings.ReplaceAll(c.line, "URL", url)}
			}
			if out := w.ok(nil, shell(site.URL)...); !strings.Contains(out, "hello") {
				t.Errorf("no hello: %q", out)
			}
			site.served(t)
			w.requests(1)
			if c.other != "" {
				w.fails(nil, shell(stranger.URL)...)
				w.requests(1)
			}
		})
	}
}

// trustingProfile adds a profile whose API has a certificate of the tests' CA.
func (w *world) trustingProfile(name, origin string) {
	w.t.Helper()
	w.profile(name, origin, "--ca-file", authorityFile())
}

// TestPlainHTTP: over plain http a token goes only to a loopback address that a profile
// names (O2).
func TestPlainHTTP(t *testing.T) {
	w := newWorld(t)
	site := w.plainSite("Bearer", api(nowhere))
	other := w.plainSite("Bearer", api(nowhere))
	w.profile("work", site.URL)
	w.ok(nil, "credhelper", "curl", "work", "--", "-sSf", site.URL+"/hello")
	site.served(t)
	w.fails(nil, "credhelper", "curl", "work", "--", "-sSf", other.URL+"/hello")
	for _, r := range other.requests() {
		t.Errorf("another port was asked: %v", r)
	}
	w.fails(nil, "credhelper", "token", "http://intranet.example/hello")
}

// TestRedirect: a redirect to another host is followed, without the header.
func TestRedirect(t *testing.T) {
	w := newWorld(t)
	w.setenv("CURL_CA_BUNDLE=" + authorityFile())
	stranger := w.stranger("Bearer", api(nowhere))
	site := w.site("Bearer", api(func() string { return stranger.URL }))
	w.trustingProfile("work", site.URL)
	for _, line := range []string{
		`credhelper curl work -- -sSfL URL/away`,
		`credhelper header --format curl-config URL/away | curl -sSfL --config -`,
		`credhelper header URL/away | curl -sSfL -H @- URL/away`,
		`http --ignore-stdin --check-status --follow --verify "$SSL_CERT_FILE" GET URL/away Authorization:@<(credhelper pnpm URL)`,
	} {
		w.fails(nil, "bash", "-o", "pipefail", "-c", strings.ReplaceAll(line, "URL", site.URL))
	}
	site.served(t)
	stranger.asked(t)
	w.requests(1) // the stranger's 401 is not about our token
}

// TestCurlStaleToken: after a 401, credhelper curl fetches one new token and tries once
// more.
func TestCurlStaleToken(t *testing.T) {
	w := newWorld(t)
	w.setenv("CURL_CA_BUNDLE=" + authorityFile())
	site := w.site("Bearer", api(nowhere))
	w.trustingProfile("work", site.URL)
	w.ok(nil, "credhelper", "curl", "work", "--", "-sSf", site.URL+"/hello")
	w.revoke()
	w.ok(nil, "credhelper", "curl", "work", "--", "-sSf", site.URL+"/hello")
	w.requests(2)
}

// TestRclone: rclone runs the command for the first request and after a 401. It cannot
// report that the token was refused, so the command cannot know.
func TestRclone(t *testing.T) {
	w := newWorld(t)
	files := t.TempDir()
	dav := func() http.Handler {
		return &webdav.Handler{FileSystem: webdav.Dir(files), LockSystem: webdav.NewMemLS()}
	}
	site := w.site("Bearer", dav())
	w.profile("work", site.URL)
	w.setup("rclone", "work")
	t.Log(strings.SplitN(w.ok(nil, "rclone", "version"), "\n", 2)[0])
	w.write("file", "text\n")
	w.ok(nil, "rclone", "copy", "file", "work:dir", "--low-level-retries", "1", "--retries", "1")
	if out := w.ok(nil, "rclone", "cat", "work:dir/file"); out != "text\n" {
		t.Errorf("rclone cat: %q", out)
	}
	if _, err := os.Stat(files + "/dir/file"); err != nil {
		t.Error(err)
	}
	site.served(t)
	w.requests(1)

	// A remote elsewhere whose command names its address gets nothing.
	stranger := w.stranger("Bearer", dav())
	w.append(".config/rclone/rclone.conf", "[stranger]\ntype = webdav\nurl = "+stranger.URL+"\nvendor = other\n"+
		"bearer_token_command = credhelper token "+stranger.URL+"\n")
	r := w.fails(nil, "rclone", "cat", "stranger:file", "--low-level-retries", "1", "--retries", "1")
	r.shows(t, "credhelper: ")
	w.requests(1)
}

// TestPrintedLines: what setup prints for tools that it cannot configure is typed as
// printed.
func TestPrintedLines(t *testing.T) {
	for _, c := range []struct{ tool, flags string }{
		{"curl", ""}, {"wget", "export WGETRC=/dev/null;"}, {"httpie", "http() { command http --ignore-stdin --check-status --body \"$@\"; };"},
	} {
		t.Run(c.tool, func(t *testing.T) {
			w := newWorld(t)
			site := w.plainSite("Bearer", api(nowhere))
			w.profile("work", site.URL)
			lines := w.printed(c.tool, "work")
			w.ok(nil, "bash", "-euo", "pipefail", "-c", c.flags+"\n"+lines)
			if calls := strings.Count(lines, site.URL); site.served(t) < calls {
				t.Errorf("of %d calls not all came with the token:\n%s", calls, lines)
			}
			if site.refused() != 0 {
				t.Error("a call was turned away")
			}
			w.requests(1)
		})
	}
}
