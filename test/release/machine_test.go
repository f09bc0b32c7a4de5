//go:build release

package release

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
)

// machine is a root directory with an installed system.
type machine struct {
	t    *testing.T
	root string
}

// fresh returns a newly installed Debian with one ordinary user.
func fresh(t *testing.T) *machine {
	t.Helper()
	m := &machine{t, filepath.Join(t.TempDir(), "root")}
	if out, err := said("", "cp", "-a", debian, m.root); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	m.must("root", "useradd --create-home --uid 1000 --shell /bin/bash user")
	return m
}

// in returns the same machine for a subtest.
func (m *machine) in(t *testing.T) *machine { return &machine{t, m.root} }

// command returns a shell command on the machine. Its mounts end with it.
func (m *machine) command(user, script string) *exec.Cmd {
	const enter = `mount --rbind /dev "$1/dev" && mount -t proc proc "$1/proc" && exec chroot "$1" /usr/bin/setpriv --reuid="$2" --regid="$2" --clear-groups env -i ` +
		`HOME="$3" USER="$2" PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin LC_ALL=C.UTF-8 TERM=dumb DEBIAN_FRONTEND=noninteractive bash --norc -c "cd; $4"`
	uid, home := "0", "/root"
	if user != "root" {
		uid, home = "1000", "/home/user"
	}
	return exec.Command("unshare", "--mount", "sh", "-c", enter, "sh", m.root, uid, home, script)
}

// run runs a script and returns its output.
func (m *machine) run(user, script string) (string, error) {
	out, err := m.command(user, script).CombinedOutput()
	return string(out), err
}

// must runs a script that must not fail.
func (m *machine) must(user, script string) string {
	m.t.Helper()
	began := time.Now()
	out, err := m.run(user, script)
	if err != nil {
		m.t.Fatalf("%s: %v\n%s", script, err, out)
	}
	m.t.Logf("%5d ms  %s", time.Since(began).Milliseconds(), firstLine(script))
	return out
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// brings copies a file of the release to the machine's root.
func (m *machine) brings(name string) {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(m.root, name), read(m.t, filepath.Join(dist, name)), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// refuses checks that a command fails with certain words, for which the page of
// installations says what to do.
func (m *machine) refuses(user, script string, words ...string) {
	m.t.Helper()
	out, err := m.run(user, script)
	refused(m.t, script, out, err, words...)
}

// refused checks the output and the error of a command that must fail.
func refused(t *testing.T, script, out string, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s did not fail:\n%s", script, out)
	}
	for _, w := range words {
		if !strings.Contains(out, w) {
			t.Errorf("%s does not say %q:\n%s", script, w, out)
		}
	}
	advised(t, out)
}

// advised checks that docs/install.md has a row for one of the messages in out.
func advised(t *testing.T, out string) {
	t.Helper()
	_, table, found := strings.Cut(string(read(t, "../../docs/install.md")), "\n| Message | What to do |\n")
	table, _, ends := strings.Cut(table, "\n\n")
	if !found || !ends {
		t.Fatal("docs/install.md has no table of messages")
	}
	for row := range strings.Lines(table) {
		for i, message := range strings.Split(strings.SplitN(row, "|", 3)[1], "`") {
			if i%2 == 1 && strings.Contains(out, message) {
				return
			}
		}
	}
	t.Errorf("docs/install.md does not say what to do about\n%s", out)
}

// typed returns the command that README says to type on a system, without sudo.
func typed(t *testing.T, system string) string {
	t.Helper()
	_, rest, found := strings.Cut(string(read(t, "../../README.md")), "\n| "+system+" | `")
	line, _, ends := strings.Cut(rest, "` |\n")
	if !found || !ends {
		t.Fatalf("README.md does not say how to install on %s", system)
	}
	return strings.TrimPrefix(line, "sudo ")
}

// server is an authorization server that machines reach by loopback.
func server(t *testing.T) *oauthtest.Server {
	t.Helper()
	return oauthtest.Start(t, oauthtest.Options{})
}

// adds returns the command that adds the profile work.
func adds(s *oauthtest.Server) string {
	return fmt.Sprintf("echo secret | credhelper add work --preset oauth2 --client-id client --secret-stdin --no-verify --set token_url=%s --set username=oauth2 --set origins=https://api.example.com", s.TokenURL())
}
