package main

import (
	"bytes"
	"debug/buildinfo"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhelper/credhelper/internal/program"
)

// TestDoctorOnline: doctor contacts no server and runs no program unless told to. With
// --online it contacts each host once, without credentials, however many profiles use it,
// and reports how far the clock is off, what does not answer, and which source fails.
func TestDoctorOnline(t *testing.T) {
	var asked atomic.Int32
	late := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Header.Get("Authorization") != "" || r.ContentLength > 0 {
			t.Errorf("%s with %v", r.Method, r.Header)
		}
		w.Header().Set("Date", time.Now().Add(-10*time.Minute).UTC().Format(http.TimeFormat))
	}))
	defer late.Close()
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := nobody.Addr().String()
	nobody.Close()

	h := program.TestHome(t, bin)
	ran := filepath.Join(t.TempDir(), "ran")
	script := filepath.Join(t.TempDir(), "source")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n: >"+ran+"\necho 'Error: the vault is sealed' >&2\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		add(t, h, fmt.Sprintf("late%d", i), late.URL, "")
	}
	add(t, h, "down", "http://"+closed, fmt.Sprintf("secret = [\"command\", %q]", script))

	said, err := h.Run("", "doctor", "--no-input")
	if err == nil || asked.Load() != 0 || exists(ran) || !strings.Contains(said, "no server was asked") || !strings.Contains(said, "a command or server that gives a secret was not asked") {
		t.Errorf("offline: %d requests, program ran %v: %v\n%s", asked.Load(), exists(ran), err, said)
	}
	h.Env = append(h.Env, `HTTPS_PROXY="http://proxy.example.com:3128"`)
	if said, _ = h.Run("", "doctor"); !strings.Contains(said, "FAIL  proxy        HTTPS_PROXY has quotation marks in it") {
		t.Errorf("a proxy variable that cannot be read: %s", said)
	}
	h.Env = h.Env[:len(h.Env)-1]
	said, err = h.Run("", "doctor", "--online")
	if err == nil || strings.Contains(err.Error(), "the vault is sealed") {
		t.Errorf("what a source said is written where nobody looks: %v", err)
	}
	if asked.Load() != 1 || !exists(ran) {
		t.Errorf("online: %d requests, program ran %v\n%s", asked.Load(), exists(ran), said)
	}
	for _, want := range []string{
		"FAIL  clock        this machine's clock is 10 min ahead of that of " + late.URL,
		"FAIL  network      profile down: token endpoint: no connection: connection refused (http://" + closed + ")",
		"FAIL  source       profile down: secret: command " + script,
	} {
		if !strings.Contains(said, want) {
			t.Errorf("online: no %q in\n%s", want, said)
		}
	}
	if said, _ = h.Run("", "doctor", "late7"); asked.Load() != 2 || strings.Contains(said, "down") || !strings.Contains(said, "late7") {
		t.Errorf("by name: %d requests\n%s", asked.Load(), said)
	}
	if _, err = h.Run("", "doctor", "nobody"); err == nil || !strings.Contains(err.Error(), "no profile nobody") {
		t.Errorf("a name that is no profile: %v", err)
	}
}

// TestDoctorTriesTogether: sources are tried at once. Each of these two waits for the
// other.
func TestDoctorTriesTogether(t *testing.T) {
	h := program.TestHome(t, bin)
	dir := t.TempDir()
	script := filepath.Join(dir, "source")
	if err := os.WriteFile(script, []byte("#!/bin/sh\ncd "+dir+" && : >$1 && while [ ! -e $2 ]; do sleep 0.02; done; echo s3cret\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	add(t, h, "one", "http://127.0.0.1:1", fmt.Sprintf("secret = [\"command\", %q, \"one\", \"two\"]", script))
	add(t, h, "two", "http://127.0.0.1:1", fmt.Sprintf("secret = [\"command\", %q, \"two\", \"one\"]", script))
	said, _ := h.Run("", "doctor", "one", "two")
	for _, name := range []string{"one", "two"} {
		if !strings.Contains(said, name+": secret can be read") {
			t.Errorf("%s failed:\n%s", name, said)
		}
	}
}

// TestDoctorProxy: doctor reports whether the proxy answers, and does not blame the server.
func TestDoctorProxy(t *testing.T) {
	h := program.TestHome(t, bin)
	add(t, h, "far", "https://login.example.com", "")
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusProxyAuthRequired) }))
	address := proxy.Listener.Addr().String()
	h.Env = append(h.Env, "HTTPS_PROXY=http://user:pr0xy-p4ss@"+address)
	for _, want := range []string{"407: the proxy " + address + " refuses the user name or password", "no connection to the proxy " + address} {
		said, err := h.Run("", "doctor", "--online")
		if err == nil || !strings.Contains(said, "FAIL  network      profile far: ") || !strings.Contains(said, want) || strings.Contains(said+err.Error(), "p4ss") {
			t.Errorf("no %q: %v\n%s", want, err, said)
		}
		proxy.Close()
	}
}

// TestDoctorReleases: doctor finds a front or plugin of another release, wherever it is.
func TestDoctorReleases(t *testing.T) {
	exe := ""
	if windows {
		exe = ".exe"
	}
	for old, check := range map[string]string{"credhelper": "front ", "credhelper-plugin": "plugin"} {
		t.Run(old, func(t *testing.T) {
			dir := t.TempDir()
			for _, name := range program.Executables {
				content, err := os.ReadFile(filepath.Join(bin, name+exe))
				if err != nil {
					t.Fatal(err)
				}
				if name == old {
					content = otherRelease(t, content)
				}
				if err := os.WriteFile(filepath.Join(dir, name+exe), content, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			h := program.TestHome(t, dir)
			for _, path := range []string{dir, t.TempDir()} { // in PATH or not
				h.Env = append(h.Env, "PATH="+path)
				said, _ := h.Run("", "doctor")
				if want := "note  " + check; !strings.Contains(said, want) || strings.Count(said, "another release than the engine") != 1 {
					t.Errorf("PATH=%s: no %q:\n%s", path, want, said)
				}
			}
		})
	}
}

// otherRelease changes the version that the Go tool wrote into an executable.
func otherRelease(t *testing.T, executable []byte) []byte {
	t.Helper()
	info, err := buildinfo.Read(bytes.NewReader(executable))
	if err != nil {
		t.Fatal(err)
	}
	module := "mod\t" + info.Main.Path + "\t"
	if !bytes.Contains(executable, []byte(module+info.Main.Version)) {
		t.Fatalf("no version %q", info.Main.Version)
	}
	other := strings.Repeat("x", len(info.Main.Version))
	return bytes.ReplaceAll(executable, []byte(module+info.Main.Version), []byte(module+other))
}

// add provisions a profile without a stored secret.
func add(t *testing.T, h *program.Home, name, server, more string) {
	t.Helper()
	err := h.AddProfile(program.Profile{Name: name, Origin: "https://" + name + ".example.com", TokenURL: server + "/token", ClientID: "client", More: more})
	if err != nil {
		t.Fatal(err)
	}
}

// TestDoctorClash (O12): two profiles that claim one origin are found without reading every
// profile for each.
func TestDoctorClash(t *testing.T) {
	h := program.TestHome(t, bin)
	for i := range 300 {
		add(t, h, fmt.Sprintf("p%d", i), "https://login.example.com", "")
	}
	twin := program.Profile{Name: "twin", Origin: "https://p7.example.com:443/", TokenURL: "https://login.example.com/token", ClientID: "client"}
	if err := h.AddProfile(twin); err != nil {
		t.Fatal(err)
	}
	said, _ := h.Run("", "doctor")
	if n := strings.Count(said, "both claim"); n != 1 || !strings.Contains(said, "profiles p7 and twin both claim https://p7.example.com") {
		t.Errorf("%d clashes\n%s", n, said)
	}
}
