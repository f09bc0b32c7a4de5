//go:build release

package release

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/connector"
)

// TestDebian: on a fresh Debian, from the package to a token in three commands; what works
// without a network; errors say what to do; and removing the package leaves the user's
// files.
func TestDebian(t *testing.T) {
	m, s := fresh(t), server(t)
	deb := func(arch string) string {
		return "credhelper_" + strings.Replace(number(), "-", "~", 1) + "_" + arch + ".deb"
	}
	m.brings(deb("amd64"))
	m.brings(deb("arm64"))
	m.refuses("root", "dpkg -i /"+deb("arm64"), "package architecture (arm64) does not match system (amd64)")
	install := "cd / && " + typed(t, "Debian, Ubuntu")
	m.damaged(deb("amd64"), install)
	if out, err := said(dist, "lintian", "--fail-on", "error", deb("amd64")); err != nil {
		t.Errorf("lintian: %v\n%s", err, out)
	}

	m.must("root", install)
	m.must("user", adds(s))
	token := m.must("user", "credhelper token work")
	if again := m.must("user", "credhelper token work"); again != token || len(token) < 20 || s.Count() != 1 {
		t.Errorf("%d requests for %q, %q", s.Count(), token, again)
	}
	t.Run("it knows", func(t *testing.T) { knows(t, m) })
	t.Run("completion", func(t *testing.T) { completes(t, m) })
	t.Run("a part is missing", func(t *testing.T) { parts(t, m) })
	t.Run("of two releases", func(t *testing.T) { mixed(t, m) })
	t.Run("read-only", func(t *testing.T) { readOnly(t, m) })
	t.Run("removed while a connector runs", func(t *testing.T) { removed(t, m, "/"+deb("amd64")) })

	before := m.must("user", "credhelper token work")
	m.damaged(deb("amd64"), install)
	if after := m.must("user", "credhelper token work"); after != before {
		t.Errorf("after a damaged package was refused the token is %q", after)
	}
	m.must("root", "dpkg --purge credhelper")
	if left := m.must("root", "find /usr /etc -name '*credhelper*'"); left != "" {
		t.Errorf("purging leaves\n%s", left)
	}
	m.must("root", "dpkg -i /"+deb("amd64"))
	if after := m.must("user", "credhelper token work"); after != before {
		t.Errorf("after removing and installing it the user's token is %q", after)
	}
}

// damaged checks that what installs a package refuses one that is damaged or not complete,
// and puts the good one back.
func (m *machine) damaged(name, install string) {
	m.t.Helper()
	file := filepath.Join(m.root, name)
	for what, change := range damages {
		if err := change(file); err != nil {
			m.t.Fatal(what, err)
		}
		m.refuses("root", install)
		m.brings(name)
	}
}

// knows: version, manual, documentation, without a network.
func knows(t *testing.T, m *machine) {
	for _, c := range []struct{ script, says string }{
		{"credhelper version", "credhelper " + version + " (go"},
		{"credhelper --version", "credhelper " + version + " (go"},
		{"man credhelper-add", "add a profile"},
		{"man git-credential-credhelper", "git"},
		{"credhelper help grants", "client_credentials"},
		{"credhelper help exit-codes", "# Exit codes"},
		{"credhelper help terraform", "credentials_helper"},
		{"credhelper help topics", "\nprofiles\n"},
		{"credhelper doctor", version + " in /usr/libexec/credhelper-engine"},
		{"git-credential-credhelper --help", "git"},
		{"printf 'protocol=https\\nhost=api.example.com\\n\\n' | git -c credential.helper=credhelper -c credential.useHttpPath=false credential fill", "password="},
	} {
		if out, err := m.run("user", c.script); !strings.Contains(out, c.says) {
			t.Errorf("%s: %v, no %q in\n%s", c.script, err, c.says, out)
		}
	}
	// Completion and manual know the same verbs.
	verbs := strings.Fields(m.must("user", `credhelper __complete '' 2>/dev/null | cut -f1 | grep -v '^:'`))
	for _, verb := range verbs {
		if out, err := m.run("user", "man -w credhelper-"+verb); err != nil {
			t.Errorf("%s has no page in the manual: %s", verb, out)
		}
	}
	if len(verbs) < 30 {
		t.Errorf("%d verbs: the test is blind", len(verbs))
	}
}

// completes: commands and profiles are completed, in three shells.
func completes(t *testing.T, m *machine) {
	const ask = `COMP_LINE='credhelper token wo' COMP_POINT=19 COMP_WORDS=(credhelper token wo) COMP_CWORD=2; __start_credhelper; echo "[${COMPREPLY[*]}]"
COMP_LINE='credhelper rota' COMP_POINT=15 COMP_WORDS=(credhelper rota) COMP_CWORD=1; __start_credhelper; echo "[${COMPREPLY[*]}]"`
	for shell, script := range map[string]string{
		"bash":                         "source /usr/share/bash-completion/bash_completion; _completion_loader credhelper\n" + ask,
		"bash without bash-completion": "source /usr/share/bash-completion/completions/credhelper\n" + ask,
		"fish":                         `fish -c 'complete -C "credhelper token wo"; complete -C "credhelper rota"'`,
		"zsh":                          "zsh -f /zsh-completes",
	} {
		if shell == "zsh" {
			if err := os.WriteFile(filepath.Join(m.root, "zsh-completes"), []byte(zshCompletes), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		out, err := m.run("user", script)
		if err != nil || !strings.Contains(out, "work") || !strings.Contains(out, "rotate") {
			t.Errorf("%s: %v\n%s", shell, err, out)
		}
	}
}

// zshCompletes types into zsh as a person does and returns the resulting line.
const zshCompletes = `zmodload zsh/zpty
zpty z zsh -f -i
typed() {
	zpty -w -n z "$1"$'\t'
	sleep 2
	zpty -w -n z $'\x15'
}
zpty -w z 'PS1= ; autoload -U compinit && compinit -u -d /tmp/zcompdump'
sleep 2
typed 'credhelper token wo'
typed 'credhelper rota'
zpty -w z 'exit'
while zpty -r z line; do print -r -- "$line"; done
`

// parts: if one of the two executables that the front runs is damaged or missing, the
// error says which one, and what to do.
func parts(t *testing.T, m *machine) {
	m = m.in(t)
	other := unpacked(t, archives(t)["linux/s390x"])
	for name, verb := range map[string]string{"credhelper-engine": "list", "credhelper-plugin": "plugin"} {
		path := "usr/libexec/" + name
		good := read(t, filepath.Join(m.root, path))
		for _, c := range []struct {
			what    string
			content []byte
			says    []string
		}{
			{"for another machine", other["libexec/"+name].content, []string{"/" + path + " is damaged or not for this machine", "linux/amd64"}},
			{"cut off by a full disk", []byte{}, []string{"/" + path + " is damaged or not for this machine", "install all three files"}},
			{"missing", nil, []string{name + " is missing beside /usr/bin/credhelper", "install all three files"}},
		} {
			err := os.Remove(filepath.Join(m.root, path))
			if err == nil && c.content != nil {
				err = os.WriteFile(filepath.Join(m.root, path), c.content, 0o755)
			}
			if err != nil {
				t.Fatal(c.what, err)
			}
			m.refuses("user", "credhelper "+verb+" || { code=$?; echo exit $code; exit $code; }", append(c.says, "exit 9")...)
		}
		if err := os.WriteFile(filepath.Join(m.root, path), good, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// mixed: executables of two releases are detected. An older front and a newer engine have
// different handover versions; if those are equal, doctor compares the releases.
func mixed(t *testing.T, m *machine) {
	m = m.in(t)
	for _, name := range []string{"credhelper-engine", "credhelper-plugin"} {
		m.refuses("user", "/usr/libexec/"+name+" handover-0:0:0 credhelper list", "credhelper and "+name+" are not of the same release", "install all three files of one release")
		if out, err := m.run("user", "/usr/libexec/"+name+" list"); err == nil || !strings.Contains(out, "type credhelper, not "+name) {
			t.Errorf("%v\n%s", err, out)
		}
	}
	front := filepath.Join(m.root, "usr/bin/credhelper")
	if err := os.Rename(front, front+".new"); err != nil {
		t.Fatal(err)
	}
	defer os.Rename(front+".new", front)
	build := exec.Command("go", "build", "-buildvcs=false", "-o", front, "github.com/credhelper/credhelper/cmd/credhelper")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := m.run("user", "credhelper doctor")
	if !strings.Contains(out, "/usr/bin/credhelper, another release than the engine") || !strings.Contains(out, "install all three files of one release") {
		t.Errorf("%v\n%s", err, out)
	}
	advised(t, out)
}

// readOnly: nothing is written to the prefix, so it can be read-only. A package cannot be
// installed there, and dpkg says so.
func readOnly(t *testing.T, m *machine) {
	m = m.in(t)
	const lock = "mount --bind /usr /usr && mount -o remount,ro,bind /usr && "
	for _, script := range []string{"credhelper token work --refresh", "credhelper setup docker work", "credhelper help git", "credhelper cache clear", "credhelper token work"} {
		m.must("root", lock+"setpriv --reuid=1000 --regid=1000 --clear-groups env HOME=/home/user "+script)
	}
	m.refuses("root", lock+"dpkg -i /*_amd64.deb", "Read-only file system")
	m.refuses("root", lock+"cp /usr/bin/credhelper /usr/bin/credhelper-new", "Read-only file system")
	m.must("root", "dpkg -i /*_amd64.deb") // dpkg asks for this after such a failure
	m.must("user", "credhelper token work")
}

// removed: a connector continues after the package was removed, until its credhelper ends;
// then its error says what is missing, and it works again after a reinstallation.
func removed(t *testing.T, m *machine, deb string) {
	m = m.in(t)
	home, s := t.TempDir(), server(t)
	env := []string{"CREDHELPER_HOME=" + home, "HOME=" + home, "PATH=" + filepath.Join(m.root, "usr/bin") + ":" + os.Getenv("PATH")}
	run := func(script string) {
		t.Helper()
		cmd := exec.Command("sh", "-ec", script)
		cmd.Env = env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	run("credhelper keyring use file && " + adds(s))
	client, err := connector.Dial(connector.Config{Path: filepath.Join(m.root, "usr/bin/credhelper"), Env: env})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	get := func(refresh bool) error {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		c, err := client.Get(ctx, protocol.Request{Verb: protocol.Get, Profile: "work", Refresh: refresh})
		if err == nil && c.Secret.Reveal() == "" {
			return fmt.Errorf("no token")
		}
		return err
	}
	if err := get(false); err != nil {
		t.Fatal(err)
	}
	m.must("root", "dpkg --remove credhelper")
	for _, refresh := range []bool{false, true} {
		if err := get(refresh); err != nil {
			t.Errorf("refresh %v: a running connector loses credhelper when the package is removed: %v", refresh, err)
		}
	}
	if err := killChild("credhelper"); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	for err = get(false); err == nil && time.Now().Before(deadline); err = get(false) {
		time.Sleep(50 * time.Millisecond)
	}
	refused(t, "a connector without the package", fmt.Sprint(err), err, "credhelper", "no such file")
	m.must("root", "dpkg -i "+deb)
	for err = get(false); err != nil && time.Now().Before(deadline); err = get(false) {
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		t.Errorf("with the package back a connector hears %v", err)
	}
}

// killChild kills the child process of that name.
func killChild(name string) error {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, f := range files {
		stat, err := os.ReadFile(f)
		if err != nil {
			continue // it has ended
		}
		var pid, parent int
		var state string
		after := stat[strings.LastIndexByte(string(stat), ')')+1:]
		if _, err := fmt.Sscan(string(after), &state, &parent); err != nil || parent != os.Getpid() || !strings.Contains(string(stat), "("+name) {
			continue
		}
		if _, err := fmt.Sscan(string(stat), &pid); err != nil {
			return err
		}
		return syscall.Kill(pid, syscall.SIGKILL)
	}
	return errors.New("no child " + name)
}
