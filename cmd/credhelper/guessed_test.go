//go:build linux

package main_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/internal/program"
)

// clientGo is a process that runs the kubectl plugin as client-go does: once for each line
// on its stdin, which is a server's address.
type clientGo struct {
	t     *testing.T
	send  func(line string)
	reply func() string
}

func newClientGo(t *testing.T, h *program.Home) *clientGo {
	t.Helper()
	script := `while read -r server; do
  KUBERNETES_EXEC_INFO='{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{"cluster":{"server":"'$server'"},"interactive":false}}' ` +
		filepath.Join(bin, "credhelper") + ` kubectl </dev/null || echo failed
done`
	cmd := exec.Command("sh", "-c", script)
	cmd.Env, cmd.Dir = h.Env, h.Dir
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	return &clientGo{t: t, send: func(line string) { fmt.Fprintln(in, line) }, reply: func() string {
		var b strings.Builder
		one := make([]byte, 1)
		for {
			if _, err := out.Read(one); err != nil || one[0] == '\n' {
				return b.String()
			}
			b.Write(one)
		}
	}}
}

// token runs the plugin once and returns the token.
func (c *clientGo) token(server string) string {
	c.t.Helper()
	c.send(server)
	_, rest, _ := strings.Cut(c.reply(), `"token":"`)
	token, _, found := strings.Cut(rest, `"`)
	if !found {
		c.t.Errorf("no token for %s", server)
	}
	return token
}

const (
	clusterA = "https://api.example.com/a"
	clusterB = "https://api.example.com/b"
)

// TestClientGoAsksAgain (X1): client-go runs its plugin again only if the token was refused.
// So the second request of one process for one cluster gets another token, unless the first
// one is new. Another process, or another cluster of the same process, is not affected.
func TestClientGoAsksAgain(t *testing.T) {
	s := newServer(t)
	h := warmHome(t, s)
	age := func() {
		t.Helper()
		if err := h.Age("jama", 2*time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	age()
	before := s.requests()
	one, other := newClientGo(t, h), newClientGo(t, h)
	first := one.token(clusterA)
	for what, token := range map[string]string{
		"another process":                      other.token(clusterA),
		"another authenticator of the process": one.token(clusterB),
	} {
		if token != first {
			t.Errorf("%s: another token", what)
		}
	}
	if n := s.requests() - before; n != 0 {
		t.Errorf("%d token requests", n)
	}
	second := one.token(clusterA)
	if second == first || s.requests() != before+1 {
		t.Errorf("asked again: another token %v, %d token requests", second != first, s.requests()-before)
	}
	if got := other.token(clusterA); got != second {
		t.Error("who asks again after it was replaced gets a third token, or the first")
	}
	for range 20 { // a cluster that refuses valid tokens
		if one.token(clusterA) != second {
			t.Error("a new token is replaced")
		}
	}
	if n := s.requests() - before; n != 1 {
		t.Errorf("%d token requests in a minute", n)
	}
	age()
	s.Close() // a wrong guess is not an error
	if one.token(clusterA) != second {
		t.Error("no token while the server is away")
	}
}

// TestGoauthRefused (X2): if a profile is named, a call with a URL and a 401 reports the
// token of the first call as refused; a 404 does not.
func TestGoauthRefused(t *testing.T) {
	s := newServer(t)
	h := warmHome(t, s)
	if err := h.Age("jama", 2*time.Minute); err != nil {
		t.Fatal(err)
	}
	ask := func(status string) string {
		t.Helper()
		stdin, args := "", []string{"goauth", "--profile", "jama"}
		if status != "" {
			stdin, args = "HTTP/1.1 "+status+"\r\nContent-Type: text/plain\r\n\r\n", append(args, "https://api.example.com/m/@v/list")
		}
		out, err := h.Run(stdin, args...)
		if err != nil {
			t.Error(err)
		}
		_, token, _ := strings.Cut(out, "Bearer ")
		return strings.TrimSpace(token)
	}
	before := s.requests()
	first := ask("")
	if first == "" || ask("404 Not Found") != first || s.requests() != before {
		t.Errorf("%d token requests, a 404 brings another token", s.requests()-before)
	}
	second := ask("401 Unauthorized")
	if second == first || second == "" {
		t.Error("the refused token again")
	}
	for range 20 {
		if ask("401 Unauthorized") != second {
			t.Error("a new token is replaced")
		}
	}
	if n := s.requests() - before; n != 1 {
		t.Errorf("%d token requests", n)
	}
}
