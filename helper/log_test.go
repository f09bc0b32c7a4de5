package helper_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/logfile"
	"github.com/credhelper/credhelper/helper/logfile/logread"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
)

func (h *home) log() (list []logfile.Record) {
	h.t.Helper()
	if err := logread.All(h.dirs.Log(), func(r logfile.Record) bool { list = append(list, r); return true }); err != nil {
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
	if r := list[1]; r.Source != "refused" || r.Tries != 1 || r.Token != "" {
		t.Errorf("refusal %+v", r)
	}
	if r := list[3]; r.URI != h.server.URL() || len(r.Token) != 8 || r.Expires != c.Expires || r.Tries != 1 || r.Source != "network" {
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

// TestLogDuringAWait (A3): a tool in a loop adds no line to the log while the server is
// not asked, so that it does not push out the line that says why.
func TestLogDuringAWait(t *testing.T) {
	for behaviour, event := range map[string]string{"status-429": "failed", "status-503": "failed", "aadsts-7000215": "refused"} {
		t.Run(behaviour, func(t *testing.T) {
			h := ready(t, oauthtest.Options{})
			h.unwaited()
			before := len(h.log())
			h.always(behaviour)
			for range 20 {
				if _, err := h.get(named); err == nil {
					t.Fatal("a token")
				}
			}
			h.forget(current)
			list := h.log()[before:]
			if len(list) != 1 || list[0].Event != event || list[0].Exit == 0 {
				t.Errorf("%d lines: %+v", len(list), list)
			}
		})
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
	store := h.front()
	defer store.Close()
	if e, err := store.Get(cache.Whole("demo"), nil); err != nil || !e.Audit {
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
	h.write(h.dirs.Settings(), "keyring = \"file\"\naudit = \"all\"\nlog_size = \"1 MiB\"\n")
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

// TestLogSaysWhoAsked: each line has the caller's words, pid and executable, one
// line of printable ASCII of at most 256 bytes (T6, T23), and the id by which the
// server's own log knows the request, for tokens and for refusals.
func TestLogSaysWhoAsked(t *testing.T) {
	h := newHome(t, oauthtest.Options{Product: "entra", Clients: []oauthtest.Client{{ID: "client", Secret: "secret"}}})
	h.profile("demo", plain+"client_auth = \"post\"\nscopes = [\"api://x/.default\"]\n")
	h.store("demo", "secret")
	ask := func() {
		own := h.config()
		own.Caller = logfile.Caller{Dialect: "git", PID: 4711, Executable: "/opt/" + strings.Repeat("x", 300) + "/g\n\x1bit"}
		_, _ = helper.New(own).Get(context.Background(), protocol.Request{Profile: "demo", Refresh: true})
	}
	ask()
	if err := h.server.Queue("aadsts-7000215"); err != nil {
		t.Fatal(err)
	}
	h.wait(2 * time.Hour)
	ask()
	list := h.log()
	for i, source := range []string{"network", "refused"} {
		r := list[len(list)-2+i]
		if r.Dialect != "git" || r.Caller.PID != 4711 || r.Source != source {
			t.Errorf("%+v", r)
		}
		if e := r.Caller.Executable; len(e) != 256 || !strings.HasSuffix(e, "xxx/g??it") {
			t.Errorf("executable %q", e)
		}
		if len(r.Correlation) < 8 {
			t.Errorf("no correlation id: %+v", r)
		}
	}
	text, err := os.ReadFile(h.dirs.Log())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte(`"dialect":"git","caller":{"pid":4711,"executable":"x`)) {
		t.Errorf("the caller is no member of its own:\n%s", text)
	}
}

// TestFailureHelpedOver (A23): the line about a server that is down names the
// cached token that was given all the same.
func TestFailureHelpedOver(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	c := h.mustGet(named)
	if err := h.server.Always("error-invalid-client"); err != nil {
		t.Fatal(err)
	}
	h.mustGet(protocol.Request{Profile: "demo", Refresh: true})
	list := h.log()
	if r := list[len(list)-1]; r.Source != "cache" || r.Token != list[len(list)-2].Token || r.Expires != c.Expires || r.Exit == 0 {
		t.Errorf("%+v", r)
	}
}

// TestAuditOfManyAnswers: with audit "all" a program that runs long leaves a line
// for each answer, whether from memory, from the cache or by somebody else's fetch.
func TestAuditOfManyAnswers(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	h.mustGet(named)
	a := h.lasting()
	if _, ok := a.Cached(named); !ok {
		t.Fatal("nothing in memory")
	}
	h.write(h.dirs.Settings(), "keyring = \"file\"\naudit = \"all\"\n")
	time.Sleep(moment)
	before := len(h.log())
	const goroutines, each = 10, 20
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			for range each {
				if _, err := a.Get(context.Background(), named); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	hits := 0
	for _, r := range h.log()[before:] {
		if r.Event == "hit" && r.Source == "cache" {
			hits++
		}
	}
	if hits != goroutines*each {
		t.Errorf("%d answers, %d lines", goroutines*each, hits)
	}
	// Together from an empty cache: one fetches, and the others' answers are lines, too.
	before = len(h.log())
	h.server.SetDelay(50 * time.Millisecond)
	if err := a.ClearCache(context.Background(), "demo"); err != nil {
		t.Fatal(err)
	}
	for range goroutines {
		all.Go(func() {
			if _, err := a.Get(context.Background(), named); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := len(h.log()) - before - 1; n != goroutines { // beside "cache cleared"
		t.Errorf("%d answers, %d lines", goroutines, n)
	}
}

// The many processes of TestLogOfManyProcesses.
const (
	logWriters = 20
	logLines   = 200
	logHome    = "CREDHELPER_TEST_LOG_HOME" // tells this test's executable that it is one of them
)

// TestLogOfManyProcesses: 20 processes write 200 lines each while the log is turned
// over under them: no line is lost, torn or doubled.
func TestLogOfManyProcesses(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	own := h.config()
	own.Clock = nil // the machine's, as the others see it
	h.write(h.dirs.Settings(), "keyring = \"file\"\naudit = \"all\"\nlog_size = \"1 MiB\"\n")
	if _, err := helper.New(own).Get(context.Background(), named); err != nil {
		t.Fatal(err)
	}
	old := `{"event":"old","text":"` + strings.Repeat("x", 990) + "\"}\n"
	lines := (1<<20)/len(old) - 50
	if err := os.WriteFile(h.dirs.Log(), []byte(strings.Repeat(old, lines)), 0o600); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range logWriters {
		all.Go(func() {
			cmd := exec.Command(os.Args[0], "-test.run=^TestLogWriter$", "-test.count=1")
			cmd.Env = append(os.Environ(), logHome+"="+strings.TrimSuffix(h.dirs.Config, "/config"))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	all.Wait()
	by := map[int]int{}
	for _, r := range h.log() {
		if r.Event == "hit" {
			by[r.Caller.PID]++
		}
	}
	if len(by) != logWriters {
		t.Errorf("%d writers", len(by))
	}
	for pid, n := range by {
		if n != logLines {
			t.Errorf("process %d: %d lines of %d", pid, n, logLines)
		}
	}
	for _, path := range []string{h.dirs.Log() + ".1", h.dirs.Log()} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")) {
			if !json.Valid(line) {
				t.Errorf("%s: torn: %.200q", path, line)
			}
		}
	}
}

// TestLogWriter is one of those processes; by itself it has nothing to do.
func TestLogWriter(t *testing.T) {
	root := os.Getenv(logHome)
	if root == "" {
		return
	}
	a := helper.New(helper.Config{
		Dirs:   cache.Dirs{Config: root + "/config", Data: root + "/data", State: root + "/state", System: root + "/etc", Runtime: root + "/runtime"},
		Now:    time.Now,
		Caller: logfile.Caller{Dialect: "test", PID: os.Getpid(), Executable: os.Args[0]},
		Report: func(text string) { t.Error(text) }, // such as why there is no line
	})
	for range logLines {
		if c, err := a.Get(context.Background(), named); err != nil || c.Source != "cache" {
			t.Fatalf("%s: %v", c.Source, err)
		}
	}
}

// TestLogOfSignIns (T8): who signs in, each refresh token that the server replaces,
// the end of it and the signing out are lines, and no token is in any of them.
func TestLogOfSignIns(t *testing.T) {
	h := signedIn(t, oauthtest.Options{})
	var tokens []string
	ask := func() {
		if c, err := h.ask(); err == nil {
			tokens = append(tokens, c.Secret.Reveal())
		}
		for _, kept := range h.keyring.snapshot() {
			for _, m := range regexp.MustCompile(`"secret":"([^"]+)"`).FindAllStringSubmatch(kept.Reveal(), -1) {
				tokens = append(tokens, m[1]) // the refresh token of the moment
			}
		}
		h.wait(2 * time.Hour)
	}
	ask()
	ask()
	h.server.EndSignIns()
	ask()
	p, err := h.helper().Profile("demo")
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, h.helper().SignInError(p, &oauth.Error{Kind: oauth.Refused, Code: "access_denied", Reason: "you said no"}), protocol.ErrLogin)
	if _, _, err := h.helper().SignOut(context.Background(), p); err != nil {
		t.Fatal(err)
	}
	var events []string
	for _, r := range h.log() {
		events = append(events, fmt.Sprint(r.Event, " ", r.Exit))
	}
	if got := strings.Join(events, ", "); got != "login 0, sign-in renewed 0, fetch 0, failed 6, failed 6, logout 0" {
		t.Errorf("events: %s", got)
	}
	text, err := os.ReadFile(h.dirs.Log())
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range tokens {
		if bytes.Contains(text, []byte(token)) {
			t.Error("the log holds a token")
		}
	}
	if len(tokens) < 5 { // two of access, three of refresh
		t.Fatal("the test is blind")
	}
}
