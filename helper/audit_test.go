package helper_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/logfile"
	"github.com/credhelper/credhelper/helper/logfile/logread"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
)

const (
	settingsAll      = "keyring = \"file\"\naudit = \"all\"\n"
	settingsRequired = "keyring = \"file\"\naudit = \"required\"\n"
)

// spoilLog puts a directory in the place of the log, which stops root, too.
func (h *home) spoilLog() {
	h.t.Helper()
	removeOpen(h.dirs.Log())
	if err := os.Mkdir(h.dirs.Log(), 0o700); err != nil {
		h.t.Fatal(err)
	}
}

// TestAuditRequired: with audit "required" there is no token without its line, however it
// is come by; the error names the log. With "all" there is one.
func TestAuditRequired(t *testing.T) {
	t.Parallel() // mostly waiting
	for name, get := range map[string]func(*home) (protocol.Credential, error){
		"from the cache": func(h *home) (protocol.Credential, error) { return h.get(named) },
		"fetched": func(h *home) (protocol.Credential, error) {
			return h.get(protocol.Request{Profile: "demo", Refresh: true})
		},
		"by a program that runs long": func(h *home) (protocol.Credential, error) {
			return h.lasting().Get(context.Background(), named)
		},
		"out of its memory": func(h *home) (c protocol.Credential, err error) {
			if err := os.Remove(h.dirs.Log()); err != nil {
				return c, err
			}
			a := h.lasting()
			for range 2 { // the second is answered from memory
				if _, err := a.Get(context.Background(), named); err != nil {
					return c, err
				}
			}
			h.spoilLog()
			return a.Get(context.Background(), named)
		},
		"after a failure": func(h *home) (protocol.Credential, error) {
			if err := h.server.Always("status-503"); err != nil {
				return protocol.Credential{}, err
			}
			return h.get(protocol.Request{Profile: "demo", Refresh: true})
		},
		"while the next is fetched": func(h *home) (protocol.Credential, error) {
			h.wait(59*time.Minute + 10*time.Second)
			return h.get(named)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for settings, given := range map[string]bool{settingsAll: true, settingsRequired: false} {
				h := ready(t, oauthtest.Options{})
				h.write(h.dirs.Settings(), settings)
				h.mustGet(named)
				h.spoilLog()
				c, err := get(h)
				if given {
					if err != nil || c.Secret.IsZero() {
						t.Errorf("with all: %v", err)
					}
					continue
				}
				wantError(t, err, protocol.ErrPolicy, `audit = "required"`, h.dirs.Log())
				if !c.Secret.IsZero() {
					t.Error("a token beside the error")
				}
			}
		})
	}
}

// TestAuditRequiredOfTest: credhelper test, whose token is used at once, says so as well.
func TestAuditRequiredOfTest(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	h.write(h.dirs.Settings(), settingsRequired)
	h.spoilLog()
	_, err := h.helper().Test(context.Background(), "demo")
	wantError(t, err, protocol.ErrPolicy, h.dirs.Log())
}

// TestAuditRequiredOfMany: all that wait for one fetch get its error, and no token.
func TestAuditRequiredOfMany(t *testing.T) {
	h := ready(t, oauthtest.Options{Delay: 50 * time.Millisecond})
	h.write(h.dirs.Settings(), settingsRequired)
	h.spoilLog()
	for _, got := range crowd(h.lasting(), 50, named) {
		wantError(t, got.err, protocol.ErrPolicy, h.dirs.Log())
		if !got.Secret.IsZero() {
			t.Error("a token beside the error")
		}
	}
}

// TestAuditRequiredWithoutStore: where nothing is written there is no line, so no token
// is asked for.
func TestAuditRequiredWithoutStore(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	own := h.config()
	own.NoStore = true
	h.write(h.dirs.Settings(), settingsRequired)
	_, err := helper.New(own).Get(context.Background(), named)
	wantError(t, err, protocol.ErrPolicy, "--no-store", h.dirs.Settings())
	if n := h.server.Count(); n != 0 {
		t.Errorf("%d token requests", n)
	}
	h.write(h.dirs.Settings(), settingsAll)
	if _, err := helper.New(own).Get(context.Background(), named); err != nil {
		t.Error(err)
	}
}

// TestLogOfPieces: a line whose writer was killed, or that a full disk cut, costs the line
// behind it nothing, and a foreign one of any length costs no other.
func TestLogOfPieces(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	const line = `{"time":"2026-11-23T08:01:41Z","event":"fetch","profile":"NAME"}` + "\n"
	named := func(name string) string { return strings.Replace(line, "NAME", name, 1) }
	text := named("a") + line[:30] + named("b") + line[:len(line)-1] + named("c") +
		strings.Repeat("x", 200<<10) + "\n" + named("d") + "\n" + line[:30] + "\n" + named("e") + strings.TrimSuffix(named("f"), "\n")
	h.write(h.dirs.Log(), text)
	got := ""
	for _, r := range h.log() {
		got += r.Profile
	}
	if got != "abcdef" {
		t.Errorf("profiles %q", got)
	}
}

// TestLogOfManyMegabytes: the whole log is read, however large it may grow.
func TestLogOfManyMegabytes(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	const line = `{"time":"2026-11-23T08:01:41Z","event":"fetch","profile":"demo","text":"`
	h.write(h.dirs.Log(), strings.Repeat(line+strings.Repeat("x", 1000)+"\"}\n", 12<<10))
	if n := len(h.log()); n != 12<<10 {
		t.Errorf("%d lines", n)
	}
}

// TestRecentLog: what looks for something recent reads the end of a log that has grown to
// gigabytes, and not all of it.
func TestRecentLog(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	const line = `{"time":"2026-11-23T08:01:41Z","event":"fetch","profile":"NAME"}` + "\n"
	h.write(h.dirs.Log(), strings.Replace(line, "NAME", "old", 1))
	if err := os.Truncate(h.dirs.Log(), 300<<20); err != nil { // a hole, which takes no room
		t.Fatal(err)
	}
	f, err := os.OpenFile(h.dirs.Log(), os.O_WRONLY|os.O_APPEND, 0)
	if err == nil {
		_, err = f.WriteString("\n" + strings.Replace(line, "NAME", "new", 1))
	}
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	got := ""
	if err := logread.ButHits(h.dirs.Log(), func(r logfile.Record) bool { got += r.Profile; return true }); err != nil || got != "new" {
		t.Errorf("%q, %v", got, err)
	}
}
