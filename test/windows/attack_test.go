//go:build wine

package windows

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDeviceNames: what Windows takes for a device, or for a part of a file, is no profile
// and no file of ours, and nothing waits for such a device.
func TestDeviceNames(t *testing.T) {
	s := newServer(t)
	u := newHome(t).withProfile(s)
	for _, name := range []string{"con", "com1.x"} {
		add := []string{"add", name, "--preset", "jama", "--url", s.URL(), "--client-id", "demo", "--by-name", "--secret-stdin"}
		oneLine(t, u.wants(9, testSecret, add...), name+".toml is not the name of a file")
		oneLine(t, u.wants(9, "", "token", name), name+".toml is not the name of a file")
	}
	dir := filepath.Join(t.TempDir(), "files")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"nul", "token:stream"} {
		oneLine(t, u.wants(9, "", "sink", "jama", "--once", "--file", windowsPath(dir)+`\`+name), "not the name of a file")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	u.wants(0, "", "token", "jama")
}

// TestLongHome: a home of more than the 260 characters that most paths of Windows have.
func TestLongHome(t *testing.T) {
	s := newServer(t)
	home := t.TempDir()
	for range 4 {
		home = filepath.Join(home, strings.Repeat("lang", 20))
	}
	u := (&user{t, bin, []string{"CREDHELPER_HOME=" + windowsPath(home)}}).withProfile(s)
	token := u.wants(0, "", "token", "jama").stdout
	if again := u.wants(0, "", "token", "jama").stdout; again != token {
		t.Errorf("another token: %q", again)
	}
	requests(t, s, 1)
	u.wants(0, "", "cache", "clear", "jama")
	u.wants(0, "", "token", "jama")
	u.wants(0, "", "doctor")
}

// TestExecBatch: a batch file gets what it is given, and runs none of it. A variable from
// which a profile takes a secret stays here, however it is spelled.
func TestExecBatch(t *testing.T) {
	s := newServer(t)
	u := newHome(t).withProfile(s)
	home := linuxPath(strings.TrimPrefix(u.environ[0], "CREDHELPER_HOME="))
	profile := "preset = 'jama'\nclient_id = 'demo'\nurl = '" + s.URL() + "'\nsecret = ['env', 'JAMA_SECRET']\n"
	if err := os.WriteFile(filepath.Join(home, "config/profiles/given.toml"), []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	u.environ = append(u.environ, "Jama_Secret="+testSecret)
	script := filepath.Join(t.TempDir(), "b (1)", "sh ow.cmd")
	if err := os.MkdirAll(filepath.Dir(script), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(script, []byte("@echo [%1] [%2]\r\n@set\r\n@exit /b 5\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		door   []string
		script string
	}{
		{nil, windowsPath(script)},
		{[]string{"--door"}, windowsPath(script)},
		{nil, strings.TrimSuffix(strings.ReplaceAll(windowsPath(script), `\`, "/"), ".cmd")}, // as it may be typed
	} {
		args := append(append([]string{"exec", "given"}, c.door...), "--", c.script, "a&echo RUN", "two words")
		a := u.wants(5, "", args...)
		has(t, a.stdout, `["a&echo RUN"] ["two words"]`)
		if strings.Contains(a.stdout, "\nRUN") || strings.Contains(a.stdout, testSecret) {
			t.Errorf("%q: %s", args, a.stdout)
		}
		oneLine(t, u.wants(2, "", append(args, "a\nb")...), "line break")
	}
	a := u.wants(5, "", "exec", "given", "--keep-env", "jama_SECRET", "--", windowsPath(script))
	has(t, a.stdout, testSecret)
}
