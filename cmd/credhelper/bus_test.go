//go:build linux

package main_test

import (
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/credhelper/credhelper/internal/program"
)

// listenAsBus is a session bus that counts its callers and hangs up.
func listenAsBus(t *testing.T) (runtimeDir string, calls *atomic.Int32) {
	t.Helper()
	runtimeDir, calls = t.TempDir(), new(atomic.Int32)
	listener, err := net.Listen("unix", runtimeDir+"/bus")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			calls.Add(1)
			conn.Close()
		}
	}()
	return runtimeDir, calls
}

// TestWhoCallsTheBus: started with only what a desktop puts into the environment, the
// executables contact the session bus if the keyring is on it or if none has been chosen
// yet, and never otherwise.
func TestWhoCallsTheBus(t *testing.T) {
	server := newServer(t)
	for _, where := range []string{"address", "runtime directory"} {
		t.Run(where, func(t *testing.T) {
			runtimeDir, calls := listenAsBus(t)
			h := program.EmptyTestHome(t, bin)
			h.Env = append(h.Env, "XDG_RUNTIME_DIR="+runtimeDir)
			if where == "address" {
				h.Env = append(h.Env, "XDG_RUNTIME_DIR=/nonexistent", "DBUS_SESSION_BUS_ADDRESS=unix:path="+runtimeDir+"/bus")
			}
			for _, c := range []struct {
				calls bool
				code  int
				args  string
			}{
				{false, 0, "list"},
				{true, 5, "keyring use secret-service"},
				{true, 0, "doctor"},
				{true, 0, "add jama --preset oauth2 --set origins=https://api.example.com --set token_url=" + server.URL + "/token --client-id client --secret-stdin"},
				{false, 0, "token jama --refresh"}, // add chose the file keyring
				{false, 0, "rotate jama --secret-stdin"},
				{false, 0, "doctor"},
				{false, 0, "remove jama --yes"},
			} {
				cmd := h.Command(strings.Fields(c.args)...)
				cmd.Stdin = strings.NewReader(secretA)
				before := calls.Load()
				r := finish(t, cmd)
				if called := calls.Load() > before; r.code != c.code || called != c.calls {
					t.Errorf("%s: exit %d, want %d; called the bus: %v, want %v: %s", c.args, r.code, c.code, called, c.calls, r.stderr)
				}
			}
		})
	}
}
