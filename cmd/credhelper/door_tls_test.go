//go:build linux

package main_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// newSecureDoor opens a door with TLS, with a client that trusts its CA.
func newSecureDoor(t *testing.T, flags ...string) *jamaDoor {
	t.Helper()
	d := newJamaDoor(t)
	d.close()
	d.open(t, append([]string{"--tls"}, flags...)...)
	d.trust(t)
	return d
}

// trust makes the client trust the present CA, and nothing else, and returns the CA.
func (d *jamaDoor) trust(t *testing.T) (pem string) {
	t.Helper()
	pem = d.run(t, "proxy", "ca")
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(pem)) || !strings.HasPrefix(pem, "-----BEGIN CERTIFICATE-----\n") || strings.Count(pem, "-----BEGIN") != 1 {
		t.Fatalf("proxy ca prints %q", pem)
	}
	d.client.CloseIdleConnections()
	d.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}
	t.Cleanup(d.client.CloseIdleConnections)
	return pem
}

// host returns the door's address and port.
func (d *jamaDoor) host() string { _, at, _ := strings.Cut(d.url, "://"); return at }

// TestDoorTLS (D11): with proxy --tls a program that trusts the CA of this home, and only
// it, gets tokens and the API. The CA outlives the door, its key is nowhere in clear.
func TestDoorTLS(t *testing.T) {
	d := newSecureDoor(t)
	if !strings.HasPrefix(d.url, "https://127.0.0.1:") {
		t.Fatalf("the door is at %s", d.url)
	}
	token := d.token(t)
	if a := d.send(t, "GET", jamaUser, "Bearer "+token, nil); a.status != 200 {
		t.Errorf("%+v", a)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte(d.trust(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	curl := func(args ...string) result {
		return finish(t, exec.Command(need(t, "curl"), append([]string{"-sS", "-w", "%{http_version} %{http_code}", "-o", "/dev/null", "-u", d.id + ":" + d.secret}, args...)...))
	}
	if r := curl("--cacert", file, "-d", "grant_type=client_credentials", d.url+"/rest/oauth/token"); r.stdout != "1.1 200" {
		t.Errorf("curl got %+v", r)
	}
	if r := curl(d.url + jamaUser); r.code != 60 {
		t.Errorf("curl without the CA got %+v", r)
	}
	if r := curl("--cacert", file, "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0", d.url+jamaUser); r.code != 35 {
		t.Errorf("curl with TLS 1.1 got %+v", r)
	}
	if r := curl("http://" + d.host() + jamaUser); r.stdout != "1.1 400" {
		t.Errorf("curl without TLS got %+v", r)
	}
	_ = filepath.WalkDir(filepath.Dir(d.home.Dirs.Config), func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && strings.Contains(string(read(t, path)), "PRIVATE KEY") {
			t.Errorf("%s has a key", path)
		}
		return nil
	})

	_ = d.cmd.Process.Kill()
	_ = d.cmd.Wait()
	d.open(t, "--tls")
	if a := d.send(t, "GET", jamaUser, "Bearer "+token, nil); a.status != 200 {
		t.Errorf("after a restart: %+v", a)
	}
	before := d.trust(t)
	if d.run(t, "proxy", "ca", "--new") == before {
		t.Error("--new makes no new one")
	}
	d.close()
	d.open(t, "--tls")
	if _, err := d.client.Get(d.url + jamaUser); err == nil {
		t.Error("the former CA still vouches for the door")
	}
	d.trust(t)
	d.token(t)
}

// TestDoorTLSLocked: with a locked keyring proxy --tls says so and ends, and makes no CA
// that nobody trusts.
func TestDoorTLSLocked(t *testing.T) {
	d := newSecureDoor(t)
	before := d.trust(t)
	d.close()
	key := d.home.Dirs.KeyFile()
	if err := os.Rename(key, key+".away"); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"proxy", "--tls", "--listen", "127.0.0.1:0"}, {"proxy", "ca"}, {"proxy", "ca", "--new"}} {
		if r := finish(t, d.home.Command(args...)); r.code != 5 || r.stdout != "" || !strings.Contains(r.stderr, "the keys of the door: ") {
			t.Errorf("%v: %+v", args, r)
		}
	}
	if err := os.Rename(key+".away", key); err != nil {
		t.Fatal(err)
	}
	if d.trust(t) != before {
		t.Error("there is another CA")
	}
}

// TestDoorNames: the CA is for the hosts that it was made for, and can be made for no
// server of a profile, for no pattern, and for no public suffix.
func TestDoorNames(t *testing.T) {
	d := newJamaDoor(t)
	for name, at := range map[string]string{"cloud": "https://*.apis.example.com", "appliance": "https://192.0.2.9"} {
		if _, err := d.home.Run("secret", "add", name, "--preset", "oauth2", "--client-id", "client", "--secret-stdin", "--no-verify",
			"--set", "token_url=https://login.example.com/token", "--set", "origins="+at); err != nil {
			t.Fatal(err)
		}
	}
	for name, code := range map[string]int{
		"login.example.com": 9, "example.com": 9, "door.apis.example.com": 9, "apis.example.com": 9, "192.0.2.9": 9,
		"*.example.org": 2, "co.uk": 2, "com": 2, "door": 2, "0.0.0.0": 2, "https://door.example.org": 2,
	} {
		for _, args := range [][]string{{"proxy", "ca", "--name", name}, {"proxy", "ca", "--new", "--name", name}, {"proxy", "--tls", "--listen", "127.0.0.1:0", "--name", name}} {
			if r := finish(t, d.home.Command(args...)); r.code != code || r.stdout != "" || strings.Count(r.stderr, "\n") > 2 {
				t.Errorf("%v: %+v", args, r)
			}
		}
	}
	ca := d.run(t, "proxy", "ca", "--name", "Door.example.org", "--name", "192.0.2.7")
	if d.trust(t) != ca {
		t.Error("the CA changes")
	}
	if out := d.run(t, "lend", "jama", "--to", "far", "--from", "192.0.2.0/24", "--json"); !strings.Contains(out, `"url":"https://door.example.org:7717"`) {
		t.Errorf("a guest on other machines is told %s", out)
	}
	r := finish(t, d.home.Command("proxy", "--tls", "--listen", "127.0.0.1:0", "--name", "other.example.org"))
	if r.code != 9 || !strings.Contains(r.stderr, "credhelper proxy ca --new --name door.example.org --name 192.0.2.7 --name other.example.org") {
		t.Errorf("another name: %+v", r)
	}
	d.close()
	d.open(t, "--tls", "--name", "door.example.org:8443", "--name", "192.0.2.7")
	_, port, _ := net.SplitHostPort(d.host())
	for host, status := range map[string]int{"127.0.0.1:" + port: 200, "localhost:" + port: 200, "door.example.org:8443": 200, "192.0.2.7:" + port: 200,
		"door.example.org:" + port: 421, "door.example.org": 421, "192.0.2.7:8443": 421, "login.example.com:" + port: 421} {
		if a := d.send(t, "GET", jamaUser, basic(d.id, d.secret), nil, func(r *http.Request) { r.Host = host }); a.status != status {
			t.Errorf("Host %s: %d", host, a.status)
		}
	}
}

// TestDoorActivated: the socket of a service manager is served (sd_listen_fds(3)), where
// the door may listen.
func TestDoorActivated(t *testing.T) {
	d := newSecureDoor(t)
	d.close()
	// start runs proxy as systemd would, with these sockets.
	start := func(sockets []net.Listener, flags ...string) *exec.Cmd {
		cmd := d.home.Command(append([]string{"proxy"}, flags...)...)
		cmd.Args = append([]string{"sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)
		cmd.Path = need(t, "sh")
		for _, l := range sockets {
			f, err := l.(interface{ File() (*os.File, error) }).File()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { f.Close() })
			cmd.ExtraFiles = append(cmd.ExtraFiles, f)
		}
		cmd.Env = append(cmd.Env, "LISTEN_FDS="+string(rune('0'+len(sockets))))
		return cmd
	}
	listen := func(network, at string) net.Listener {
		l, err := net.Listen(network, at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l
	}
	here, all, unix := listen("tcp", "127.0.0.1:0"), listen("tcp", "0.0.0.0:0"), listen("unix", filepath.Join(t.TempDir(), "s"))
	for name, c := range map[string]struct {
		sockets []net.Listener
		flags   []string
		says    string
	}{
		"everywhere, in clear":   {[]net.Listener{all}, nil, "without TLS secrets would be sent in clear"},
		"everywhere, for nobody": {[]net.Listener{all}, []string{"--tls"}, "--name NAME"},
		"two sockets":            {[]net.Listener{here, here}, nil, "2 sockets"},
		"a unix socket":          {[]net.Listener{unix}, nil, "not one of TCP"},
	} {
		if r := finish(t, start(c.sockets, c.flags...)); r.code != 9 || !strings.Contains(r.stderr, c.says) || strings.Count(r.stderr, "\n") > 2 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	_, port, _ := net.SplitHostPort(all.Addr().String())
	for at, c := range map[string]struct {
		socket net.Listener
		flags  []string
	}{
		"http://" + here.Addr().String():  {here, nil},
		"https://" + here.Addr().String(): {here, []string{"--tls"}},
		"https://localhost:" + port:       {all, []string{"--tls", "--name", "localhost"}},
	} {
		d.url, d.cmd = at, start([]net.Listener{c.socket}, c.flags...)
		d.cmd.Stderr = io.Discard
		if err := d.cmd.Start(); err != nil {
			t.Fatal(err)
		}
		d.token(t) // waits in the socket until the door is there
		d.close()
		d.client.CloseIdleConnections()
	}
}
