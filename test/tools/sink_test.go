//go:build tools

package tools

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sink keeps a file with a profile's token until stop is called, which ends it as
// systemd would.
func (w *world) sink(profile, file, format string) (stop func()) {
	w.t.Helper()
	program, err := w.find("credhelper")
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.Command(program, "sink", profile, "--file", file, "--format", format)
	cmd.Dir, cmd.Env = w.home, w.env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	running := true
	stop = func() {
		if !running {
			return
		}
		running = false
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(time.Minute):
			cmd.Process.Kill()
			w.t.Error("credhelper sink does not end on SIGTERM")
		}
	}
	w.t.Cleanup(stop)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(file); err == nil {
			return stop
		}
		select {
		case err := <-ended:
			running = false
			w.t.Fatalf("credhelper sink ended: %v\n%s", err, stderr.String())
		default:
		}
	}
	w.t.Fatalf("credhelper sink wrote no file\n%s", stderr.String())
	return nil
}

// TestGitOldWithHeaderFile: a server that offers only Bearer, and a git that can send only
// Basic: the header is in a file that git includes and sink keeps fresh, here for three
// tokens. The file is removed when sink ends.
func TestGitOldWithHeaderFile(t *testing.T) {
	w := newWorld(t)
	w.useGit("old")
	site := w.site("Bearer", repositories(t, "app.git"))
	stranger := w.stranger("Bearer", repositories(t, "app.git"))
	w.profile("work", site.URL)
	w.auth.SetLifetime(9 * time.Second) // sink renews after two thirds
	file := w.home + "/bearer.gitconfig"
	stop := w.sink("work", file, "git-include")
	w.ok(nil, "git", "config", "--global", "include.path", file)
	for end := time.Now().Add(time.Minute); w.auth.Count() < 3; time.Sleep(time.Second) {
		if time.Now().After(end) {
			t.Fatalf("%d token requests: the file is not renewed", w.auth.Count())
		}
		w.ok(nil, "git", "ls-remote", site.URL+"/app.git")
	}
	site.served(t)
	w.fails(nil, "git", "ls-remote", stranger.URL+"/app.git")
	stranger.asked(t)

	stop()
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the token stayed: %v", err)
	}
	w.fails(nil, "git", "ls-remote", site.URL+"/app.git")
}

// TestSinkFiles: files that tools read again for each call, in the formats that they
// accept.
func TestSinkFiles(t *testing.T) {
	for _, c := range []struct{ name, format, line string }{
		{"curl's own configuration", "curl-config", `curl -sSf --config FILE URL/hello`},
		{"a header for curl", "header", `curl -sSf -H @FILE URL/hello`},
		{"the bare token", "token", `curl -sSf -H "Authorization: Bearer $(cat FILE)" URL/hello`},
		{"a shell's variable", "env", `. FILE && curl -sSf -H "Authorization: Bearer $BEARER_TOKEN" URL/hello`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.setenv("CURL_CA_BUNDLE=" + authorityFile())
			site := w.site("Bearer", api(nowhere))
			w.profile("work", site.URL)
			file := w.home + "/file"
			w.sink("work", file, c.format)
			if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("mode of the file: %v %v", info.Mode(), err)
			}
			line := strings.NewReplacer("FILE", file, "URL", site.URL).Replace(c.line)
			if out := w.ok(nil, "bash", "-o", "pipefail", "-c", line); !strings.Contains(out, "hello") {
				t.Errorf("no hello: %q", out)
			}
			site.served(t)
		})
	}
}

// TestKubectlTokenFile: kubectl reads tokenFile itself.
func TestKubectlTokenFile(t *testing.T) {
	w := newWorld(t)
	site, stranger := w.site("Bearer", cluster()), w.stranger("Bearer", cluster())
	w.profile("work", site.URL)
	w.kubeconfig(site, stranger)
	file := w.home + "/token"
	w.sink("work", file, "token")
	w.append(".kube/config", "- name: from-file\n  user:\n    tokenFile: "+file+"\n")
	w.ok(nil, "kubectl", "--user", "from-file", "get", "--raw", "/version")
	site.served(t)
}
