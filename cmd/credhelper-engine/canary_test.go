package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
)

// The canary is the client secret; the token comes from the server. Neither may be anywhere
// where others could read it (T6, T7, T8).
const canary = "CANARY+s3cret/%7E=&x"

// forms returns the encodings in which a text may be hidden.
func forms(text string) map[string]string {
	reversed := []byte(text)
	slices.Reverse(reversed)
	basic := base64.StdEncoding.EncodeToString([]byte("client:" + url.QueryEscape(text)))
	return map[string]string{
		"plain":       text,
		"base64":      base64.StdEncoding.EncodeToString([]byte(text)),
		"base64 url":  base64.RawURLEncoding.EncodeToString([]byte(text)),
		"basic":       basic,
		"hex":         hex.EncodeToString([]byte(text)),
		"url-encoded": url.QueryEscape(text),
		"path":        url.PathEscape(text),
		"reversed":    string(reversed),
	}
}

// search fails if a form of a secret is found.
func search(t *testing.T, where string, text []byte, secrets ...string) {
	t.Helper()
	for _, s := range secrets {
		for name, form := range forms(s) {
			if bytes.Contains(text, []byte(form)) {
				t.Errorf("%s: holds a secret (%s)", where, name)
			}
		}
	}
}

// watcher looks at the arguments and environments of all processes of this test, up to a
// thousand times a second.
type watcher struct {
	mu   sync.Mutex
	seen map[string]bool
	stop context.CancelFunc
	done chan struct{}
}

func watchProcesses(home string) *watcher {
	ctx, cancel := context.WithCancel(context.Background())
	w := &watcher{seen: map[string]bool{}, stop: cancel, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		for ctx.Err() == nil {
			w.look(home)
			time.Sleep(time.Millisecond)
		}
	}()
	return w
}

// look reads /proc. A process is ours if its arguments or environment name this test's home;
// the environment of the engine itself cannot be read (T9).
func (w *watcher) look(home string) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		argv, _ := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		environ, _ := os.ReadFile("/proc/" + e.Name() + "/environ")
		w.mu.Lock()
		if bytes.Contains(argv, []byte("curl")) || bytes.Contains(argv, []byte("credhelper")) || bytes.Contains(environ, []byte(home)) {
			w.seen["argv "+string(argv)] = true
			w.seen["environ "+string(environ)] = true
		}
		w.mu.Unlock()
	}
}

// sees waits until an argument or a variable of a process contains text, and reports whether
// that came within a minute.
func (w *watcher) sees(text string) bool {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		w.mu.Lock()
		for process := range w.seen {
			if strings.Contains(process, text) {
				w.mu.Unlock()
				return true
			}
		}
		w.mu.Unlock()
	}
	return false
}

func (w *watcher) end() []string {
	w.stop()
	<-w.done
	var all []string
	for s := range w.seen {
		all = append(all, s)
	}
	return all
}

// TestCanary runs every command at every verbosity, succeeding and failing, with all
// variables that make Go print more, and searches all output, all files, and the arguments
// and environment of every process (T6, T7, T8).
func TestCanary(t *testing.T) {
	home := newHome(t)
	watch := watchProcesses(home)
	server := oauthtest.Start(t, oauthtest.Options{
		Product: "jama", Clients: []oauthtest.Client{{ID: "client", Secret: canary}}, Delay: 20 * time.Millisecond,
		OnCall: func(_ int, r oauthtest.Request) { // curl gets no answer before it was seen
			if strings.HasPrefix(r.Header.Get("User-Agent"), "curl/") && !watch.sees("--config") {
				t.Error("curl was not seen: the test is blind")
			}
		},
	})
	run := func(stdin string, args ...string) (stdout string) {
		t.Helper()
		cmd := exec.Command(filepath.Join(bin, "credhelper"), args...)
		cmd.Dir = home
		cmd.Env = []string{
			"PATH=" + bin + ":/usr/bin:/bin", "HOME=" + home, "CREDHELPER_HOME=" + home, "CREDHELPER_ETC=none", "CI=1", "EDITOR=true",
			"GODEBUG=http2debug=2,netdns=2", "GOTRACEBACK=crash",
		}
		cmd.Stdin = strings.NewReader(stdin)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		_ = cmd.Run() // failures are wanted as well
		search(t, strings.Join(args, " ")+": stderr", errs.Bytes(), canary)
		search(t, strings.Join(args, " ")+": stdout", out.Bytes(), canary)
		return out.String()
	}

	run(canary+"\n", "add", "jama", "--preset", "jama", "--url", server.URL(), "--client-id", "client", "--secret-stdin", "-v")
	token := strings.TrimSpace(run("", "token", "jama"))
	if len(token) < 20 {
		t.Fatal("no token: the test is blind")
	}
	run("echo-plain", "token", "jama", "--refresh")

	quiet := [][]string{
		{"list"}, {"list", "--json"}, {"show", "jama", "--full"}, {"status"}, {"status", "--json", "-v"}, {"status", "-v"},
		{"explain", server.URL() + "/x"}, {"doctor"}, {"doctor", "--json"}, {"doctor", "--bundle", home + "/bundle.tar.gz"},
		{"log"}, {"log", "--json"}, {"test", "jama", "-v"}, {"test", "jama", "--json"}, {"export"}, {"edit", "jama"},
		{"curl", "jama", "--", "-v", "/rest/v1/projects"}, {"curl", "jama", "--", "-sS", "/nothing"},
		{"curl", "jama", "-v", "--", "-vv", "/rest/v1/users/current"},
		{"exec", "jama", "--", "sleep", "0.1"}, {"rebind", "jama"}, {"unlock"}, {"keyring", "use", "file"},
		{"rotate", "jama", "--rollback"}, {"cache", "clear", "jama"}, {"token", "nobody"}, {"frobnicate"}, {"version", "--json"},
	}
	fail := func() {
		for _, echo := range []string{"echo-plain", "echo-form", "echo-basic", "echo-base64", "echo-in-code", "echo-in-html", "echo-in-header", "html", "token-crlf", "status-503"} {
			if err := server.Always(echo); err != nil {
				t.Fatal(err)
			}
			run("", "cache", "clear", "jama")
			run("", "token", "jama", "-v")
			run("", "test", "jama", "-v")
			run("another-"+canary+"\n", "rotate", "jama", "--secret-stdin", "-v") // with the same one no request would be made
		}
		_ = server.Always("ok")
	}
	for _, args := range quiet {
		search(t, strings.Join(args, " ")+": stdout", []byte(run("", args...)), token)
	}
	fail()
	token2 := strings.TrimSpace(run("", "token", "jama", "--refresh")) // at once, despite the 503
	if token2 == "" {
		t.Fatal("there is no token to look for")
	}
	run(token, "reject", "jama")
	run("", "log", "-v")

	for _, process := range watch.end() {
		search(t, process[:min(len(process), 60)], []byte(process), canary, token, token2)
	}
	searchFiles(t, home, canary, token, token2)
}

// TestCanaryFinds: a planted secret is found in arguments, in an environment, and in every
// form.
func TestCanaryFinds(t *testing.T) {
	for name, form := range forms("planted-s3cret") {
		probe := &testing.T{}
		search(probe, name, []byte("x"+form+"y"), "planted-s3cret")
		if !probe.Failed() {
			t.Errorf("%s is not found", name)
		}
	}
	watch := watchProcesses("planted-home")
	cmd := exec.Command("sh", "-c", "read line", "credhelper", "planted-argument")
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=planted-home", "PLANTED=planted-variable"}
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if !watch.sees("planted-argument") || !watch.sees("planted-variable") {
		t.Errorf("what was planted is not seen")
	}
	stdin.Close()
	_ = cmd.Wait() // read fails at the end of its stdin
	watch.end()
}

// searchFiles reads every file of the home, including the unpacked bundle.
func searchFiles(t *testing.T, home string, secrets ...string) {
	t.Helper()
	if out, err := exec.Command("tar", "-C", home, "-xzf", home+"/bundle.tar.gz").CombinedOutput(); err != nil {
		t.Fatalf("the bundle: %v %s", err, out)
	}
	files := 0
	err := filepath.WalkDir(home, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		search(t, path, content, secrets...)
		search(t, path+": its name", []byte(path), secrets...)
		return nil
	})
	if err != nil || files < 8 {
		t.Fatalf("%d files, %v: the test is blind", files, err)
	}
}
