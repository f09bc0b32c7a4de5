package helper_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
)

func (h *home) log() (list []helper.Record) {
	h.t.Helper()
	if err := h.helper().Log(func(r helper.Record) bool { list = append(list, r); return true }); err != nil {
		h.t.Fatal(err)
	}
	return list
}

// TestLog: fetches, refusals and changes are written down; hits only with audit
// "all"; nothing secret, no path, no query.
func TestLog(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	h.profile("demo", plain)
	h.store("demo", "wrong")
	_, err := h.get(named)
	wantError(t, err, protocol.ErrRefused)
	h.store("demo", "secret")
	c := h.mustGet(protocol.Request{URL: url(t, h.server.URL()+"/private?key="+canary)})
	h.mustGet(named)
	list := h.log()
	var events []string
	for _, r := range list {
		events = append(events, r.Event)
		if r.Profile != "demo" || r.Time.IsZero() {
			t.Errorf("%+v", r)
		}
	}
	if got := strings.Join(events, ", "); got != "secret stored, refused, secret stored, fetch" {
		t.Errorf("events: %s", got)
	}
	if r := list[1]; r.Exit != 7 || !strings.Contains(r.Text, "invalid_client") {
		t.Errorf("refusal %+v", r)
	}
	if r := list[3]; r.URI != h.server.URL() || len(r.Token) != 8 || r.Expires != c.Expires || r.Tries != 1 {
		t.Errorf("fetch %+v", r)
	}
	text, err := os.ReadFile(h.dirs.Log())
	if err != nil {
		t.Fatal(err)
	}
	for _, never := range []string{c.Secret.Reveal(), canary, "private", base64.StdEncoding.EncodeToString([]byte(c.Secret.Reveal())), c.Secret.Reveal()[:12]} {
		if bytes.Contains(text, []byte(never)) {
			t.Errorf("the log holds %q", never)
		}
	}
	if info, err := os.Stat(h.dirs.Log()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode: %v %v", info.Mode(), err)
	}
}

// TestAudit: with audit "all" the front leaves every hit to the engine, which
// writes it down.
func TestAudit(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	h.mustGet(named)
	h.write(h.dirs.Settings(), "keyring = \"file\"\naudit = \"all\"\n")
	h.mustGet(named)
	list := h.log()
	if last := list[len(list)-1]; last.Event != "hit" || last.Token != list[len(list)-2].Token {
		t.Errorf("%+v", list)
	}
	store, err := cache.Open(h.dirs)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if e, err := store.Get("demo"); err != nil || !e.Audit {
		t.Errorf("the front would answer: %v", err)
	}
}

// TestLogTurnsOver: the log and the one before it stay small, and no line is lost
// or mixed with another when many write.
func TestLogTurnsOver(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	h.mustGet(named)
	filler := strings.Repeat("x", 1<<20)
	if err := os.WriteFile(h.dirs.Log(), []byte(filler+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.write(h.dirs.Settings(), "keyring = \"file\"\naudit = \"all\"\n")
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { _, _ = h.get(named) })
	}
	all.Wait()
	if n := len(h.log()); n != 50 {
		t.Errorf("%d lines", n)
	}
	if info, err := os.Stat(h.dirs.Log()); err != nil || info.Size() > 1<<19 {
		t.Errorf("size %v %v", info, err)
	}
	// A log that was turned into a link is not followed.
	target := h.dirs.Config + "/config.toml"
	before, _ := os.ReadFile(target)
	if err := os.Remove(h.dirs.Log()); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, h.dirs.Log()); err != nil {
		t.Fatal(err)
	}
	h.mustGet(named)
	if after, _ := os.ReadFile(target); !bytes.Equal(before, after) {
		t.Error("the link was followed")
	}
}
