package connector

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin/runner"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// process is credhelper as a child process. go-plugin's own runner would give it this
// program's stdin, which may contain a secret for this program, and its whole
// environment (T7, T20).
type process struct {
	cmd            *exec.Cmd
	stdout, stderr *os.File
	ended          chan struct{} // closed when it has ended

	mu        sync.Mutex
	child     *os.Process     // nil before the start
	killed    bool            // possibly before the start
	greeting  strings.Builder // the first bytes of stdout
	complaint string          // the first line of stderr
	warnings  io.Writer
}

var _ runner.Runner = (*process)(nil)

// newProcess prepares credhelper; Start starts it.
func newProcess(config Config) *process {
	cmd := exec.Command(config.Path, config.Args...)
	cmd.Env = append(allowed(os.Environ()), config.Env...)
	return &process{cmd: cmd, ended: make(chan struct{}), warnings: config.Warnings}
}

// run is called by go-plugin with the variables that it wants to pass. The directory
// that it creates for sockets is removed: credhelper creates its own, and a killed host
// would leave this one behind.
func (p *process) run(_ hclog.Logger, with *exec.Cmd, dir string) (runner.Runner, error) {
	_ = os.Remove(dir)
	p.cmd.Env = append(p.cmd.Env, with.Env...)
	return p, nil
}

// Start implements runner.Runner. A nil Stdin is the null device.
func (p *process) Start(context.Context) error {
	out, outEnd, err := os.Pipe()
	if err != nil {
		return err
	}
	stderr, saidEnd, err := os.Pipe()
	if err != nil {
		_, _ = out.Close(), outEnd.Close()
		return err
	}
	p.stdout, p.stderr = out, stderr
	p.cmd.Stdout, p.cmd.Stderr = outEnd, saidEnd
	err = p.fork()
	_, _ = outEnd.Close(), saidEnd.Close()
	if err != nil {
		_, _ = out.Close(), stderr.Close()
		return err
	}
	go p.await()
	return nil
}

// fork starts the process unless a Close that could not wait has already killed it.
func (p *process) fork() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.killed {
		return errClosed
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	p.child = p.cmd.Process
	return nil
}

// drainTime is how long the pipes of a process that has ended stay open, to read its
// last output. Its own children may hold them forever.
const drainTime = 250 * time.Millisecond

func (p *process) await() {
	_ = p.cmd.Wait()
	close(p.ended)
	time.Sleep(drainTime)
	_, _ = p.stdout.Close(), p.stderr.Close()
}

// over reports whether the process has ended.
func (p *process) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// Wait implements runner.AttachedRunner.
func (p *process) Wait(context.Context) error {
	<-p.ended
	return nil
}

// Kill implements runner.AttachedRunner.
func (p *process) Kill(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killed = true
	if p.child == nil {
		return nil
	}
	if err := p.child.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// terminate asks the process to end, because it has a socket to remove. On a system
// where that is impossible it is killed.
func (p *process) terminate() {
	p.mu.Lock()
	p.killed = true
	child := p.child
	p.mu.Unlock()
	if child != nil && child.Signal(syscall.SIGTERM) != nil {
		_ = p.Kill(context.Background())
	}
}

// ID implements runner.AttachedRunner; "" before the start.
func (p *process) ID() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.child == nil {
		return ""
	}
	return strconv.Itoa(p.child.Pid)
}

// Name implements runner.Runner.
func (p *process) Name() string { return p.cmd.Path }

// Diagnose implements runner.Runner; it returns "" because go-plugin's own texts take
// many lines.
func (p *process) Diagnose(context.Context) string { return "" }

// Stdout implements runner.Runner.
func (p *process) Stdout() io.ReadCloser { return &teedStdout{p.stdout, p} }

// Stderr implements runner.Runner; ClientConfig.Stderr gets its lines.
func (p *process) Stderr() io.ReadCloser { return p.stderr }

// HostToPlugin implements runner.AddrTranslator.
func (p *process) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}

// PluginToHost implements runner.AddrTranslator. The greeting must name a socket on
// this machine; otherwise the child could make this program connect elsewhere (T20).
func (p *process) PluginToHost(network, address string) (string, string, error) {
	host, _, err := net.SplitHostPort(address)
	if network == "unix" && filepath.IsAbs(address) || network == "tcp" && err == nil && host == "127.0.0.1" {
		return network, address, nil
	}
	return "", "", protocol.Policy("the greeting names no socket of this machine")
}

// teedStdout is a stdout whose first bytes are kept.
type teedStdout struct {
	stdout  *os.File
	process *process
}

// Close implements io.Closer.
func (o *teedStdout) Close() error { return o.stdout.Close() }

// Read implements io.Reader.
func (o *teedStdout) Read(b []byte) (int, error) {
	n, err := o.stdout.Read(b)
	o.process.mu.Lock()
	defer o.process.mu.Unlock()
	if room := 64 - o.process.greeting.Len(); room > 0 {
		o.process.greeting.Write(b[:min(n, room)])
	}
	return n, err
}

// version returns the protocol version in the greeting, its second field; "" before
// there is one.
func (p *process) version() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	fields := strings.SplitN(p.greeting.String(), "|", 3)
	if len(fields) < 3 {
		return ""
	}
	return fields[1]
}

// Write implements io.Writer for the lines of stderr, which go-plugin passes on one at
// a time, without their line breaks. A plugin's output is sanitized before it is passed
// on (T20).
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := strings.TrimSuffix(string(b), "\n")
	end := string(b[len(text):])
	text = printable.Line(text)
	if p.complaint == "" {
		p.complaint = strings.TrimSpace(text)
	}
	if _, err := io.WriteString(p.warnings, text+end); err != nil {
		return 0, err
	}
	return len(b), nil
}

// reason returns the first line that the process wrote to stderr, which explains a
// failed start better than go-plugin; "" if there is none. stderr is read concurrently,
// so it gets a moment.
func (p *process) reason() string {
	for range 10 {
		p.mu.Lock()
		line := p.complaint
		p.mu.Unlock()
		if line != "" {
			return strings.TrimPrefix(line, "credhelper: ")
		}
		time.Sleep(10 * time.Millisecond)
	}
	return ""
}

// ending returns how the process ended: its exit code, -1 for none, and "exit status 1"
// or "signal: killed"; "" if it has not ended.
func (p *process) ending() (code int, how string) {
	if p.ID() == "" {
		return -1, ""
	}
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode(), "it ended with " + p.cmd.ProcessState.String()
	case <-time.After(endTime):
		return -1, ""
	}
}

// silent reports whether the process has written nothing to stdout.
func (p *process) silent() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.greeting.Len() == 0
}
