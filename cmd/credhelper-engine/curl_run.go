package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/credhelper/credhelper/cmd/internal/curl"
	"github.com/credhelper/credhelper/cmd/internal/inner"
	"github.com/credhelper/credhelper/protocol"
)

// curlResult is the result of one run of curl.
type curlResult struct {
	code    int
	status  int    // of the final response; 0 if there is none
	held    bool   // none of the response was written yet
	output  []byte // the held output
	headers []byte // all response headers
	err     error  // of writing to our stdout
}

// run runs curl once. Its output is held back until the status of the final response is
// known, because after a refused token there may be a second run whose output is
// written instead; then it streams.
func (c *curlCall) run(ctx context.Context, credential protocol.Credential) (curlResult, error) {
	plumbing, err := newCurlPlumbing()
	if err != nil {
		return curlResult{}, protocol.Policy("curl: " + err.Error())
	}
	defer plumbing.close()
	if err := plumbing.give(c.config(credential, plumbing.headersPath)); err != nil {
		return curlResult{}, protocol.Policy("curl: " + err.Error())
	}
	argv := append([]string{"--disable"}, c.args.Pass...)
	argv = append(argv, "--config", plumbing.configPath)
	cmd := exec.CommandContext(ctx, c.program, argv...)
	cmd.Env = c.environ
	cmd.Stdin, cmd.Stderr = c.s.stdin, c.s.stderr
	plumbing.attach(cmd)
	if err := inner.ForBatch(cmd); err != nil {
		return curlResult{}, err
	}
	gate := &curlGate{out: c.s.stdout, headers: plumbing, follow: c.args.Follow, repeat: c.args.Repeat, show: c.args.Dump == "-", doubts: credential.RefreshesOn}
	cmd.Stdout = gate
	redact := curl.NewRedactor(func(b []byte) error { _, err := c.s.stderr.Write(b); return err }, c.secrets(credential)...)
	if c.args.Verbose {
		cmd.Stderr = redact
	}
	signals := inner.HoldSignals()
	defer signals.Stop()
	err = cmd.Start() // under our core limit: a core file of curl would contain the token
	plumbing.started()
	if err != nil {
		return curlResult{}, inner.CannotRun(c.program, err)
	}
	signals.PassTo(cmd.Process)
	err = cmd.Wait()
	redact.Flush()
	result := curlResult{held: !gate.open, output: gate.buffer, headers: plumbing.headers(), err: gate.err}
	if result.code, err = inner.ChildExit(err); err != nil && gate.err == nil {
		return curlResult{}, protocol.Policy("curl: " + err.Error())
	}
	result.status, _ = curl.FinalStatus(result.headers, false)
	return result, nil
}

// secrets returns the texts that must not appear in curl's messages.
func (c *curlCall) secrets(credential protocol.Credential) []string {
	secrets := []string{credential.Secret.Reveal()}
	for _, entry := range c.environ {
		if name, value, _ := strings.Cut(entry, "="); strings.HasSuffix(strings.ToLower(name), "_proxy") {
			secrets = append(secrets, curl.ProxySecrets(value)...)
		}
	}
	return secrets
}

// finish writes the held output, and the response headers to where the user wants them.
func (r curlResult) finish(s *session, dump string) error {
	if r.err != nil {
		return errors.New("stdout: " + r.err.Error())
	}
	if dump == "-" && r.held {
		r.output = append(bytes.Clone(r.headers), r.output...)
	} else if dump != "" && dump != "-" {
		if err := os.WriteFile(dump, r.headers, 0o666); err != nil {
			return protocol.Policy("--dump-header: " + err.Error())
		}
	}
	if len(r.output) > 0 {
		if _, err := s.stdout.Write(r.output); err != nil {
			return errors.New("stdout: " + err.Error())
		}
	}
	return exitCode(r.code)
}

// longestHeld limits how much of a refusal's body is held back. A longer one is
// written, and the request is not repeated.
const longestHeld = 1 << 20

// curlGate holds curl's output back, and passes it on once the status shows that there
// will be no second run.
type curlGate struct {
	out     io.Writer
	headers *curlPlumbing
	follow  bool
	repeat  bool
	doubts  func(status int) bool
	show    bool // --dump-header -: the headers are written before the body
	open    bool
	buffer  []byte
	err     error
}

// Write implements io.Writer.
func (g *curlGate) Write(p []byte) (int, error) {
	if !g.open {
		status, final := curl.FinalStatus(g.headers.headers(), g.follow)
		if g.repeat && (!final || g.doubts(status)) && len(g.buffer)+len(p) <= longestHeld {
			g.buffer = append(g.buffer, p...)
			return len(p), nil
		}
		g.open = true
		before := g.buffer
		if g.show {
			before = append(g.headers.headers(), before...)
		}
		g.buffer = nil
		if _, g.err = g.out.Write(before); g.err != nil {
			return 0, g.err
		}
	}
	n, err := g.out.Write(p)
	if err != nil {
		g.err = err
	}
	return n, err
}
