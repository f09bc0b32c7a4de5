//go:build linux

package main_test

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

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
	h, server := jamaHome(t)
	d := &jamaDoor{home: h, server: server, client: &http.Client{Transport: &http.Transport{}}}
	t.Cleanup(d.client.CloseIdleConnections)
	d.id, d.secret = d.lend(t, "jci", flags...)
	d.open(t)
	return d
}

// lend makes a guest of the profile jama, lendOf one of another.
func (d *jamaDoor) lend(t *testing.T, guest string, flags ...string) (id, secret string) {
	t.Helper()
	return d.lendOf(t, "jama", guest, flags...)
}

func (d *jamaDoor) lendOf(t *testing.T, profile, guest string, flags ...string) (id, secret string) {
	t.Helper()
	out := d.run(t, append([]string{"lend", profile, "--to", guest, "--json"}, flags...)...)
	var lent struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	if err := json.Unmarshal([]byte(out), &lent); err != nil {
		t.Fatal(out, err)
	}
	return lent.ID, lent.Secret
}

// doorLooks waits until a door sees what has changed: what it has read counts for 100 ms.
func doorLooks() { time.Sleep(100 * time.Millisecond) }

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
		if got := c.Header.Get("Authorization"); !strings.HasPrefix(got, "Bearer ") || strings.Contains(got, token) {
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
	if a := d.send(t, "POST", "/rest/oauth/token", "Bearer "+token, url.Values{"grant_type": {"client_credentials"}}); a.status != 401 || !strings.Contains(a.body, "invalid_client") {
		t.Errorf("a local token renews itself: %+v", a)
	}
	if len(d.server.Calls()) != 3 || d.server.Count() != 1 {
		t.Error("a refusal reached the server")
	}
}

// TestDoorRevoked (D14): what was taken back or replaced is refused at the next request,
// also on a connection that was open before, and so are its tokens. A restored file does
// not bring them back.
func TestDoorRevoked(t *testing.T) {
	d := newJamaDoor(t)
	token := d.token(t)
	file := d.home.Dirs.Guests() + "/jci.toml"
	backup := read(t, file)
	refused := func(after string) {
		t.Helper()
		for name, authorization := range map[string]string{"the secret": basic(d.id, d.secret), "a token": "Bearer " + token} {
			doorLooks()
			if a := d.send(t, "GET", jamaUser, authorization, nil); a.status != 401 {
				t.Errorf("after %s %s is answered: %d", after, name, a.status)
			}
		}
	}
	d.run(t, "lend", "--rotate", "jci", "--json")
	refused("a rotation")
	if err := os.WriteFile(file, backup, 0o600); err != nil {
		t.Fatal(err)
	}
	refused("restoring the file")
	d.run(t, "lend", "--revoke", "jci")
	refused("revocation")
	d.id, d.secret = d.lend(t, "jci")
	doorLooks()
	if again := d.token(t); again == token {
		t.Error("the same token")
	}
}

func (d *jamaDoor) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := d.home.Run("", args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestDoorKilled (D16): a door that is killed and started again answers with the tokens
// of before.
func TestDoorKilled(t *testing.T) {
	d := newJamaDoor(t)
	token := d.token(t)
	_ = d.cmd.Process.Kill()
	_ = d.cmd.Wait()
	d.open(t)
	if a := d.send(t, "GET", jamaUser, "Bearer "+token, nil); a.status != 200 {
		t.Errorf("%+v", a)
	}
	if d.server.Count() != 1 {
		t.Errorf("%d token requests", d.server.Count())
	}
}

// TestDoorTaken (D15): where somebody else listens the door does not start, and says who
// that is.
func TestDoorTaken(t *testing.T) {
	d := newJamaDoor(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := finish(t, d.home.Command("proxy", "--listen", l.Addr().String()))
	if r.code != 9 || !strings.Contains(r.stderr, l.Addr().String()+" is taken by process "+strconv.Itoa(os.Getpid())) {
		t.Errorf("%d %s", r.code, r.stderr)
	}
	for _, at := range []string{"0.0.0.0:0", "[::]:0", "192.0.2.1:7717"} {
		if r := finish(t, d.home.Command("proxy", "--listen", at)); r.code != 9 {
			t.Errorf("%s: %d %s", at, r.code, r.stderr)
		}
	}
	cmd := d.home.Command("proxy", "--listen", "127.0.0.1:0")
	cmd.Env = append(slices.Clone(cmd.Env), "GODEBUG=http2debug=2")
	if r := finish(t, cmd); r.code != 9 || !strings.Contains(r.stderr, "http2debug") {
		t.Errorf("http2debug: %d %s", r.code, r.stderr)
	}
}

// TestDoorFlood (D12, D13): wrong secrets reach neither the API nor the authorization
// server, and a line of the log says that they came.
func TestDoorFlood(t *testing.T) {
	d := newJamaDoor(t)
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			d.send(t, "POST", "/rest/oauth/token", basic(d.id, "chl_"+strconv.Itoa(i)), url.Values{"grant_type": {"client_credentials"}})
		})
	}
	all.Wait()
	if d.server.Count() != 0 || len(d.server.Calls()) != 0 {
		t.Errorf("%d token requests, %d calls", d.server.Count(), len(d.server.Calls()))
	}
	if log := d.run(t, "log", "--event", "guest", "--json"); !strings.Contains(log, "guest jci: a wrong secret") || !strings.Contains(log, `"guest":"jci"`) || strings.Contains(log, d.secret) {
		t.Errorf("the log: %s", log)
	}
}

// TestDoorUsers (D1): a process of another user gets not a byte, and with lend --user
// only what was lent to that guest. Only root can run one.
func TestDoorUsers(t *testing.T) {
	d := newJamaDoor(t)
	d.token(t)
	if os.Geteuid() != 0 {
		return
	}
	curl := func(authorization string) result {
		cmd := exec.Command(need(t, "curl"), "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Authorization: "+authorization, d.url+jamaUser)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		return finish(t, cmd)
	}
	if r := curl(basic(d.id, d.secret)); r.code == 0 || r.stdout != "000" {
		t.Errorf("another user got %+v", r)
	}
	id, secret := d.lend(t, "prometheus", "--user", strconv.Itoa(nobody))
	doorLooks()
	if r := curl(basic(id, secret)); r.stdout != "200" {
		t.Errorf("the guest's user got %+v", r)
	}
	if r := curl(basic(d.id, d.secret)); r.stdout != "401" {
		t.Errorf("the guest's user got as another guest %+v", r)
	}
}

const nobody = 65534

// TestDoorHeads (D3, D4, D6): the shipped door refuses what has two readings, and what a
// browser sends, and closes the connection.
func TestDoorHeads(t *testing.T) {
	d := newJamaDoor(t)
	host := strings.TrimPrefix(d.url, "http://")
	field := "Host: " + host + "\r\nAuthorization: " + basic(d.id, d.secret) + "\r\n"
	for name, c := range map[string]struct {
		head   string
		status string
	}{
		"length and chunks":  {"POST " + jamaUser + " HTTP/1.1\r\n" + field + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
		"two authorizations": {"GET " + jamaUser + " HTTP/1.1\r\n" + field + "Authorization: Bearer x\r\n\r\n", "400"},
		"a folded line":      {"GET " + jamaUser + " HTTP/1.1\r\n" + field + "X: a\r\n b\r\n\r\n", "400"},
		"a bare LF":          {"GET " + jamaUser + " HTTP/1.1\n" + strings.ReplaceAll(field, "\r", "") + "\n", "400"},
		"another host":       {"GET " + jamaUser + " HTTP/1.1\r\nHost: evil.test\r\n\r\n", "421"},
		"a page":             {"GET " + jamaUser + " HTTP/1.1\r\n" + field + "Origin: http://evil.test\r\n\r\n", "403"},
		"another path":       {"GET /rest/../admin HTTP/1.1\r\n" + field + "Connection: close\r\n\r\n", "403"},
		"good":               {"GET " + jamaUser + " HTTP/1.1\r\n" + field + "Connection: close\r\n\r\n", "200"},
	} {
		c2, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c2, c.head)
		answer, _ := io.ReadAll(c2)
		c2.Close()
		if !strings.HasPrefix(string(answer), "HTTP/1.1 "+c.status+" ") {
			t.Errorf("%s: %.200q, want %s", name, answer, c.status)
		}
	}
	if n := len(d.server.Calls()); n != 1 {
		t.Errorf("%d requests reached the API", n)
	}
}

// TestLend: the secret is shown once, to a person or where a flag says so, and is kept
// nowhere.
func TestLend(t *testing.T) {
	d := newJamaDoor(t, "--expires", "90d", "--method", "GET")
	if r := finish(t, d.home.Command("lend", "jama", "--to", "second")); r.code != 9 || r.stdout != "" {
		t.Errorf("into a pipe: %+v", r)
	}
	file := t.TempDir() + "/secret"
	if out := d.run(t, "lend", "jama", "--to", "third", "--secret-file", file); strings.Contains(out, "chl_") {
		t.Errorf("with --secret-file: %s", out)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode() != 0o600 || !strings.HasPrefix(string(read(t, file)), "chl_") {
		t.Errorf("the file: %v, %v", info, err)
	}
	var guests []struct{ Guest, Profile, State, Expires string }
	if err := json.Unmarshal([]byte(d.run(t, "lend", "--json")), &guests); err != nil || len(guests) != 2 || guests[0].Guest != "jci" || guests[0].State != "ok" || guests[0].Expires == "" {
		t.Errorf("the list: %+v, %v", guests, err)
	}
	for _, args := range [][]string{
		{"lend", "jama"}, {"lend", "--to", "x"}, {"lend", "nobody", "--to", "x", "--json"}, {"lend", "jama", "--to", "../x", "--json"}, {"lend", "jama", "--to", "jci", "--json"},
		{"lend", "jama", "--to", "x", "--rotate", "y"}, {"lend", "--revoke", "nobody"}, {"lend", "--rotate", "nobody", "--json"}, {"lend", "jama", "--to", "x", "--from", "0.0.0.0/0", "--json"}, {"lend", "jama", "--to", "x", "--from", "::ffff:0.0.0.0/97", "--json"},
		{"lend", "jama", "--to", "x", "--expires", "soon", "--json"}, {"lend", "jama", "--to", "x", "--user", "no such user", "--json"}, {"lend", "jama", "--to", "x", "--method", "get", "--json"},
	} {
		if r := finish(t, d.home.Command(args...)); r.code != 2 && r.code != 3 && r.code != 9 || r.stdout != "" || strings.Count(r.stderr, "\n") > 2 {
			t.Errorf("%v: %+v", args, r)
		}
	}
	if a := d.send(t, "DELETE", jamaUser, basic(d.id, d.secret), nil); a.status != 403 || !strings.Contains(a.body, `"meta"`) {
		t.Errorf("a method that was not lent: %+v", a)
	}
}

// TestDoorLocked: with a locked keyring the door says so, and that it passes, and never
// that the client is unknown.
func TestDoorLocked(t *testing.T) {
	d := newJamaDoor(t)
	key := d.home.Dirs.KeyFile()
	if err := os.Rename(key, key+".away"); err != nil {
		t.Fatal(err)
	}
	a := d.send(t, "POST", "/rest/oauth/token", basic(d.id, d.secret), url.Values{"grant_type": {"client_credentials"}})
	if a.status != 503 && a.status != 400 || strings.Contains(a.body, "invalid_client") || !strings.Contains(a.body, "credhelper: ") {
		t.Errorf("%+v", a)
	}
	if err := os.Rename(key+".away", key); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1100 * time.Millisecond) // a keyring that was locked is asked again after a second
	d.token(t)
}

// TestDoorAzure: an SDK of Azure gets the real token of the profile with the resource's
// scope, and no other guest's.
func TestDoorAzure(t *testing.T) {
	d := newJamaDoor(t)
	plain := oauthtest.Start(t, oauthtest.Options{})
	if err := d.home.AddProfile(program.Profile{Name: "graph", Origin: "https://graph.example", TokenURL: plain.TokenURL(), ClientID: "client", Secret: "secret",
		More: `scopes = ["https://graph.example/.default"]`}); err != nil {
		t.Fatal(err)
	}
	id, secret := d.lend(t, "sdk", "--azure", "graph")
	doorLooks()
	ask := func(secret, resource string) answer {
		return d.send(t, "GET", "/msi/token?api-version=2019-08-01&resource="+url.QueryEscape(resource), "", nil, func(r *http.Request) { r.Header.Set("X-IDENTITY-HEADER", secret) })
	}
	real := strings.TrimSpace(d.run(t, "token", "graph"))
	if a := ask(secret, "https://graph.example"); a.status != 200 || !strings.Contains(a.body, `"access_token":"`+real+`"`) {
		t.Errorf("%+v", a)
	}
	d.id, d.secret, id, secret = id, secret, d.id, d.secret
	local := d.token(t)
	d.id, d.secret, secret = id, secret, d.secret
	for name, c := range map[string]struct {
		secret, resource string
		status           int
	}{"its own local token": {local, "https://graph.example", 401}, "another resource": {secret, "https://vault.example", 400}, "another guest": {d.secret, "https://graph.example", 403}, "a wrong secret": {"chl_x", "https://graph.example", 401}} {
		if a := ask(c.secret, c.resource); a.status != c.status {
			t.Errorf("%s: %+v", name, a)
		}
	}
}
