//go:build linux

package main_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/internal/program"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// A refuser is a tool that requests a token and reports it as refused. It returns the
// answer and stderr.
type refuser func(t *testing.T, h *program.Home, token string) (answer, said string)

// call runs credhelper once.
func call(t *testing.T, h *program.Home, stdin string, args ...string) (stdout, stderr string) {
	t.Helper()
	cmd := h.Command(args...)
	cmd.Stdin = strings.NewReader(stdin)
	r := finish(t, cmd)
	quiet(t, strings.Join(args, " "), r)
	return r.stdout, r.stderr
}

// log returns the last line of the log.
func log(t *testing.T, h *program.Home) string {
	t.Helper()
	out, _ := call(t, h, "", "log")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return lines[len(lines)-1]
}

const gitHost = "protocol=https\nhost=api.example.com\n"

// refusers are tools whose valid token is always refused, each with its own protocol.
var refusers = map[string]refuser{
	"git": func(t *testing.T, h *program.Home, token string) (string, string) {
		out, said := call(t, h, gitHost+"\n", "git-credential-credhelper", "get")
		call(t, h, gitHost+"username=oauth2\npassword="+token+"\n\n", "git-credential-credhelper", "erase")
		return out, said
	},
	"git with state": func(t *testing.T, h *program.Home, token string) (string, string) {
		out, said := call(t, h, "capability[]=authtype\ncapability[]=state\n"+gitHost+"state[]=credhelper:"+protocol.Mark(secret.New(token))+"\n\n", "git-credential-credhelper", "get")
		return out, said
	},
	"git with a state of another release": func(t *testing.T, h *program.Home, token string) (string, string) {
		return call(t, h, "capability[]=state\n"+gitHost+"state[]=credhelper:1\n\n", "git-credential-credhelper", "get")
	},
	"docker": func(t *testing.T, h *program.Home, token string) (string, string) {
		out, said := call(t, h, "https://api.example.com", "docker-credential-credhelper", "get")
		call(t, h, "https://api.example.com", "docker-credential-credhelper", "erase")
		return out, out + said
	},
	"terraform": func(t *testing.T, h *program.Home, token string) (string, string) {
		out, said := call(t, h, "", "terraform", "get", "api.example.com")
		call(t, h, "", "terraform", "forget", "api.example.com")
		if out == "" { // it exits with 1, and the reason is in the log
			said = log(t, h)
		}
		return out, said
	},
	"native": func(t *testing.T, h *program.Home, token string) (string, string) {
		return call(t, h, fmt.Sprintf(`{"uri":"https://api.example.com/","refused":%q}`, token), "get")
	},
	"token and reject": func(t *testing.T, h *program.Home, token string) (string, string) {
		out, said := call(t, h, "", "token", "jama")
		call(t, h, token, "reject", "jama")
		return out, said
	},
	"token and reject --current": func(t *testing.T, h *program.Home, token string) (string, string) {
		out, said := call(t, h, "", "token", "jama")
		call(t, h, "", "reject", "jama", "--current")
		return out, said
	},
	"cargo": func(t *testing.T, h *program.Home, token string) (string, string) {
		request := func(kind string) string {
			return `{"v":1,"registry":{"index-url":"sparse+https://api.example.com/index/"},"kind":"` + kind + `","operation":"read","args":[]}` + "\n"
		}
		out, said := call(t, h, request("get"), "cargo", "--cargo-plugin")
		call(t, h, request("logout"), "cargo", "--cargo-plugin")
		return out, out + said
	},
	"serve": func(t *testing.T, h *program.Home, token string) (string, string) {
		out, said := call(t, h, fmt.Sprintf(`{"id":1,"uri":"https://api.example.com/","refused":%q}`+"\n", token), "serve", "--stdio")
		return out, out + said
	},
	"curl": func(t *testing.T, h *program.Home, token string) (string, string) {
		return call(t, h, "", "curl", "jama", "--", "--silent", "--show-error", apiOf(h)+"/me")
	},
}

// apiOf returns the second origin of the profile: an API that refuses every token.
func apiOf(h *program.Home) string {
	for _, line := range h.Env {
		if address, found := strings.CutPrefix(line, "TEST_API="); found {
			return address
		}
	}
	return ""
}

// TestRefusedInVain (A1, A2): twenty rounds of "a token, please" and "this one was refused"
// cost one token request in every dialect. After the second report a tool that can show it
// gets the reason, and git is told not to ask other helpers.
func TestRefusedInVain(t *testing.T) {
	s := newServer(t)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	t.Cleanup(api.Close)
	for name, round := range refusers {
		t.Run(name, func(t *testing.T) {
			h := program.TestHome(t, bin)
			before := s.requests()
			h.Env = append(h.Env, "TEST_API="+api.URL)
			err := h.AddProfile(program.Profile{Name: "jama", Origin: "https://api.example.com", Also: []string{api.URL}, TokenURL: s.URL + "/token", ClientID: "client", Secret: secretA})
			if err != nil {
				t.Fatal(err)
			}
			if name == "docker" || name == "terraform" {
				// What they forget counts as refused only from the first token on that they
				// caused to be fetched: for a cached one nobody records who got it.
				round(t, h, "")
			}
			token, err := h.Run("", "token", "https://api.example.com/")
			if err != nil {
				t.Fatal(err)
			}
			token = strings.TrimSpace(token)
			var answer, said string
			for range 20 {
				answer, said = round(t, h, token)
			}
			switch {
			case !strings.Contains(said, "refuses good tokens") || strings.Contains(answer, "canary"):
				t.Errorf("stdout %q, stderr %q", answer, said)
			case strings.HasPrefix(name, "git") && answer != "quit=1\n":
				t.Errorf("git is told %q", answer)
			}
			if n := s.requests() - before; n != 1 {
				t.Errorf("%d token requests", n)
			}
			// Other origins of the profile are not affected.
			other := api.URL + "/"
			if name == "curl" {
				other = "https://api.example.com/"
			}
			if out, err := h.Run("", "token", other); err != nil || strings.TrimSpace(out) != token {
				t.Errorf("the other origin: %v", err)
			}
			// A report that the token was accepted is believed.
			if name != "curl" {
				call(t, h, gitHost+"username=oauth2\npassword="+token+"\n\n", "git-credential-credhelper", "store")
				if out, err := h.Run("", "token", "https://api.example.com/"); err != nil || strings.TrimSpace(out) != token {
					t.Errorf("after store: %v", err)
				}
			}
			if _, err := h.Run("", "token", "jama", "--refresh"); err != nil || s.requests()-before != 2 {
				t.Errorf("--refresh: %v, %d token requests", err, s.requests()-before)
			}
		})
	}
}

// TestAcceptedWithoutRoute: the message that a token was accepted counts also where the
// front does not know which profile owns the URL, which is so after each change of a
// profile; for a host of nobody it is silent.
func TestAcceptedWithoutRoute(t *testing.T) {
	s := newServer(t)
	h := newHome(t, s)
	first, _ := call(t, h, "", "token", "jama")
	token := strings.TrimSpace(first)
	for range 3 {
		call(t, h, token, "reject", "jama")
	}
	if _, err := h.Run("", "token", "https://api.example.com/"); err == nil {
		t.Fatal("the reports do not count")
	}
	store, err := cache.Open(h.Dirs)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.DropRoutes(); err != nil {
		t.Fatal(err)
	}
	call(t, h, gitHost+"username=oauth2\npassword="+token+"\n\n", "git-credential-credhelper", "store")
	if _, err := h.Run("", "token", "https://api.example.com/"); err != nil {
		t.Errorf("after store: %v", err)
	}
	call(t, h, "protocol=https\nhost=other.example.com\npassword="+token+"\n\n", "git-credential-credhelper", "store")
}

// TestGitQuit (H2): if the profile fails, the real git stops with our reason and asks nobody
// else; for a host that no profile owns it goes on.
func TestGitQuit(t *testing.T) {
	s := newServer(t)
	h := program.TestHome(t, bin)
	if err := h.AddProfile(program.Profile{Name: "jama", Origin: "https://api.example.com", TokenURL: s.URL + "/token", ClientID: "client"}); err != nil {
		t.Fatal(err)
	}
	ask := filepath.Join(h.Dir, "askpass")
	if err := os.WriteFile(ask, []byte("#!/bin/sh\necho asked >&2\necho somebody\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for host, asked := range map[string]bool{"api.example.com": false, "other.example.com": true} {
		cmd := exec.Command(need(t, "git"), "-c", "credential.helper=", "-c", "credential.helper="+filepath.Join(bin, "credhelper")+" git", "credential", "fill")
		cmd.Env = append(h.Env, "GIT_ASKPASS="+ask, "GIT_CONFIG_NOSYSTEM=1")
		cmd.Dir = h.Dir
		cmd.Stdin = strings.NewReader("protocol=https\nhost=" + host + "\n\n")
		r := finish(t, cmd)
		if got := strings.Contains(r.stderr, "asked"); got != asked || !asked && !strings.Contains(r.stderr, "profile jama: no secret is stored") {
			t.Errorf("%s: askpass ran: %v, want %v: exit %d, %s", host, got, asked, r.code, r.stderr)
		}
	}
}

// TestDockerLogout: docker's logout erases four spellings of the registry, in a process of
// its own that was given no token. However often that happens between pulls, the next pull
// gets its token.
func TestDockerLogout(t *testing.T) {
	s := newServer(t)
	h := warmHome(t, s)
	docker := func(script string) result {
		t.Helper()
		cmd := exec.Command("sh", "-c", script) // a process of docker
		cmd.Env, cmd.Dir = append(h.Env, "PATH="+bin+":"+os.Getenv("PATH")), h.Dir
		return finish(t, cmd)
	}
	before := s.requests()
	const get = "echo https://api.example.com | docker-credential-credhelper get; true"
	for range 4 {
		if r := docker(get); !strings.Contains(r.stdout, `"Secret":"`) {
			t.Fatalf("pull: %q", r.stdout)
		}
		docker(`for n in '' http:// https://; do echo ${n}api.example.com | docker-credential-credhelper erase; done; echo https://api.example.com/v1/ | docker-credential-credhelper erase; true`)
	}
	if n := s.requests() - before; n > 1 {
		t.Errorf("%d token requests", n)
	}
}
