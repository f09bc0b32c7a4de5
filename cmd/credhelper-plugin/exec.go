package main

import (
	"cmp"
	"context"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/inner"
	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/guest"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/door"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// A private door serves one command and the processes that it starts, and ends with it.
// Its port is a free one, its guest and that guest's secret are in memory only.
//
// The secret is in the command's environment, which your other programs can read
// (proc_pid_environ(5)). So on Linux the kernel is asked for the process at the other end
// of each connection, too, and only descendants are answered.

// The places of the arguments, as inner.ExecCall has them.
const (
	execCall = iota + 1
	execDash
	execProgram
	execName
	leastExec
)

// exec runs a command with a private door, and returns the command's exit code. The
// engine has fetched the first token, so that a profile without one is an error before
// the command starts.
func (p *plugin) exec(own inner.Call) (code int, err error) {
	var call inner.ExecCall
	if err := inner.ReadArgument(own.Args[execCall], &call); err != nil {
		return 0, err
	}
	if own.Args[execDash] != "--" {
		return 0, policy("credhelper and its executables are not of the same release")
	}
	h, err := p.open("exec")
	if err != nil {
		return 0, err
	}
	defer inner.Settle(h, inner.EndTime)
	d, err := p.openPrivate(h, call)
	if err != nil {
		return 0, err
	}
	defer d.close()
	if call.Azure || d.guest.Real() {
		inner.Say(p.stderr, "credhelper: the command gets the server's own token, which is good outside of this door, too")
	}
	cmd := exec.Command(own.Args[execProgram])
	cmd.Args = own.Args[execName:]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, p.stdout, p.stderr
	cmd.Env = d.environment(p.environ, call)
	return runUnder(own, cmd)
}

// runUnder runs the command of a private door to its end.
func runUnder(own inner.Call, cmd *exec.Cmd) (code int, err error) {
	signals := inner.HoldSignals()
	defer signals.Stop()
	runtime.LockOSThread() // the command dies with the thread that starts it
	cmd.SysProcAttr = diesWithUs()
	if err := inner.ForBatch(cmd); err != nil {
		return 0, err
	}
	defer reapOrphans(orphanTime)()
	if err := own.Limits.ForChild(cmd.Start); err != nil {
		return 0, inner.CannotRun(cmd.Path, err)
	}
	signals.PassTo(cmd.Process)
	code, err = inner.ChildExit(cmd.Wait())
	if err != nil {
		return 0, policy(printable.Line(cmd.Path + ": " + err.Error()))
	}
	return code, nil
}

// privateDoor is the door of one command.
type privateDoor struct {
	guest  *guest.Row
	secret secret.Text
	url    string // without a slash at the end
	trust  []variable
	close  func()
}

// openPrivate opens a door at a free port.
func (p *plugin) openPrivate(h *helper.Helper, call inner.ExecCall) (d privateDoor, err error) {
	if err := p.checkDebug(); err != nil {
		return d, err
	}
	book, row, text, err := guest.Private(h, time.Now, call.Profile, call.Token, call.Azure)
	if err != nil {
		return d, err
	}
	if row.Base() == "" && !call.Azure && !row.Real() {
		return d, &protocol.Error{Kind: protocol.ErrPolicy, Text: "profile " + call.Profile + " has no address of an API, so there is none for a door",
			Hint: "without --door the command gets the token in a file"}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return d, policy("exec: " + printable.Line(err.Error()))
	}
	names, err := hostsOf(l.Addr().(*net.TCPAddr).AddrPort(), inner.ProxyCall{TLS: call.TLS})
	if err != nil {
		l.Close()
		return d, err
	}
	p.collectLess()
	s := newService(h, book, names)
	s.verb, s.less, s.answerer = "exec", call.Narrowing, narrower{h, call.Profile, call.Narrowing}
	if s.serves, err = onlyDescendants(l); err != nil {
		l.Close()
		return d, err
	}
	d = privateDoor{guest: row, secret: text, url: names.url}
	listener, remove := &door.Listener{Listener: l, Check: s.check}, func() {}
	if call.TLS {
		if listener.TLS, d.trust, remove, err = p.secureExec(names); err != nil {
			l.Close()
			return d, err
		}
	}
	server := s.server()
	go func() { _ = server.Serve(listener) }()
	d.close = func() { _ = server.Close(); remove() }
	return d, nil
}

// narrower is an Answerer that asks for less than its profile allows.
type narrower struct {
	protocol.Answerer
	profile string
	less    protocol.Narrowing
}

// Get implements protocol.Answerer.
func (n narrower) Get(ctx context.Context, r protocol.Request) (protocol.Credential, error) {
	return n.Answerer.Get(ctx, n.narrow(r))
}

// Forget implements protocol.Answerer.
func (n narrower) Forget(ctx context.Context, r protocol.Request) error {
	return n.Answerer.Forget(ctx, n.narrow(r))
}

func (n narrower) narrow(r protocol.Request) protocol.Request {
	if r.Profile == n.profile && r.Narrowing == (protocol.Narrowing{}) { // else it is less than that
		r.Narrowing = n.less
	}
	return r
}

// within returns what a request asks for of a token for less than the profile allows;
// false if that is more.
func within(less, asked protocol.Narrowing) (protocol.Narrowing, bool) {
	has := strings.Fields(less.Scope) // none: all of the profile's
	for _, scope := range strings.Fields(asked.Scope) {
		if len(has) > 0 && !slices.Contains(has, scope) {
			return asked, false
		}
	}
	if less.Audience != "" && asked.Audience != "" && asked.Audience != less.Audience {
		return asked, false
	}
	return protocol.Narrowing{Scope: cmp.Or(asked.Scope, less.Scope), Audience: cmp.Or(asked.Audience, less.Audience)}, true
}

// environment returns the environment of the command.
func (d *privateDoor) environment(environ []string, call inner.ExecCall) []string {
	environ = slices.Clone(environ)
	for _, name := range call.Without {
		environ = inner.WithoutVariable(environ, name)
	}
	api := d.guest.Base() // where the server's own token is good
	if api != "" && !d.guest.Real() {
		api = d.url
	}
	if api != "" {
		api += d.guest.Path()
	}
	variables := []variable{
		{"OAUTH_TOKEN_URL", d.url + d.guest.TokenPath()},
		{"OAUTH_CLIENT_ID", d.guest.ID},
		{"OAUTH_CLIENT_SECRET", d.secret.Reveal()},
		{"API_BASE_URL", api},
	}
	if call.Azure {
		variables = append(variables, d.azure()...)
	}
	for _, v := range slices.Concat(variables, d.trust, direct(environ)) {
		if v.value == "" {
			environ = inner.WithoutVariable(environ, v.name)
			continue
		}
		environ = inner.WithVariable(environ, v.name, v.value)
	}
	return environ
}

// variable is one of the environment; one without a value is removed.
type variable struct{ name, value string }

// azure returns the variables of a managed identity: those of 2019-08-01, which every SDK
// prefers, those of 2017-09-01, and none of other places with one.
func (d *privateDoor) azure() []variable {
	at := d.url + door.AzurePath
	return []variable{
		{"IDENTITY_ENDPOINT", at}, {"IDENTITY_HEADER", d.secret.Reveal()},
		{"MSI_ENDPOINT", at}, {"MSI_SECRET", d.secret.Reveal()},
		{"IDENTITY_SERVER_THUMBPRINT", ""}, {"IMDS_ENDPOINT", ""}, // Service Fabric, Azure Arc
	}
}

// direct returns the variables that keep requests to the door from the proxy that the
// environment names: it would see them, and could not reach the door.
func direct(environ []string) []variable {
	const own = "127.0.0.1"
	of := cache.Variables(environ)
	proxy := false
	for _, name := range [...]string{"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"} {
		proxy = proxy || of(name) != ""
	}
	if !proxy {
		return nil
	}
	none := func(list string) string {
		if list == "*" || slices.Contains(strings.FieldsFunc(list, func(c rune) bool { return c == ',' || c == ' ' }), own) {
			return list // "*" is all hosts, and curl knows it only alone
		}
		return strings.Trim(list+","+own, ",")
	}
	lower, upper := of("no_proxy"), of("NO_PROXY") // a program reads the one or the other first
	return []variable{{"no_proxy", none(cmp.Or(lower, upper))}, {"NO_PROXY", none(cmp.Or(upper, lower))}}
}
