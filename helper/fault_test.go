//go:build unix

package helper_test

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
)

// TestFullDisk (F2, F3): a token that was obtained is answered though it cannot be
// kept; what was on the disk stays as it was.
func TestFullDisk(t *testing.T) {
	// In a process of its own: go test's log of files must grow in this one.
	const child = "HELPER_TEST_FULL_DISK"
	if os.Getenv(child) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestFullDisk$")
		cmd.Env = append(os.Environ(), child+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	h := ready(t, oauthtest.Options{})
	h.mustGet(named)
	files := func() map[string]string {
		all := map[string]string{}
		for _, dir := range []string{h.dirs.Run(), h.dirs.Profiles(), h.dirs.Config} {
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if content, err := os.ReadFile(dir + "/" + e.Name()); err == nil {
					all[dir+"/"+e.Name()] = string(content)
				}
			}
		}
		return all
	}
	before := files()
	full(t, func() {
		c := h.mustGet(protocol.Request{Profile: "demo", Refresh: true})
		if c.Source != "network" {
			t.Errorf("%+v", c)
		}
		if len(h.warnings) != 1 || !strings.Contains(h.warnings[0], "could not be cached") {
			t.Errorf("warnings %q", h.warnings)
		}
		_, err := h.helper().EditProfile("demo", []byte(h.fill(plain)+"notes = \"x\"\n"))
		wantError(t, err, protocol.ErrPolicy, "cannot write", "demo.toml")
		if err := h.helper().UseKeyring("pass"); err == nil {
			t.Error("the choice was written")
		}
	})
	after := files()
	if len(after) != len(before) {
		t.Errorf("%d files before, %d after", len(before), len(after))
	}
	for name, content := range before {
		if after[name] != content {
			t.Errorf("%s changed", name)
		}
	}
}

// full runs f while no file of this process can grow.
func full(t *testing.T, f func()) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 0, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
	}()
	f()
}

// TestSecretSources: the secret from a file, a command, a variable or a systemd
// credential, and what is wrong with each.
func TestSecretSources(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	dir := t.TempDir()
	h.env["DEMO_SECRET"], h.env["CREDENTIALS_DIRECTORY"] = "secret", dir
	for path, content := range map[string]string{"good": "secret\n", "bom": "\xef\xbb\xbfsecret", "two": "secret\nx\n", "empty": ""} {
		h.write(dir+"/"+path, content)
	}
	h.write(dir+"/open", "secret\n")
	if err := os.Chmod(dir+"/open", 0o622); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		source string
		kind   error
		part   string
	}{
		{`["file", "` + dir + `/good"]`, nil, ""},
		{`["env", "DEMO_SECRET"]`, nil, ""},
		{`["credential", "good"]`, nil, ""},
		{`["command", "/bin/cat", "` + dir + `/good"]`, nil, ""},
		{`["file", "` + dir + `/bom"]`, protocol.ErrPolicy, "byte order mark"},
		{`["file", "` + dir + `/two"]`, protocol.ErrPolicy, "a line break"},
		{`["file", "` + dir + `/empty"]`, protocol.ErrPolicy, "empty"},
		{`["file", "` + dir + `/open"]`, protocol.ErrPolicy, "others can write it"},
		{`["file", "` + dir + `/none"]`, protocol.ErrNoSecret, "its secret comes from file"},
		{`["env", "OTHER"]`, protocol.ErrNoSecret, "its secret comes from env OTHER"},
		{`["credential", "none"]`, protocol.ErrNoSecret, "credential none"},
		{`["command", "/bin/false"]`, protocol.ErrLocked, "it failed"},
		{`["command", "/nonexistent"]`, protocol.ErrLocked, "there is no program"},
	} {
		t.Run(c.source, func(t *testing.T) {
			h.profile("demo", plain+"secret = "+c.source+"\n")
			got, err := h.get(protocol.Request{Profile: "demo", Refresh: true})
			if c.kind != nil {
				wantError(t, err, c.kind, c.part, "profile demo: ")
				return
			}
			if err != nil || got.Source != "network" {
				t.Errorf("%+v: %v", got, err)
			}
		})
	}
	if h.keyring.gets > 0 {
		t.Error("the keyring was asked")
	}
}

// TestDeletedLock (F16): a lock file that somebody deletes makes a second
// fetch at worst.
func TestDeletedLock(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	old := h.mustGet(named)
	if err := os.Remove(h.dirs.Locks() + "/l-" + cache.ProfileKey("demo").String()); err != nil {
		t.Fatal(err)
	}
	if c := h.mustGet(named); c.Source != "network" || c.Secret.Equal(old.Secret) {
		t.Errorf("%+v", c)
	}
	if n := h.server.Count(); n != 2 {
		t.Errorf("%d requests", n)
	}
}
