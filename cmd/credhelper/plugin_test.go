//go:build linux

package main_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"

	"github.com/credhelper/credhelper/internal/program"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/connector"
	"github.com/credhelper/credhelper/protocol/origin"
)

// sockets returns a directory for the plugin's socket, whose path must be short.
func sockets(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// connect starts credhelper plugin for a home, with its socket below dir.
func connect(t *testing.T, h *program.Home, dir string, warnings *bytes.Buffer) *connector.Client {
	t.Helper()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	client, err := connector.Dial(connector.Config{
		Path: filepath.Join(h.Bin, "credhelper"), Env: h.Env, Warnings: warnings,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func urlOf(t testing.TB, text string) origin.URL {
	t.Helper()
	u, reason := origin.ParseURL(text)
	if reason != origin.Release {
		t.Fatal(text, reason)
	}
	return u
}

// TestPlugin: a connector gets tokens from the cache that all tools share. A refused one is
// replaced, a URL of nobody's gets none, and nothing secret is in the plugin's arguments,
// environment or stderr (T6, T7, T8, O14).
func TestPlugin(t *testing.T) {
	s := newServer(t)
	h := newHome(t, s)
	if err := h.Empty(); err != nil {
		t.Fatal(err)
	}
	before := s.requests()
	t.Setenv("CONNECTORS_OWN_SECRET", "canary")
	dir := sockets(t)
	var warnings bytes.Buffer
	client := connect(t, h, dir, &warnings)
	ctx := context.Background()
	ask := protocol.Request{Verb: protocol.Get, URL: urlOf(t, "https://api.example.com/rest/v1")}

	first, err := client.Get(ctx, ask)
	if err != nil || !s.knows(first.Secret.Reveal()) || first.Source != "network" {
		t.Fatalf("%+v, %v", first, err)
	}
	again, err := client.Get(ctx, protocol.Request{Verb: protocol.Get, Profile: "jama"})
	if err != nil || !again.Secret.Equal(first.Secret) || again.Source != "cache" || s.requests() != before+1 {
		t.Errorf("%+v, %v, %d requests", again, err, s.requests())
	}
	if r := finish(t, h.Command("token", "jama")); r.token() != first.Secret.Reveal() || s.requests() != before+1 {
		t.Errorf("token beside the plugin: %+v, %d requests", r.code, s.requests())
	}
	if err := h.Age("jama", time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := client.Forget(ctx, protocol.Request{Verb: protocol.Forget, URL: ask.URL, Refused: protocol.Refusal{Token: first.Secret}}); err != nil {
		t.Error(err)
	}
	second, err := client.Get(ctx, ask)
	if err != nil || second.Secret.Equal(first.Secret) || s.requests() != before+2 {
		t.Errorf("after a refusal: %v, %d requests", err, s.requests())
	}
	for _, c := range []struct {
		request protocol.Request
		kind    error
	}{
		{protocol.Request{URL: urlOf(t, "https://evil.test/rest/v1")}, protocol.ErrNoProfile},
		{protocol.Request{URL: urlOf(t, "https://evil.test/"), Profile: "jama"}, protocol.ErrNoProfile},
		{protocol.Request{Profile: "nobody"}, protocol.ErrUnknown},
		{protocol.Request{}, protocol.ErrMalformed},
	} {
		if _, err := client.Get(ctx, c.request); protocol.ExitCode(err) != protocol.ExitCode(c.kind) {
			t.Errorf("%v %q: %v, want %v", c.request.URL, c.request.Profile, err, c.kind)
		}
	}
	// Only root may read the environment of a process that has hardened itself.
	for _, pid := range children(t, os.Getpid()) {
		for _, file := range []string{"cmdline", "environ"} {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
			if bytes.Contains(text, []byte("canary")) {
				t.Errorf("%s of the plugin holds a secret", file)
			}
			if file == "cmdline" && !bytes.Contains(text, []byte("plugin")) {
				t.Errorf("the plugin is not seen: %q, %v", text, err)
			}
		}
	}
	client.Close()
	if strings.Contains(warnings.String(), "canary") {
		t.Errorf("stderr holds a secret: %s", warnings.String())
	}
	if left, _ := filepath.Glob(dir + "/*"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// children returns the processes that pid started and that live.
func children(t *testing.T, pid int) (list []int) {
	t.Helper()
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, _ := os.ReadFile(path)
		_, rest, _ := strings.Cut(string(text), ") ")
		if f := strings.Fields(rest); len(f) > 1 && f[1] == strconv.Itoa(pid) && f[0] != "Z" {
			child, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			list = append(list, child)
		}
	}
	return list
}

// TestPluginHost: the socket of a plugin whose host has umask 0 is in a private directory.
// The plugin refuses clients without a certificate (T2), and ends 2 s after its host was
// killed (T20).
func TestPluginHost(t *testing.T) {
	const asHost = "CREDHELPER_TEST_HOST"
	if path := os.Getenv(asHost); path != "" { // the host, which the test started
		syscall.Umask(0)
		if _, err := connector.Dial(connector.Config{Path: path}); err != nil {
			t.Fatal(err)
		}
		fmt.Println("ready")
		select {}
	}
	h := newHome(t, newServer(t))
	dir := sockets(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	host := exec.Command(self, "-test.run=^TestPluginHost$")
	host.Env = append(os.Environ(), append(h.Env, asHost+"="+filepath.Join(h.Bin, "credhelper"), "XDG_RUNTIME_DIR="+dir, "CREDHELPER_TEST_BIN="+bin)...)
	out, err := host.StdoutPipe()
	if err == nil {
		err = host.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = host.Process.Kill(); _ = host.Wait() }()
	ready := make([]byte, 6)
	if _, err := out.Read(ready); err != nil || string(ready) != "ready\n" {
		t.Fatalf("%q, %v", ready, err)
	}
	plugins := children(t, host.Process.Pid)
	found, _ := filepath.Glob(dir + "/*/*")
	if len(plugins) != 1 || len(found) != 1 {
		t.Fatalf("plugins %v, sockets %v", plugins, found)
	}
	if info, err := os.Stat(filepath.Dir(found[0])); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory of the socket: %v, %v", info.Mode(), err)
	}
	refusesStranger(t, found[0])

	killed := time.Now()
	if err := host.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for syscall.Kill(plugins[0], 0) == nil && time.Since(killed) < 10*time.Second {
		if state, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", plugins[0])); bytes.Contains(state, []byte(") Z ")) {
			break // it has ended, but nobody reaps it here
		}
		time.Sleep(20 * time.Millisecond)
	}
	// A plugin that nobody connects to ends after 10 s in any case.
	if after := time.Since(killed); after > 8*time.Second {
		t.Errorf("the plugin outlived its host by %v", after)
	}
	if left, _ := filepath.Glob(dir + "/*"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// refusesStranger connects to a socket by TLS without a certificate.
func refusesStranger(t *testing.T, path string) {
	t.Helper()
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	stranger := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err := stranger.Handshake(); err == nil { // with TLS 1.3 the client learns of it later
		_, err = stranger.Read(make([]byte, 1))
		if err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("a stranger is answered: %v", err)
		}
	}
}

// TestPluginRefuses: no plugin for a person, and none for a host without mutual TLS, which
// is go-plugin's default (T2).
func TestPluginRefuses(t *testing.T) {
	h := newHome(t, newServer(t))
	r := finish(t, h.Command("plugin"))
	sane(t, "by hand", r)
	if r.code != 2 || !strings.Contains(r.stderr, "for connectors") {
		t.Errorf("by hand: exit %d, %q", r.code, r.stderr)
	}
	var said bytes.Buffer
	cmd := h.Command("plugin")
	host := goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig: connector.Handshake, Cmd: cmd, SkipHostEnv: true, Stderr: &said, Logger: hclog.NewNullLogger(),
		Plugins:          goplugin.PluginSet{connector.Name: &goplugin.NetRPCUnsupportedPlugin{}},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
	})
	_, err := host.Client()
	host.Kill()
	if err == nil || !strings.Contains(said.String(), "AutoMTLS") {
		t.Errorf("without mutual TLS: %v, %q", err, said.String())
	}
	if r := finish(t, h.Command("plugin", "--no-store")); r.code != 2 {
		t.Errorf("--no-store: %+v", r)
	}
}

// TestPluginHangs: a server that hangs costs a call its 8 s and no more, and a shorter
// timeout is kept (R2).
func TestPluginHangs(t *testing.T) {
	s := newServer(t)
	h := newHome(t, s)
	client := connect(t, h, sockets(t), new(bytes.Buffer))
	if err := h.Empty(); err != nil {
		t.Fatal(err)
	}
	s.slow(3 * time.Second)
	_, err := client.Get(context.Background(), protocol.Request{Profile: "jama", Timeout: 1})
	if !errors.Is(err, protocol.ErrUnreachable) && !errors.Is(err, protocol.ErrBusy) {
		t.Errorf("%v", err)
	}
}
