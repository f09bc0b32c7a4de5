//go:build linux

package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// decoyFiles are what a repository may contain in the hope that it is read (T4).
var decoyFiles = []string{
	"jama.toml", "config.toml", "credhelper.toml", ".credhelper.toml", ".credhelper", "credhelper/config.toml", "profiles/jama.toml",
	"presets/jama.toml", "presets/oauth2.toml", "config/config.toml", "config/profiles/jama.toml", ".config/credhelper/config.toml",
	".config/credhelper/profiles/jama.toml", ".env", ".netrc", ".curlrc", "state/locks/home", "data/keyring/lock", "curlrc",
}

// decoyPrograms are what a search path with "." in it may find (T5).
var decoyPrograms = []string{
	"credhelper-engine", "credhelper-plugin", "credhelper", "curl", "pass", "gpg", "gpg2", "dbus-launch", "dbus-daemon", "secret-tool", "keyctl", "sh", "bash",
	"security", "xdg-open", "git", "systemctl", "gnome-keyring-daemon", "kwalletd5", "kwalletd6", "getent",
}

// TestDecoys (T4, T5): nothing in the current directory is read or executed, neither as
// configuration nor as a program: on a hit, on a miss, in doctor, in curl.
func TestDecoys(t *testing.T) {
	if elsewhere(t) {
		return
	}
	s := newServer(t)
	h := warmHome(t, s)
	addProfile(t, h, s, "local", s.URL)
	repository := t.TempDir()
	for _, name := range decoyFiles {
		decoy(t, filepath.Join(repository, name), "client_id = \"decoy\"\n", 0o644)
	}
	ran := filepath.Join(t.TempDir(), "ran")
	for _, name := range decoyPrograms {
		for _, dir := range []string{"", "bin"} {
			decoy(t, filepath.Join(repository, dir, name), "#!/bin/sh\necho "+name+" >>"+ran+"\n", 0o755)
		}
	}
	for _, args := range [][]string{
		{"token", "jama"}, {"token", "jama", "--refresh"}, {"header", "https://api.example.com/"}, {"token", "nobody"},
		{"list"}, {"show", "jama", "--full"}, {"status"}, {"doctor"}, {"explain", "https://api.example.com/"}, {"version", "--json"},
		{"curl", "local", "--", "-sS", s.URL + "/api"}, {"reject", "jama"}, {"keyring", "use", "file"},
	} {
		log := filepath.Join(t.TempDir(), "log")
		cmd := traced(t, h, log, []string{"-e", "trace=%file"}, args...)
		cmd.Dir = repository
		for i, v := range cmd.Env {
			if strings.HasPrefix(v, "PATH=") {
				cmd.Env = append(append([]string{}, cmd.Env[:i]...), cmd.Env[i+1:]...)
				break
			}
		}
		cmd.Env = append(cmd.Env, "PATH=.:bin::"+os.Getenv("PATH"))
		r := finish(t, cmd)
		quiet(t, strings.Join(args, " "), r)
		content, err := os.ReadFile(log)
		if err != nil || !strings.Contains(string(content), "execve(") {
			t.Fatalf("the log is blind: %v", err)
		}
		for _, line := range strings.Split(string(content), "\n") {
			opens := strings.Contains(line, "open(") || strings.Contains(line, "openat(") || strings.Contains(line, "execve(")
			if opens && touchesDecoy(line, repository) {
				t.Errorf("%s: %s", strings.Join(args, " "), line)
			}
		}
	}
	if names, err := os.ReadFile(ran); err == nil {
		t.Errorf("decoys ran: %s", names)
	}
}

// touchesDecoy reports whether a call names something in the repository, by its full
// path or by one relative to the current directory.
func touchesDecoy(line, repository string) bool {
	if strings.Contains(line, repository+"/") {
		return true
	}
	if _, path, ok := strings.Cut(line, "AT_FDCWD<"+repository+">, \""); ok && !strings.HasPrefix(path, "/") {
		return true
	}
	_, path, ok := strings.Cut(line, "execve(\"")
	return ok && !strings.HasPrefix(path, "/")
}

func decoy(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return
	}
	if info, err := os.Lstat(filepath.Dir(path)); err == nil && !info.IsDir() {
		if err := os.Remove(filepath.Dir(path)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}
