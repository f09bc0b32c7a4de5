//go:build containers

package containers

import (
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
)

const credhelper = "/usr/bin/credhelper"

// twice asks for a token two times in one container.
func (c *container) twice(keys string) (first, second answer) {
	c.t.Helper()
	a := c.run("keys="+keys, randomUser, credhelper, "token", "jama", "next", randomUser, credhelper, "token", "jama",
		"next", randomUser, credhelper, "lock") // else the machine's kernel would keep the key
	return a[0], a[1]
}

// TestHome: a writable home keeps the token, and the key that seals it is in memory, in the
// kernel or where runtimes refuse that in /dev/shm.
func TestHome(t *testing.T) {
	for _, keys := range []string{"allowed", "refused"} {
		t.Run("keys "+keys, func(t *testing.T) {
			c := newContainer(t)
			s := c.newServer()
			c.volume("/data", "0777")
			c.environ = append(c.environ, "HOME=/data")
			first, second := c.twice(keys)
			c.check(0, "", first)
			c.check(0, "", second)
			if first.Stdout != second.Stdout || s.Count() != 1 {
				t.Errorf("%d requests; %q, then %q", s.Count(), first.Stdout, second.Stdout)
			}
		})
	}
}

// TestPlaces: each place that a container may or may not give, with what happens there.
func TestPlaces(t *testing.T) {
	for _, test := range []struct {
		name    string
		environ string
		volume  string // mounted there; "": none
		noShm   bool
		says    string // on stderr of each call; "": nothing
		kept    bool
	}{
		{"a root that cannot be written", "HOME=/", "", false, "nothing is cached, each call asks the server: mkdir /.local: read-only file system", false},
		{"only the state is writable", "XDG_STATE_HOME=/tmp/s HOME=/", "/tmp", false, "", true},
		{"CREDHELPER_HOME, and the profile in /etc", "CREDHELPER_HOME=/run/credhelper", "/run/credhelper", false, "", true},
		{"no place for the key", "HOME=/data", "/data", true, "no place for the key of the sealed tokens", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newContainer(t)
			s := c.newServer()
			c.environ = append(c.environ, strings.Fields(test.environ)...)
			if test.volume != "" {
				c.volume(test.volume, "0777")
			}
			if test.noShm {
				c.mounts = append(c.mounts, "--perms", "0755", "--tmpfs", "/dev/shm")
			}
			first, second := c.twice("refused")
			c.check(0, test.says, first)
			c.check(0, test.says, second)
			if strings.Count(first.Stderr, "\n") > 1 {
				t.Errorf("more than one line: %s", first.Stderr)
			}
			if kept := s.Count() == 1; kept != test.kept {
				t.Errorf("%d requests", s.Count())
			}
		})
	}
}

// TestNoHome: a container without HOME needs none if nothing is to be stored.
func TestNoHome(t *testing.T) {
	c := newContainer(t)
	s := c.newServer()
	c.wants(9, "HOME is not set to an absolute path; set HOME or CREDHELPER_HOME, or ask with --no-store", credhelper, "token", "jama")
	c.wants(0, "", credhelper, "token", "jama", "--no-store")
	if s.Count() != 1 {
		t.Errorf("%d requests", s.Count())
	}
	c.environ = append(c.environ, "CREDHELPER_ETC=none", "CREDHELPER_HOME=/tmp/x")
	c.wants(3, "no profile", credhelper, "token", "jama")
}

// TestNoProc: without /proc an executable cannot find its neighbour, and says so.
func TestNoProc(t *testing.T) {
	c := newContainer(t)
	c.newServer()
	c.noProc = true
	c.environ = append(c.environ, "HOME=/")
	c.wants(9, "cannot find the executable's own place: readlink /proc/self/exe", credhelper, "token", "jama")
}

// TestSingleUser: in a user namespace that maps one user, as rootless containers and
// sandboxes make it, root's files seem to belong to nobody, and are still root's.
func TestSingleUser(t *testing.T) {
	c := newContainer(t)
	c.newServer()
	c.outer = []string{"setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"}
	c.user = []string{"--unshare-user", "--uid", "12345", "--gid", "12345"}
	c.volume("/data", "0700")
	c.environ = append(c.environ, "HOME=/data")
	c.check(0, "", c.run("-", credhelper, "token", "jama")[0])
}

// TestCertificates: the image's certificates are the ones that are trusted.
func TestCertificates(t *testing.T) {
	c := newContainer(t)
	s := oauthtest.Start(t, oauthtest.Options{Certificate: "good", Clients: []oauthtest.Client{{ID: "demo", Secret: "s3cret"}}})
	c.write("/run/secrets/jama/client_secret", "s3cret", 0o444)
	c.write("/etc/credhelper/profiles/api.toml", fmt.Sprintf(
		"token_url = %q\norigins = [\"https://api.example.com\"]\nclient_id = \"demo\"\nsecret = [\"file\", \"/run/secrets/jama/client_secret\"]\n", s.TokenURL()), 0o644)
	c.environ = append(c.environ, "HOME=/")
	c.wants(9, "this system trusts no CA at all", credhelper, "token", "api", "--no-store")
	if block, _ := pem.Decode(s.RootsPEM()); block == nil {
		t.Fatal("the server has no certificate")
	}
	c.write("/etc/ssl/certs/ca-certificates.crt", string(s.RootsPEM()), 0o644)
	c.wants(0, "", credhelper, "token", "api", "--no-store")
}
