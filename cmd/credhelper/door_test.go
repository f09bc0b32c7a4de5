//go:build linux

package main_test

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/internal/program"
)

// jamaDoor is a running door of a home with the profile jama, at a server that plays
// Jama Connect, and one guest, jci.
type jamaDoor struct {
	home   *program.Home
	server *oauthtest.Server
	client *http.Client
	cmd    *exec.Cmd
	url    string // of the door
	id     string
	secret string
}

// newJamaDoor makes the home, lends to jci with these flags, and opens the door.
func newJamaDoor(t *testing.T, flags ...string) *jamaDoor {
	t.Helper()
	server, err := oauthtest.New(oauthtest.Options{Product: "jama", Fault: t.Errorf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	h, err := program.NewHome(t.TempDir(), bin)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	if _, err := h.Run("secret", "add", "jama", "--preset", "jama", "--url", server.APIURL(), "--client-id", "client", "--secret-stdin", "--no-verify"); err != nil {
		t.Fatal(err)
	}
	d := &jamaDoor{home: h, server: server, client: &http.Client{Transport: &http.Transport{}}}
	t.Cleanup(d.client.CloseIdleConnections)
	d.id, d.secret = d.lend(t, "jci", flags...)
	d.open(t)
	return d
}

// lend makes a guest.
func (d *jamaDoor) lend(t *testing.T, guest string, flags ...string) (id, secret string) {
	t.Helper()
	out, err := d.home.Run("", append([]string{"lend", "jama", "--to", guest, "--json"}, flags...)...)
	if err != nil {
		t.Fatal(err)
	}
	var lent struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	if err := json.Unmarshal([]byte(out), &lent); err != nil {
		t.Fatal(out, err)
	}
	return lent.ID, lent.Secret
}

// open starts credhelper proxy at a free port.
func (d *jamaDoor) open(t *testing.T, flags ...string) {
	t.Helper()
	d.cmd = d.home.Command(append([]string{"proxy", "--listen", "127.0.0.1:0"}, flags...)...)
	stderr, err := d.cmd.StderrPipe()
	if err == nil {
		err = d.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.close() })
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if _, at, ok := strings.Cut(lines.Text(), "the door is at "); ok {
			d.url = at
			go func() { _, _ = io.Copy(io.Discard, stderr) }()
			return
		}
		t.Log(lines.Text())
	}
	t.Fatal("the door did not open")
}

func (d *jamaDoor) close() {
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	_ = d.cmd.Wait()
}

// answer is a response, read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

// send sends a request; edit changes it before.
func (d *jamaDoor) send(t *testing.T, method, path, authorization string, form url.Values, edit ...func(*http.Request)) answer {
	t.Helper()
	r, err := http.NewRequest(method, d.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, change := range edit {
		change(r)
	}
	response, err := d.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(body)}
}

func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
}

// token requests a token as a JCI connector does.
func (d *jamaDoor) token(t *testing.T) string {
	t.Helper()
	a := d.send(t, "POST", "/rest/oauth/token", basic(d.id, d.secret), url.Values{"grant_type": {"client_credentials"}})
	var token struct {
		Token string `json:"access_token"`
		Type  string `json:"token_type"`
		Life  int    `json:"expires_in"`
	}
	if err := json.Unmarshal([]byte(a.body), &token); err != nil || a.status != 200 || token.Type != "Bearer" || token.Life < 3000 || token.Life > 3599 {
		t.Fatalf("%+v, %v", a, err)
	}
	return token.Token
}

const jamaUser = "/rest/v1/users/current"

// TestDoor: a program with a URL and two text fields gets a local token at the token
// endpoint, and with it the API's answer. It has neither the secret nor the token of the
// authorization server, and no refusal of its own reaches that server.
func TestDoor(t *testing.T) {
	d := newJamaDoor(t)
	if !strings.HasPrefix(d.secret, "chl_") || d.id != "lend-jci" {
		t.Fatalf("lent %q %q", d.id, d.secret)
	}
	token := d.token(t)
	if !strings.HasPrefix(token, "chd_") {
		t.Errorf("the token is %q", token)
	}
	for name, authorization := range map[string]string{
		"the local token": "Bearer " + token, "Basic": basic(d.id, d.secret), "the secret as Bearer": "Bearer " + d.secret,
	} {
		if a := d.send(t, "GET", jamaUser, authorization, nil); a.status != 200 || !strings.Contains(a.body, "james@example.com") {
			t.Errorf("%s: %+v", name, a)
		}
	}
	calls := d.server.Calls()
	if len(calls) != 3 || d.server.Count() != 1 {
		t.Fatalf("%d calls of the API, %d token requests", len(calls), d.server.Count())
	}
	for _, c := range calls {
		if got := c.Header.Get("Authorization"); !strings.HasPrefix(got, "Bearer ") || strings.Contains(got, "ch") && strings.Contains(got, token) {
			t.Errorf("the API got %q", got)
		}
	}
	for name, authorization := range map[string]string{
		"no credentials": "", "a wrong secret": basic(d.id, "chl_wrong"), "a wrong id": basic("lend-other", d.secret), "no token of ours": "Bearer " + token + "x",
	} {
		if a := d.send(t, "GET", jamaUser, authorization, nil); a.status != 401 || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Basic ") {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if len(d.server.Calls()) != 3 || d.server.Count() != 1 {
		t.Error("a refusal reached the server")
	}
}
