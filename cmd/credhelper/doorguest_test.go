//go:build linux

package main_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/internal/program"
)

// TestDoorRefuses: what a guest's program gets for each request that the door refuses, as
// HTTP text: testdata/door.txtar has the requests, and of each answer the status and lines
// that have to be in it. None of them reaches a server.
func TestDoorRefuses(t *testing.T) {
	d := newJamaDoor(t)
	_, expired := d.lend(t, "old", "--expires", "1s")
	_, narrow := d.lend(t, "narrow", "--method", "GET", "--path", "/rest/v1/users")
	time.Sleep(1100 * time.Millisecond) // old has ended, and what the door has read counts no more
	archive, err := txtar.ParseFile("testdata/door.txtar")
	if err != nil || len(archive.Files) < 30 {
		t.Fatalf("%d parts, %v: the test is blind", len(archive.Files), err)
	}
	host := strings.TrimPrefix(d.url, "http://")
	words := strings.NewReplacer("\n", "\r\n", "{HOST}", host, "{BASIC}", basic(d.id, d.secret), "{SECRET}", d.secret,
		"{WRONG}", basic(d.id, "chl_wrong"), "{STRANGER}", basic("lend-nobody", d.secret), "{EXPIRED}", basic("lend-old", expired), "{NARROW}", basic("lend-narrow", narrow))
	for i := 0; i+1 < len(archive.Files); i += 2 {
		request, answer := archive.Files[i], archive.Files[i+1]
		if answer.Name != "answer" {
			t.Fatalf("%s has no answer", request.Name)
		}
		c, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		head, body, _ := strings.Cut(string(request.Data), "\n\n")
		body = strings.TrimSuffix(body, "\n")
		length := ""
		if body != "" && !strings.Contains(head, "Transfer-Encoding") {
			length = "\r\nContent-Length: " + strconv.Itoa(len(body))
		} else {
			body = strings.ReplaceAll(body, "\n", "\r\n")
		}
		_, _ = io.WriteString(c, words.Replace(strings.TrimSuffix(head, "\n"))+length+"\r\nConnection: close\r\n\r\n"+body)
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
		got, _ := io.ReadAll(c)
		c.Close()
		for line := range strings.Lines(string(answer.Data)) {
			if line = strings.TrimSuffix(line, "\n"); !strings.Contains(string(got), line) {
				t.Errorf("%s: the answer has no %q:\n%s", request.Name, line, got)
			}
		}
		for _, never := range []string{"chl_", "Access-Control", "Set-Cookie"} {
			if strings.Contains(string(got), never) {
				t.Errorf("%s: the answer has %q:\n%s", request.Name, never, got)
			}
		}
	}
	for _, c := range d.server.Calls() { // what is wrong with a body shows when its head has been sent
		if c.Target != "/rest/v1/broken" {
			t.Errorf("the API got %s %s", c.Method, c.Target)
		}
	}
	if d.server.Count() > 1 {
		t.Errorf("%d token requests", d.server.Count())
	}
}

// TestDoorFails: where the server fails, the guest reads what credhelper knows, in the
// product's form, and whether to come again.
func TestDoorFails(t *testing.T) {
	for behaviour, want := range map[string]struct {
		token, api int
		code       string
	}{
		"status-503": {503, 503, "temporarily_unavailable"}, "error-invalid-client": {400, 403, "unauthorized_client"},
	} {
		d := newJamaDoor(t)
		if err := d.server.Always(behaviour); err != nil {
			t.Fatal(err)
		}
		a := d.send(t, "POST", "/rest/oauth/token", basic(d.id, d.secret), url.Values{"grant_type": {"client_credentials"}})
		if a.status != want.token || !strings.Contains(a.body, `"error":"`+want.code+`","error_description":"credhelper: `) || (a.header.Get("Retry-After") != "") != (a.status == 503) {
			t.Errorf("%s: the token endpoint: %+v", behaviour, a)
		}
		a = d.send(t, "GET", jamaUser, basic(d.id, d.secret), nil)
		if a.status != want.api || !strings.Contains(a.body, `{"meta":{"status":"`+http.StatusText(want.api)+`","message":"credhelper: `) || (a.header.Get("Retry-After") != "") != (a.status == 503) {
			t.Errorf("%s: the API: %+v", behaviour, a)
		}
		if len(d.server.Calls()) != 0 {
			t.Errorf("%s: the API was called", behaviour)
		}
	}
}

// TestDoorAudit: with audit each token that a guest uses has a line that names the guest,
// the profile and what came of it, and not the program that started the door.
func TestDoorAudit(t *testing.T) {
	d := newJamaDoor(t)
	settings := d.home.Dirs.Settings()
	if err := os.WriteFile(settings, append(read(t, settings), "audit = \"all\"\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	doorLooks()
	token := d.token(t)
	for range 2 {
		d.send(t, "GET", jamaUser, "Bearer "+token, nil)
	}
	d.send(t, "GET", jamaUser, "Bearer chl_wrong", nil)
	seen := map[string]int{}
	for line := range strings.Lines(d.run(t, "log", "--json")) {
		var r struct {
			Event, Profile, Guest, Dialect, Source, Text string
			Exit                                         int
			Caller                                       struct{ PID int }
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(line, err)
		}
		if r.Dialect != "proxy" {
			continue
		}
		seen[r.Event+" "+r.Source]++
		if refused := r.Exit != 0; !refused && (r.Guest != "jci" || r.Profile != "jama") || r.Caller.PID == os.Getpid() && r.Event != "guest" {
			t.Errorf("%s", line)
		}
	}
	if seen["fetch network"] != 1 || seen["hit cache"] != 2 || seen["guest "] != 2 {
		t.Errorf("the log has %v", seen)
	}
	if text := d.run(t, "log", "--event", "hit"); !strings.Contains(text, "hit             jama  ") || !strings.Contains(text, "proxy  for guest jci  from the cache") {
		t.Errorf("%s", text)
	}
}

// TestDoorUsed: the list of guests and status say when each was used last, and the guest's
// own file stays as it is.
func TestDoorUsed(t *testing.T) {
	d := newJamaDoor(t)
	d.lend(t, "idle")
	file := d.home.Dirs.Guests() + "/jci.toml"
	before := string(read(t, file))
	used := func() (jci, idle string) {
		var guests []struct {
			Guest string
			Used  string `json:"last_used"`
		}
		if err := json.Unmarshal([]byte(d.run(t, "lend", "--json")), &guests); err != nil || len(guests) != 2 {
			t.Fatalf("%+v, %v", guests, err)
		}
		return guests[1].Used, guests[0].Used
	}
	if jci, idle := used(); jci != "" || idle != "" {
		t.Errorf("unused, but used %q, %q", jci, idle)
	}
	began := time.Now().Truncate(time.Second)
	d.token(t)
	d.close() // and has written it
	jci, idle := used()
	if at, err := time.Parse(time.RFC3339, jci); err != nil || at.Before(began) || time.Since(at) > time.Hour || idle != "" {
		t.Errorf("used %q, %q", jci, idle)
	}
	if text := d.run(t, "status"); !strings.Contains(text, "lent to idle (not used yet), jci (used ") {
		t.Errorf("status: %s", text)
	}
	var status []struct {
		Guests []struct {
			Guest string
			Used  string `json:"last_used"`
		}
	}
	text := d.run(t, "status", "--json")
	if err := json.Unmarshal([]byte(text), &status); err != nil || len(status) != 1 || len(status[0].Guests) != 2 || status[0].Guests[0].Used != "" || status[0].Guests[1].Used != jci {
		t.Errorf("status --json: %s, %v", text, err)
	}
	if string(read(t, file)) != before {
		t.Error("the guest's file has changed")
	}
	d.run(t, "lend", "--revoke", "jci")
	d.lend(t, "jci")
	if jci, _ := used(); jci != "" {
		t.Errorf("a new guest of an old name was used %q", jci)
	}
}

// TestDoorSocket (D1): at a Unix socket only the user's own processes come in, and it takes
// the place of one that a killed door has left, and of nothing else.
func TestDoorSocket(t *testing.T) {
	d := newJamaDoor(t)
	d.close()
	dir, err := os.MkdirTemp("", "door-") // where others could come, if it were not private
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "door.sock")
	d.open(t, "--listen", "unix:"+path)
	if !strings.HasSuffix(d.url, "unix:"+path) {
		t.Errorf("it is at %s", d.url)
	}
	d.url = "http://localhost"
	d.client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
	if a := d.send(t, "GET", jamaUser, "Bearer "+d.token(t), nil); a.status != 200 {
		t.Errorf("%+v", a)
	}
	if a := d.send(t, "GET", jamaUser, basic(d.id, d.secret), nil, func(r *http.Request) { r.Host = "evil.test" }); a.status != 421 {
		t.Errorf("another Host: %+v", a)
	}
	if log := d.run(t, "log", "--event", "guest", "--json"); !strings.Contains(log, `"caller":{"pid":`+strconv.Itoa(os.Getpid())+`,`) {
		t.Errorf("the log does not name us: %s", log)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v, %v", info, err)
	}
	if r := finish(t, d.home.Command("proxy", "--listen", "unix:"+path)); r.code != 9 || !strings.Contains(r.stderr, path+" is taken by process "+strconv.Itoa(d.cmd.Process.Pid)) {
		t.Errorf("a second door: %+v", r)
	}
	if os.Geteuid() == 0 { // only root can be two users
		if err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(path, 0o666)); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(need(t, "curl"), "-sS", "--unix-socket", path, "-o", "/dev/null", "-w", "%{http_code}", "-H", "Authorization: "+basic(d.id, d.secret), d.url+jamaUser)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		if r := finish(t, cmd); r.code == 0 || r.stdout != "000" {
			t.Errorf("another user got %+v", r)
		}
		if err := os.Chmod(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	_ = d.cmd.Process.Kill()
	_ = d.cmd.Wait()
	d.open(t, "--listen", "unix:"+path)
	d.close()
	if _, err := os.Lstat(path); err == nil {
		t.Error("the socket is left")
	}
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	shared := t.TempDir()
	if err := os.Chmod(shared, 0o755); err != nil {
		t.Fatal(err)
	}
	for at, code := range map[string]int{path: 9, filepath.Join(shared, "s"): 9, filepath.Join(dir, "none/s"): 9, "relative": 2, "/" + strings.Repeat("x", 107): 2, "": 2} {
		if r := finish(t, d.home.Command("proxy", "--listen", "unix:"+at)); r.code != code {
			t.Errorf("%s: %+v", at, r)
		}
	}
	if r := finish(t, d.home.Command("proxy", "--listen", "unix:"+filepath.Join(shared, "s"))); !strings.Contains(r.stderr, shared+" is open to other users") || strings.Contains(r.stderr, "chmod") {
		t.Errorf("in a shared directory: %s", r.stderr)
	}
	if string(read(t, path)) != "mine" {
		t.Error("a file was replaced")
	}
}

// TestDoorNarrow: a token request may ask for some of the profile's scopes, and its token
// has only those at the API; more than the profile lists is refused.
func TestDoorNarrow(t *testing.T) {
	d := newJamaDoor(t)
	plain := oauthtest.Start(t, oauthtest.Options{})
	if err := d.home.AddProfile(program.Profile{Name: "demo", Origin: plain.URL(), TokenURL: plain.TokenURL(), ClientID: "client", Secret: "secret", More: `scopes = ["read", "write"]`}); err != nil {
		t.Fatal(err)
	}
	id, secret := d.lendOf(t, "demo", "app")
	doorLooks()
	before := plain.Count()
	for _, c := range []struct {
		scope, has string
		status     int
	}{{"read", `"scope":"read"`, 200}, {"", `"scope":"read write"`, 200}, {"write read", `"scope":"read write"`, 200}, {"read admin", "invalid_scope", 400}} {
		a := d.send(t, "POST", "/token", basic(id, secret), url.Values{"grant_type": {"client_credentials"}, "scope": {c.scope}})
		var token struct {
			Token string `json:"access_token"`
		}
		if err := json.Unmarshal([]byte(a.body), &token); err != nil || a.status != c.status {
			t.Fatalf("%s: %+v, %v", c.scope, a, err)
		}
		if a.status == 200 {
			a = d.send(t, "GET", "/me", "Bearer "+token.Token, nil)
		}
		if !strings.Contains(a.body, c.has) {
			t.Errorf("%s: %+v", c.scope, a)
		}
	}
	if n := plain.Count() - before; n > 2 {
		t.Errorf("%d token requests", n)
	}
}

// TestDoorInPath: a program that can send nothing but a URL has its secret in the path, if
// that was lent; the log and the API do not get it.
func TestDoorInPath(t *testing.T) {
	d := newJamaDoor(t)
	var lent struct{ URL string }
	if err := json.Unmarshal([]byte(d.run(t, "lend", "jama", "--to", "gradle", "--in-path", "--method", "GET", "--json")), &lent); err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(lent.URL)
	if err != nil || !strings.HasPrefix(at.Path, "/~chl_") {
		t.Fatalf("lent %q, %v", lent.URL, err)
	}
	doorLooks()
	if a := d.send(t, "GET", at.Path+jamaUser, "", nil); a.status != 200 || !strings.Contains(a.body, "james@example.com") {
		t.Errorf("%+v", a)
	}
	if a := d.send(t, "POST", at.Path+"/rest/oauth/token", "", url.Values{"grant_type": {"client_credentials"}}); a.status != 403 {
		t.Errorf("the token endpoint: %+v", a)
	}
	if a := d.send(t, "GET", at.Path+"x"+jamaUser, "", nil); a.status != 401 {
		t.Errorf("a wrong secret: %+v", a)
	}
	for _, c := range d.server.Calls() {
		if strings.Contains(c.Target, "chl_") || c.Target != jamaUser {
			t.Errorf("the API got %s", c.Target)
		}
	}
	if log := d.run(t, "log", "--json"); strings.Contains(log, "chl_") {
		t.Errorf("the log: %s", log)
	}
	if out := d.run(t, "lend", "jama", "--to", "maven", "--in-path", "--secret-file", filepath.Join(t.TempDir(), "secret")); strings.Contains(out, "chl_") || !strings.Contains(out, "/~SECRET") {
		t.Errorf("with --secret-file: %s", out)
	}
}

// TestDoorPassphrase: with a keyring that a passphrase locks, a door that was started while
// it is locked answers 503 and says what to type, never that the client is unknown; it
// answers as soon as the keyring is open. One that was running before does so as well when
// it needs a secret.
func TestDoorPassphrase(t *testing.T) {
	d := newJamaDoor(t)
	unlock := func(args ...string) {
		t.Helper()
		if _, err := d.home.Run("passphrase", args...); err != nil {
			t.Fatal(err)
		}
	}
	asks := func(when string, want int) {
		t.Helper()
		for what, a := range map[string]answer{
			"the token endpoint": d.send(t, "POST", "/rest/oauth/token", basic(d.id, d.secret), url.Values{"grant_type": {"client_credentials"}}),
			"the API":            d.send(t, "GET", jamaUser, basic(d.id, d.secret), nil),
		} {
			if a.status != want || want == 503 && (a.header.Get("Retry-After") == "" || !strings.Contains(a.body, "credhelper unlock")) {
				t.Errorf("%s: %s: %+v", when, what, a)
			}
		}
	}
	unlock("keyring", "passphrase", "--secret-stdin")
	d.run(t, "lock")
	asks("locked while it runs", 503)
	d.close()
	d.open(t)
	asks("started while locked", 503)
	unlock("unlock", "--secret-stdin")
	time.Sleep(1100 * time.Millisecond) // a locked keyring is asked again after a second
	asks("unlocked", 200)
	if d.server.Count() != 1 {
		t.Errorf("%d token requests", d.server.Count())
	}
}

// TestDoorServerAway: an API that cannot be reached is the product's error, and passes.
func TestDoorServerAway(t *testing.T) {
	d := newJamaDoor(t)
	token := d.token(t)
	d.server.Close()
	a := d.send(t, "GET", jamaUser, "Bearer "+token, nil)
	if a.status != 502 || a.header.Get("Retry-After") == "" || !strings.Contains(a.body, `{"meta":{"status":"Bad Gateway","message":"credhelper: no connection to 127.0.0.1:`) ||
		!strings.Contains(a.body, "credhelper doctor jama") || strings.Contains(a.body, "dial tcp") {
		t.Errorf("%+v", a)
	}
}

// TestDoorStreams (D14): the shipped door passes events and uploads on as they come, and
// they end with their guest.
func TestDoorStreams(t *testing.T) {
	d := newJamaDoor(t)
	broke := make(chan error, 1)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" {
			_, err := io.Copy(io.Discard, r.Body)
			broke <- err
			return
		}
		_, _ = io.WriteString(w, "data: 1\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	defer api.Close()
	if err := d.home.AddProfile(program.Profile{Name: "demo", Origin: api.URL, TokenURL: d.server.TokenURL(), ClientID: "client", Secret: "secret"}); err != nil {
		t.Fatal(err)
	}
	id, secret := d.lendOf(t, "demo", "app")
	doorLooks()
	start := func(method string, body io.Reader) (*http.Response, error) {
		r, err := http.NewRequestWithContext(t.Context(), method, d.url+"/events", body)
		if err != nil {
			return nil, err
		}
		r.Header.Set("Authorization", basic(id, secret))
		return d.client.Do(r)
	}
	events, err := start("GET", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer events.Body.Close()
	first := make([]byte, len("data: 1\n\n"))
	if _, err := io.ReadFull(events.Body, first); err != nil || string(first) != "data: 1\n\n" {
		t.Fatalf("%d %q, %v", events.StatusCode, first, err)
	}
	endless, more := io.Pipe()
	defer endless.Close()
	sent := make(chan error, 1)
	go func() {
		_, err := start("POST", endless)
		sent <- err
	}()
	for range 100 { // so that it has begun
		if _, err := more.Write(make([]byte, 1<<14)); err != nil {
			t.Fatal(err)
		}
	}
	d.run(t, "lend", "--revoke", "app")
	if n, err := events.Body.Read(first); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("events of a revoked guest: %d bytes, %v", n, err)
	}
	if err := <-broke; err == nil {
		t.Error("the API saw the end of an upload")
	}
	more.CloseWithError(io.ErrUnexpectedEOF)
	if err := <-sent; err == nil {
		t.Error("an upload of a revoked guest was answered")
	}
}

// TestLendLost: where the new secret reaches nobody, there is no new guest, and a guest
// that was to get it keeps its old one. What is no ordinary file is not replaced by one.
func TestLendLost(t *testing.T) {
	d := newJamaDoor(t)
	dir := t.TempDir()
	link, full := dir+"/link", "/dev/full"
	if err := os.Symlink(full, link); err != nil {
		t.Fatal(err)
	}
	before := d.run(t, "lend", "--json")
	for _, flags := range [][]string{{"--json"}, {"--secret-file", dir + "/missing/secret"}, {"--secret-file", link}, {"--secret-file", dir}} {
		for _, args := range [][]string{{"lend", "jama", "--to", "new"}, {"lend", "--rotate", "jci"}} {
			stdout, err := os.OpenFile(full, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			cmd := d.home.Command(append(args, flags...)...)
			cmd.Stdout = stdout
			if err := cmd.Run(); cmd.ProcessState.ExitCode() != 9 {
				t.Errorf("%v %v: %v", args, flags, err)
			}
			stdout.Close()
		}
	}
	if after := d.run(t, "lend", "--json"); after != before {
		t.Errorf("the guests were %safter it %s", before, after)
	}
	if to, err := os.Readlink(link); to != full {
		t.Errorf("the link: %q, %v", to, err)
	}
	doorLooks()
	d.token(t)
}
