package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/credhelper/credhelper/protocol"
)

// TestEndWhileRenewed (A18): a sign-in is not lost because the command of exec ends while it
// is renewed, or sink or serve is told to end.
func TestEndWhileRenewed(t *testing.T) {
	h := newSignedInHome(t, 3*time.Second, t.Errorf)
	h.server.SetDelay(time.Second)
	began, stop := filepath.Join(h.dir, "began"), filepath.Join(h.dir, "stop")
	for name, args := range map[string][]string{
		"exec": {"exec", "me", "--", "sh", "-c", ": >" + began + "; until [ -e " + stop + " ]; do sleep 0.05; done"},
		"sink": {"sink", "me", "--file", began},
	} {
		_ = os.Remove(began)
		cmd := h.command(t.Context(), args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for !exists(began) {
			time.Sleep(5 * time.Millisecond)
		}
		h.renews()
		if name == "exec" {
			if err := os.WriteFile(stop, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		} else if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		h.must("token", "me", "--refresh")
	}
	s := &session{environ: h.command(t.Context()).Env, now: time.Now, runsLong: true}
	own, err := s.open()
	if err != nil {
		t.Fatal(err)
	}
	before := h.keyring()
	stored := false
	s.exit = func(int) { stored = h.keyring() != before }
	go func() {
		_, _ = own.Get(t.Context(), protocol.Request{Verb: protocol.Get, Profile: "me", Refresh: true})
	}()
	h.renews()
	if s.endServing(own, time.Minute); !stored {
		t.Error("serve ends while a sign-in is renewed")
	}
}

// renews waits until the server has been asked once more.
func (h *signedInHome) renews() {
	for before := h.server.Count(); h.server.Count() == before; {
		time.Sleep(5 * time.Millisecond)
	}
}

// keyring returns the content of the keyring's files.
func (h *signedInHome) keyring() (content string) {
	h.t.Helper()
	files, err := filepath.Glob(filepath.Join(h.dir, "home", "data", "keyring", "*"))
	if err != nil || len(files) == 0 {
		h.t.Fatalf("no keyring: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			h.t.Fatal(err)
		}
		content += string(text)
	}
	return content
}
