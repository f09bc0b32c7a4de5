package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/internal/program"
)

// The scripts of testdata/script run the executables against the authorization server of
// package oauthtest. They have words of their own:
//
//	server NAME PRODUCT [id=ID] [secret=S] [tenant=T] [life=D] [delay=D] [base=/P] [cert=C] [size=N]
//	                     starts a server; $NAME is its address, $NAME_CA its CA
//	server-queue NAME BEHAVIOUR ...   server-always NAME BEHAVIOUR   server-revoke NAME
//	server-secret NAME ID SECRET      server-life NAME DURATION
//	server-delay NAME DURATION
//	server-quirks NAME [QUIRK ...]    server-end NAME  ends every sign-in
//	new-key FILE         writes a new private key; "server ... key=FILE" knows its public half
//	revoked NAME N       so many tokens were revoked
//	requests NAME N      so many token requests came in all
//	calls NAME N         so many calls of the API came
//	trapped NAME N       so many followed a redirect
//	expect CODE CMD...   runs a command that must end with CODE
//	refused CODE CMD...  the same, and stdout is empty, stderr one line and at most one hint
//	storm N CMD...       runs a command N times at once; all succeed with one output
//	mode FILE MODE       sets and "mode? FILE MODE" checks a file's mode
//	install FROM TO      copies an executable
//	age NAME             makes a profile's cached token two minutes older
//	silent-socket FILE   a Unix socket that takes connections and says nothing
//	manager              is a service manager: sets NOTIFY_SOCKET
//	notified TEXT        waits until the manager hears a line that begins so
//	proxy NAME STATUS    starts a proxy that refuses everybody; $NAME is its host and port
//	vault NAME MOUNT ROLE PROOF PATH...   starts a Vault with one login (script_sources_test.go);
//	                     $NAME is its address
//	vault-put NAME PATH FIELD=VALUE ...   vault-do NAME delete PATH|seal|unseal|revoke|redirect TO|
//	                     login MOUNT ROLE PROOF PATH...
//	vault-requests NAME END N             so many requests came whose path has that end
//	runner NAME TOKEN    starts the endpoint of a job's ID tokens; $NAME is its address
//	id-tokens NAME N     it issued so many
//	$NOFILE              matches the system's words for a file that is not there
//	hosts NAME [http2]   starts a web server that echoes headers (see cmdHosts); $NAME is its
//	                     address, $NAME_HOST its host and port, $NAME_CA its certificate

// bin is where TestMain built the executables.
var bin string

func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.list").Value.String() != "" {
		os.Exit(m.Run()) // only lists the tests
	}
	// The tests may run with SIGHUP ignored, as under nohup and in many a CI, and child
	// processes would inherit that. They do not inherit a handler.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	code, err := build(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(code)
}

// build builds the executables, or takes those of CREDHELPER_TEST_BIN if there is no Go and
// no source, as in the tests as an ordinary user.
func build(run func() int) (int, error) {
	if bin = os.Getenv("CREDHELPER_TEST_BIN"); bin != "" {
		return run(), nil
	}
	dir, err := os.MkdirTemp("", "credhelper-bin-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return 1, err
	}
	cmd := exec.Command("go", "build", "-o", dir, ".", "../credhelper", "../credhelper-plugin")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("go build: %v\n%s", err, out)
	}
	bin = dir
	return run(), nil
}

// TestScripts runs each script of testdata/script.
func TestScripts(t *testing.T) {
	const dir = "testdata/script"
	if scripts, _ := filepath.Glob(dir + "/*.txtar"); len(scripts) < 10 {
		t.Fatalf("%s has %d scripts: the test is blind", dir, len(scripts))
	}
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		Setup:               setup,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Condition: func(name string) (bool, error) {
			if name == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, errors.New("no such condition")
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"server":        cmdServer,
			"server-queue":  cmdQueue,
			"server-always": cmdAlways,
			"server-revoke": cmdRevoke,
			"server-secret": cmdSecret,
			"server-life":   cmdLife,
			"server-delay":  cmdDelay,
			"server-quirks": cmdQuirks,
			"server-end":    cmdEnd,
			"new-key":       cmdNewKey,
			"revoked":       counter(func(s *oauthtest.Server) int { return len(s.Revoked()) }),
			"requests":      counter((*oauthtest.Server).Count),
			"calls":         counter(func(s *oauthtest.Server) int { return len(s.Calls()) }),
			"asked":         cmdAsked,
			"trapped":       counter((*oauthtest.Server).Trapped),
			"expect":        cmdExpect,
			"refused":       cmdRefused,
			"storm":         cmdStorm,
			"mode":          cmdMode,
			"hosts":         cmdHosts,
			"proxy":         cmdProxy,
			"silent-socket": cmdSilentSocket,
			"sleep":         cmdSleep,
			"manager":       cmdManager,
			"notified":      cmdNotified,
			"replace":       cmdReplace,
			"install":       cmdInstall,
			"age":           cmdAge,

			"vault":          cmdVault,
			"vault-put":      cmdVaultPut,
			"vault-do":       cmdVaultDo,
			"vault-requests": cmdVaultRequests,
			"runner":         cmdRunner,
			"id-tokens":      cmdIDTokens,
		},
	})
}

// servers is the key of a script's servers.
type serversKey struct{}

func setup(env *testscript.Env) error {
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		return err
	}
	home := filepath.Join(env.WorkDir, "home")
	for _, dir := range []string{home, filepath.Join(env.WorkDir, "user")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	env.Defer(func() { forgetKeys(env.WorkDir) })
	env.Values[serversKey{}] = map[string]*oauthtest.Server{}
	env.Values[managers{}] = map[string]*net.UnixConn{}
	env.Values[sourcesKey{}] = map[string]any{}
	env.Vars = append(env.Vars,
		"PATH="+bin+string(os.PathListSeparator)+tools(),
		"BIN="+bin,
		"EXAMPLES="+examples,
		"HOME="+filepath.Join(env.WorkDir, "user"),
		"CREDHELPER_HOME="+home,
		"CREDHELPER_ETC=none", // so that nothing of this machine is read
		"CI=1",                // no prompts on the terminal in which the tests run
		"XDG_RUNTIME_DIR="+filepath.Join(env.WorkDir, "no-runtime-dir"),
		"LANG=C",
		"NOFILE=no such file or directory",
	)
	if runtime.GOOS == "windows" {
		folders := filepath.Join(env.WorkDir, "user", "AppData")
		env.Vars = append(env.Vars,
			// A backslash means something in TOML and in patterns.
			"WORK="+filepath.ToSlash(env.WorkDir), "CREDHELPER_HOME="+filepath.ToSlash(home),
			"USERPROFILE="+filepath.Join(env.WorkDir, "user"),
			"APPDATA="+filepath.Join(folders, "Roaming"),
			"LOCALAPPDATA="+filepath.Join(folders, "Local"),
			`NOFILE=((The system cannot find the (file|path) specified|File not found|Path not found)\.)`,
		)
	}
	return nil
}

// tools is the part of PATH with the tools that scripts call. For Windows
// test/windows/unix stands in for them.
func tools() string {
	if runtime.GOOS == "windows" {
		return os.Getenv("PATH")
	}
	return "/usr/local/bin:/usr/bin:/bin"
}

// forgetKeys removes the keys of a script's homes from the kernel's keyring, which has room
// for 200 keys of an ordinary user.
func forgetKeys(work string) {
	states, _ := filepath.Glob(work + "/*/state")
	for _, state := range states {
		lock := exec.Command(filepath.Join(bin, "credhelper"), "lock")
		lock.Env = []string{"CREDHELPER_HOME=" + filepath.Dir(state), "CI=1"}
		_ = lock.Run() // a home that the script broke has no key
	}
}

func servers(ts *testscript.TestScript) map[string]*oauthtest.Server {
	return ts.Value(serversKey{}).(map[string]*oauthtest.Server)
}

func serverNamed(ts *testscript.TestScript, name string) *oauthtest.Server {
	s := servers(ts)[name]
	if s == nil {
		ts.Fatalf("there is no server %s", name)
	}
	return s
}

func cmdServer(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: server NAME PRODUCT [key=value ...]")
	}
	options := oauthtest.Options{Product: args[1]}
	client := oauthtest.Client{ID: "client", Secret: "s3cret"}
	var public oauthtest.Key
	for _, arg := range args[2:] {
		key, value, _ := strings.Cut(arg, "=")
		var err error
		switch key {
		case "id":
			client.ID = value
		case "secret":
			client.Secret = value
		case "tenant":
			client.Tenant = value
		case "nouser":
			client.NoUser = true
		case "barred":
			client.Barred = true
		case "auth":
			client.Auth = value
		case "trusts":
			client.Trusts = value
		case "key": // the public half of a private key's file
			public = publicKey(ts, value)
		case "life":
			options.Lifetime, err = time.ParseDuration(value)
		case "delay":
			options.Delay, err = time.ParseDuration(value)
		case "base":
			options.BasePath = value
		case "cert":
			options.Certificate = value
		case "size":
			options.TokenSize, err = strconv.Atoi(value)
		default:
			err = errors.New("no option " + key)
		}
		ts.Check(err)
	}
	if public != nil {
		client.Key = public
	}
	options.Clients = []oauthtest.Client{client}
	s, err := oauthtest.New(options)
	ts.Check(err)
	ts.Defer(s.Close)
	servers(ts)[args[0]] = s
	ts.Setenv(args[0], s.URL())
	if roots := s.RootsPEM(); roots != nil {
		path := ts.MkAbs(args[0] + "-ca.pem")
		ts.Check(os.WriteFile(path, roots, 0o644))
		ts.Setenv(args[0]+"_CA", path)
	}
}

func cmdQueue(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(serverNamed(ts, args[0]).Queue(args[1:]...))
}

func cmdAlways(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(serverNamed(ts, args[0]).Always(args[1]))
}

func cmdRevoke(ts *testscript.TestScript, _ bool, args []string) {
	serverNamed(ts, args[0]).RevokeAll()
}

func cmdSecret(ts *testscript.TestScript, _ bool, args []string) {
	serverNamed(ts, args[0]).SetClient(oauthtest.Client{ID: args[1], Secret: args[2]})
}

func cmdQuirks(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(serverNamed(ts, args[0]).SetQuirks(args[1:]...))
}

func cmdEnd(ts *testscript.TestScript, _ bool, args []string) { serverNamed(ts, args[0]).EndSignIns() }

func cmdNewKey(ts *testscript.TestScript, _ bool, args []string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
}

func publicKey(ts *testscript.TestScript, path string) oauthtest.Key {
	block, _ := pem.Decode([]byte(ts.ReadFile(path)))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	ts.Check(err)
	return key.(*ecdsa.PrivateKey).Public()
}

func cmdLife(ts *testscript.TestScript, _ bool, args []string) {
	d, err := time.ParseDuration(args[1])
	ts.Check(err)
	serverNamed(ts, args[0]).SetLifetime(d)
}

func cmdDelay(ts *testscript.TestScript, _ bool, args []string) {
	d, err := time.ParseDuration(args[1])
	ts.Check(err)
	serverNamed(ts, args[0]).SetDelay(d)
}

func counter(of func(*oauthtest.Server) int) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		want, err := strconv.Atoi(args[1])
		ts.Check(err)
		if got := of(serverNamed(ts, args[0])); (got == want) == neg {
			ts.Fatalf("%d, want %d (negated: %v)", got, want, neg)
		}
	}
}

// cmdAsked fails unless the last request to a server's token endpoint had that target.
func cmdAsked(ts *testscript.TestScript, _ bool, args []string) {
	var last string
	for _, r := range serverNamed(ts, args[0]).Requests() {
		last = r.Target
	}
	if last != args[1] {
		ts.Fatalf("asked for %q, want %q", last, args[1])
	}
}

// cmdAge makes a profile's cached token two minutes older.
func cmdAge(ts *testscript.TestScript, _ bool, args []string) {
	dirs, err := cache.FindDirs(ts.Getenv, os.Getuid())
	ts.Check(err)
	h := program.Home{Dirs: dirs}
	ts.Check(h.Age(args[0], 2*time.Minute))
}

// cmdExpect runs a command and checks its exit code.
func cmdExpect(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	if got := exitOf(ts, err); got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func exitOf(ts *testscript.TestScript, err error) int {
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		ts.Fatalf("%v", err)
	}
	if err == nil {
		return 0
	}
	return exit.ExitCode()
}

// oneClearLine matches stderr after a failure: one line of ours, and at most one hint,
// printable (R7, T23).
var oneClearLine = regexp.MustCompile(`^credhelper: [\x20-\x7e]+\n([\x20-\x7e]+\n)?$`)

func cmdRefused(ts *testscript.TestScript, _ bool, args []string) {
	cmdExpect(ts, false, args)
	if out := ts.ReadFile("stdout"); out != "" {
		ts.Fatalf("stdout is not empty: %q", out)
	}
	if text := ts.ReadFile("stderr"); !oneClearLine.MatchString(text) {
		ts.Fatalf("stderr is not one line and at most one hint: %q", text)
	}
}

// cmdStorm runs a command many times at once; all must have one output, which becomes
// stdout.
func cmdStorm(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	if runtime.GOOS == "windows" {
		n = min(n, 8) // Wine starts so many within the 8 s of a call
	}
	type result struct {
		out string
		err error
	}
	results := make(chan result, n)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for range n {
		go func() {
			cmd := exec.CommandContext(ctx, filepath.Join(bin, args[1]), args[2:]...)
			cmd.Env = []string{"HOME=" + ts.Getenv("HOME"), "CREDHELPER_HOME=" + ts.Getenv("CREDHELPER_HOME"), "PATH=" + ts.Getenv("PATH"), "CI=1"}
			cmd.Stdin = strings.NewReader(ts.Getenv("STORM_STDIN"))
			var stderr strings.Builder
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil {
				err = fmt.Errorf("%w: %s", err, stderr.String())
			}
			results <- result{string(out), err}
		}()
	}
	seen := map[string]int{}
	for range n {
		r := <-results
		ts.Check(r.err)
		seen[r.out]++
	}
	if len(seen) != 1 {
		ts.Fatalf("%d different answers: %v", len(seen), seen)
	}
}

func cmdMode(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.ParseUint(args[1], 8, 32)
	ts.Check(err)
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := info.Mode().Perm(); (got == fs.FileMode(want)) == neg {
		ts.Fatalf("%s has mode %04o", args[0], got)
	}
}

// cmdHosts starts a web server whose answers show what it received: /echo the headers,
// /redirect?to=URL a redirect, /status/N a status.
func cmdHosts(ts *testscript.TestScript, _ bool, args []string) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/redirect":
			http.Redirect(w, r, r.URL.Query().Get("to"), http.StatusFound)
		case strings.HasPrefix(r.URL.Path, "/status/"):
			code, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/status/"))
			w.WriteHeader(code)
			fmt.Fprintf(w, "status %d\n", code)
		default:
			fmt.Fprintf(w, "%s %s\n", r.Method, r.URL.RequestURI())
			for name, values := range r.Header {
				fmt.Fprintf(w, "%s: %s\n", name, strings.Join(values, ", "))
			}
		}
	}))
	ts.Defer(s.Close)
	if len(args) > 1 && args[1] == "http2" {
		s.EnableHTTP2 = true
		s.StartTLS()
		ca := ts.MkAbs(args[0] + ".pem")
		ts.Check(os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600))
		ts.Setenv(args[0]+"_CA", ca)
	} else {
		s.Start()
	}
	ts.Setenv(args[0], s.URL)
	ts.Setenv(args[0]+"_HOST", s.Listener.Addr().String())
}

// cmdSilentSocket listens on a Unix socket, accepts every connection, and sends nothing: a
// session bus that hangs (F9).
func cmdSilentSocket(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("unix", ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
		}
	}()
}

func cmdSleep(ts *testscript.TestScript, _ bool, args []string) {
	d, err := time.ParseDuration(args[0])
	ts.Check(err)
	time.Sleep(d)
}

// cmdReplace replaces a text in a file, as a person with an editor would.
func cmdReplace(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s has no %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(path, []byte(strings.ReplaceAll(text, args[1], args[2])), 0o600))
}

// cmdInstall copies an executable. A process that another script starts meanwhile would have
// the copy open for writing for a moment, and what is open so cannot be executed ("text file
// busy").
func cmdInstall(ts *testscript.TestScript, _ bool, args []string) {
	content, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), content, 0o755))
}

// TestOrdinaryUser fails if the caller wants these tests run by an ordinary user and this is
// root, who passes every check of modes.
func TestOrdinaryUser(t *testing.T) {
	if os.Getenv("CREDHELPER_TEST_USER") == "ordinary" && os.Geteuid() == 0 {
		t.Fatal("this is root")
	}
}

// TestNoScriptForAnotherSystem fails on systems other than Linux and Windows, which the
// scripts are written for.
func TestNoScriptForAnotherSystem(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "windows" {
		t.Fatal("the scripts are for Linux and Windows; other systems are cross-compiled only")
	}
}

// newHome returns an empty home below a directory of the test.
func newHome(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	if err := os.Chmod(home, 0o700); err != nil {
		t.Fatal(err)
	}
	return home
}
