package connector_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/connector"
	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/secret"
)

const (
	asPlugin = "CREDHELPER_TEST_SOCKETS" // in a process that this test started as its plugin
	asHost   = "CREDHELPER_TEST_HOST"    // in a process that this test started as a host
	canary   = "c4n4ry.t0ken-of-the-test"
	usual    = 1200 // bytes of a token that is a JWT
)

// TestMain is also the plugin's main: the tests start this executable.
func TestMain(m *testing.M) {
	dir := os.Getenv(asPlugin)
	switch {
	case dir != "":
	case os.Getenv(asHost) != "":
		os.Exit(hostWithStdin())
	default:
		os.Exit(m.Run())
	}
	if err := connector.Serve(context.Background(), connector.ServeConfig{Answerer: answerer{}, Stdout: os.Stdout, SocketDir: dir}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(protocol.ExitCode(err))
	}
}

// sentinels are what an Answerer may fail with.
var sentinels = map[string]error{
	"malformed": protocol.ErrMalformed, "no-profile": protocol.ErrNoProfile, "unknown": protocol.ErrUnknown,
	"ambiguous": protocol.ErrAmbiguous, "no-secret": protocol.ErrNoSecret, "locked": protocol.ErrLocked,
	"login": protocol.ErrLogin, "refused": protocol.ErrRefused, "unreachable": protocol.ErrUnreachable,
	"policy": protocol.ErrPolicy, "busy": protocol.ErrBusy, "probe": protocol.ErrProbe, "inactive": protocol.ErrInactive,
}

// answerer does what the profile's name says.
type answerer struct{}

// Get implements protocol.Answerer.
func (answerer) Get(ctx context.Context, r protocol.Request) (protocol.Credential, error) {
	c := protocol.Credential{
		Profile: r.Profile, Scheme: "Bearer", Secret: secret.New(canary), Expires: 1893456000, Source: "cache",
		Origin: "https://api.example.com", Origins: []string{"https://api.example.com", "https://files.example.com"},
	}
	switch r.Profile {
	case "crlf":
		c.Secret = secret.New("a\r\nX-Evil: b")
	case "empty":
		c.Secret = secret.Text{}
	case "huge":
		c.Secret = secret.New(strings.Repeat("a", 20<<20))
	case "long":
		c.Secret = secret.New(strings.Repeat("a", secret.MaxToken+1))
	case "longest":
		c.Secret = secret.New(strings.Repeat("a", secret.MaxToken))
	case "usual":
		c.Secret = secret.New(strings.Repeat("a", usual))
	case "statuses":
		c.RefreshOn = []int{403, 404}
	case "no-status":
		c.RefreshOn = []int{403, 600}
	case "many-statuses":
		c.RefreshOn = slices.Repeat([]int{403}, 17)
	case "pid":
		c.Username = strconv.Itoa(os.Getpid())
	case "stdin":
		bytes, err := io.ReadAll(os.Stdin)
		c.Username = fmt.Sprintf("%d bytes", len(bytes))
		return c, err
	case "environ":
		for _, entry := range os.Environ() { // go-plugin's certificate has many lines
			c.Origins = append(c.Origins, strings.ReplaceAll(entry, "\n", " "))
		}
	case "narrow":
		c.Secret = secret.New("a{b}")
	case "wide":
		c.Secret, c.Wide = secret.New("a{b}"), true
	case "endless":
		c.Expires = 0
	case "header":
		c.Header = "X-Token: 1\r\nX-Evil"
	case "scheme":
		c.Scheme = "Bearer\n"
	case "hangs":
		<-ctx.Done()
		return c, protocol.ErrBusy
	case "dies":
		os.Exit(3)
	case "echo":
		c.Username = fmt.Sprintf("%s%s %d %v %d %v %s", r.URL, r.URL.Path(), r.MinTTL, r.Refresh, r.Timeout, r.Refused.Token.Equal(secret.New("0ld")), r.Refused.Mark)
	case "bug":
		return c, errors.New("line one\nline two \x1b[31m")
	}
	if kind := sentinels[r.Profile]; kind != nil {
		return c, &protocol.Error{Kind: kind, Text: "profile x: it failed", Hint: "type this", RetryAfter: 30}
	}
	return c, nil
}

// Forget implements protocol.Answerer.
func (a answerer) Forget(ctx context.Context, r protocol.Request) error {
	if !r.Refused.Token.Equal(secret.New("0ld")) {
		return protocol.ErrMalformed
	}
	_, err := a.Get(ctx, r)
	return err
}

// socketDir is a directory for sockets, whose path must be short.
func socketDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "c")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// selfConfig makes a plugin of this executable.
func selfConfig(t testing.TB) connector.Config {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return connector.Config{Path: self, Args: []string{}, Env: []string{asPlugin + "=" + socketDir(t)}}
}

func start(t testing.TB, warnings *bytes.Buffer) *connector.Client {
	t.Helper()
	config := selfConfig(t)
	if warnings != nil {
		config.Warnings = warnings
	}
	client, err := connector.Dial(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func get(client *connector.Client, profile string) (protocol.Credential, error) {
	return client.Get(context.Background(), protocol.Request{Verb: protocol.Get, Profile: profile})
}

// TestAnswers: what crosses the wire arrives, and what must not, does not (A16,
// T21).
func TestAnswers(t *testing.T) {
	client := start(t, nil)
	for _, c := range []struct {
		profile string
		kind    error // nil: an answer
	}{
		{"good", nil}, {"longest", nil}, {"wide", nil},
		{"crlf", protocol.ErrPolicy}, {"empty", protocol.ErrPolicy}, {"long", protocol.ErrPolicy}, {"narrow", protocol.ErrPolicy},
		{"endless", protocol.ErrPolicy}, {"header", protocol.ErrPolicy}, {"scheme", protocol.ErrPolicy},
		{"statuses", nil}, {"no-status", protocol.ErrPolicy}, {"many-statuses", protocol.ErrPolicy},
		{"huge", protocol.ErrUnreachable},
		{"../x", protocol.ErrMalformed},
	} {
		got, err := get(client, c.profile)
		if !errors.Is(err, c.kind) || (c.kind == nil) != (err == nil) {
			t.Errorf("%s: %v, want %v", c.profile, err, c.kind)
		}
		if (err == nil) == got.Secret.IsZero() {
			t.Errorf("%s: %v with token %v", c.profile, err, !got.Secret.IsZero())
		}
		if err != nil && strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("%s: more than a line: %q", c.profile, err)
		}
	}
	got, err := get(client, "good")
	if err != nil || !got.Secret.Equal(secret.New(canary)) || got.Scheme != "Bearer" || got.Expires != 1893456000 ||
		got.Source != "cache" || got.Origin != "https://api.example.com" || len(got.Origins) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = get(client, "statuses"); err != nil || !got.RefreshesOn(401) || !got.RefreshesOn(403) || !got.RefreshesOn(404) || got.RefreshesOn(400) {
		t.Errorf("%v, %v", got.RefreshOn, err)
	}
}

// TestRequestCrosses: each field that a connector may send arrives.
func TestRequestCrosses(t *testing.T) {
	client := start(t, nil)
	url, _ := origin.ParseURL("https://API.example.com:443/a/b%20c?q=s3cret")
	got, err := client.Get(context.Background(), protocol.Request{
		Verb: protocol.Get, Profile: "echo", URL: url, MinTTL: 60, Refresh: true, Timeout: 3600, Refused: protocol.Refusal{Token: secret.New("0ld"), Mark: "m"},
	})
	if want := "https://api.example.com/a/b%20c 60 true 8 true m"; err != nil || got.Username != want {
		t.Errorf("%q, %v", got.Username, err)
	}
	fields, _ := origin.FromFields("https", "api.example.com", "/a%2")
	if _, err := client.Get(context.Background(), protocol.Request{Profile: "echo", URL: fields}); !errors.Is(err, protocol.ErrMalformed) {
		t.Errorf("a URL that does not read back: %v", err)
	}
	if err := client.Forget(context.Background(), protocol.Request{Profile: "good", Refused: protocol.Refusal{Token: secret.New("0ld")}}); err != nil {
		t.Errorf("forget: %v", err)
	}
	if err := client.Forget(context.Background(), protocol.Request{Profile: "good"}); !errors.Is(err, protocol.ErrMalformed) {
		t.Errorf("forget without the token: %v", err)
	}
}

// TestSentinels: an error means the same on both ends.
func TestSentinels(t *testing.T) {
	client := start(t, nil)
	for profile, kind := range sentinels {
		_, err := get(client, profile)
		var e *protocol.Error
		if !errors.As(err, &e) || e.Kind != kind || e.Hint != "type this" || e.RetryAfter != 30 || e.Text != "profile x: it failed" {
			t.Errorf("%s: %#v", profile, err)
		}
		if protocol.ExitCode(err) != protocol.ExitCode(kind) {
			t.Errorf("%s: exit %d, want %d", profile, protocol.ExitCode(err), protocol.ExitCode(kind))
		}
	}
	if _, err := get(client, "bug"); protocol.ExitCode(err) != 1 || strings.ContainsAny(err.Error(), "\n\x1b") {
		t.Errorf("an error without a meaning: %q", err)
	}
}

// TestDeadline: a plugin that never answers ends with the caller's patience, and
// serves others meanwhile.
func TestDeadline(t *testing.T) {
	client := start(t, nil)
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	var others sync.WaitGroup
	for range 20 {
		others.Go(func() {
			if _, err := get(client, "good"); err != nil {
				t.Error(err)
			}
		})
	}
	if _, err := client.Get(ctx, protocol.Request{Profile: "hangs"}); !errors.Is(err, protocol.ErrUnreachable) {
		t.Errorf("%v", err)
	}
	others.Wait()
}

// TestDies: after a crash the call fails, and the next one has a new plugin.
func TestDies(t *testing.T) {
	client := start(t, nil)
	if _, err := get(client, "dies"); !errors.Is(err, protocol.ErrUnreachable) {
		t.Errorf("%v", err)
	}
	deadline := time.Now().Add(time.Minute)
	for {
		_, err := get(client, "good")
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	client.Close()
	if _, err := get(client, "good"); !errors.Is(err, protocol.ErrMalformed) {
		t.Errorf("after Close: %v", err)
	}
}

// TestBadStarts: what is no credhelper is an error, in time and in one line
// (T5, T8).
func TestBadStarts(t *testing.T) {
	for _, c := range []struct {
		name   string
		config connector.Config
		kind   error
	}{
		{"not there", connector.Config{Path: "/nowhere/credhelper"}, protocol.ErrPolicy},
		{"ends at once", connector.Config{Path: "false"}, protocol.ErrUnreachable},
		{"another greeting", connector.Config{Path: "echo", Args: []string{"hello"}}, protocol.ErrUnreachable},
		{"net/rpc", connector.Config{Path: "echo", Args: []string{"1|1|unix|/nowhere|netrpc|"}}, protocol.ErrUnreachable},
		{"another version", connector.Config{Path: "echo", Args: []string{"1|9|unix|/nowhere|grpc|"}}, protocol.ErrPolicy},
		{"says why", connector.Config{Path: "sh", Args: []string{"-c", "echo because >&2; exit 9"}}, protocol.ErrPolicy},
		{"another machine", connector.Config{Path: "echo", Args: []string{"1|1|tcp|192.0.2.1:443|grpc|"}}, protocol.ErrUnreachable},
	} {
		_, err := connector.Dial(c.config)
		if !errors.Is(err, c.kind) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.name == "says why" && !strings.Contains(err.Error(), "because") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	t.Setenv("GODEBUG", "http2debug=2")
	if _, err := connector.Dial(connector.Config{Path: "true"}); !errors.Is(err, protocol.ErrPolicy) {
		t.Errorf("with http2debug: %v", err)
	}
}

// TestCheckHost: a person, a host without a certificate and one with a broken one
// are told what is wrong, and nothing is served (T2).
func TestCheckHost(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cookie := connector.Handshake.MagicCookieKey + "=" + connector.Handshake.MagicCookieValue
	for _, c := range []struct {
		name, says string
		env        []string
		code       int
	}{
		{"a person", "plugin is for connectors", nil, 2},
		{"another cookie", "plugin is for connectors", []string{connector.Handshake.MagicCookieKey + "=v0"}, 2},
		{"no certificate", "AutoMTLS", []string{cookie}, 9},
		{"no PEM", "AutoMTLS", []string{cookie, "PLUGIN_CLIENT_CERT=x"}, 9},
		{"no certificate in it", "cannot be read", []string{cookie, "PLUGIN_CLIENT_CERT=-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}, 9},
	} {
		cmd := exec.Command(self)
		cmd.Env = append(c.env, asPlugin+"=/nowhere")
		var out, said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &said
		_ = cmd.Run()
		if cmd.ProcessState.ExitCode() != c.code || out.Len() != 0 || !strings.Contains(said.String(), c.says) || strings.Count(said.String(), "\n") != 1 {
			t.Errorf("%s: exit %d, stdout %q, stderr %q", c.name, cmd.ProcessState.ExitCode(), out.String(), said.String())
		}
	}
}

// TestQuiet: the plugin's stderr, with all that makes gRPC talk, holds no token
// (T8).
func TestQuiet(t *testing.T) {
	t.Setenv("GRPC_GO_LOG_SEVERITY_LEVEL", "info")
	t.Setenv("GRPC_GO_LOG_VERBOSITY_LEVEL", "99")
	var warnings bytes.Buffer
	client := start(t, &warnings)
	if _, err := get(client, "good"); err != nil {
		t.Fatal(err)
	}
	client.Close()
	if warnings.Len() != 0 {
		t.Errorf("stderr holds %q", warnings.String())
	}
}

// BenchmarkGet is one call over the wire; BenchmarkStart is one plugin, from its
// start to its end.
func BenchmarkGet(b *testing.B) {
	client := start(b, nil)
	for b.Loop() {
		if _, err := get(client, "usual"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStart: see BenchmarkGet.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		start(b, nil).Close()
	}
}

// TestNarrowedIsRefused: a plugin of an earlier release would not see what a request is
// narrowed to, and answer with the whole token; so no such request is sent.
func TestNarrowedIsRefused(t *testing.T) {
	client := start(t, new(bytes.Buffer))
	for _, n := range []protocol.Narrowing{{Scope: "read"}, {Audience: "b"}} {
		_, err := client.Get(t.Context(), protocol.Request{Profile: "jama", Narrowing: n})
		if !errors.Is(err, protocol.ErrMalformed) || !strings.Contains(err.Error(), "cannot be narrowed") {
			t.Errorf("%+v: %v", n, err)
		}
	}
}
