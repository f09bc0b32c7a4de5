package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/cmd/internal/curl"
	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/printable"
)

// curlCommand authorizes one request of curl. curl gets the token in a configuration on
// a descriptor: not in argv, not in the environment, not in a file. The table in
// package curl refuses the options that could send it elsewhere.
func (s *session) curlCommand() *cobra.Command {
	var r requestFlags
	c := &cobra.Command{
		Use:     "curl [NAME] -- [CURL'S OPTIONS] URL",
		Short:   "run curl with the token; a relative URL is relative to the profile's url",
		Example: "  credhelper curl jama -- /rest/v1/projects\n  credhelper curl -- -sS https://example.jamacloud.com/rest/v1/users/current",
		GroupID: groupUse,
		Args:    nameBeforeDash,
		RunE: func(c *cobra.Command, args []string) error {
			name, rest := splitAtDash(c, args)
			if name == "" {
				name = r.profile
			}
			return s.curl(c.Context(), name, rest, r)
		},
	}
	r.register(c)
	return c
}

// curlCall is one such call of curl.
type curlCall struct {
	s       *session
	args    curl.Args
	request protocol.Request
	profile *config.Profile
	program string
	environ []string
}

func (s *session) curl(ctx context.Context, name string, args []string, flags requestFlags) error {
	read, err := curl.Read(args)
	if err != nil {
		return err
	}
	if windows && read.Stdin {
		return &protocol.Error{
			Kind: protocol.ErrMalformed, Text: "curl: on Windows curl reads the token on stdin, so nothing else can come from there",
			Hint: "give it as a file: @FILE",
		}
	}
	call := curlCall{s: s, args: read}
	if call.request, err = flags.request(name); err != nil {
		return err
	}
	h, err := s.open()
	if err != nil {
		return err
	}
	if err := call.address(ctx, h); err != nil {
		return err
	}
	if call.program, err = s.findProgram("curl"); err != nil {
		return err
	}
	call.environ = s.curlEnvironment(h)
	credential, err := h.Get(ctx, call.request)
	if err != nil {
		return err
	}
	if err := call.checkRedirects(ctx, credential); err != nil {
		return err
	}
	result, err := call.run(ctx, credential)
	if err != nil {
		return err
	}
	if credential.RefreshesOn(result.status) && result.held && call.args.Repeat && curl.SameServer(call.request.Address, result.headers) {
		result = call.again(ctx, h, credential, result)
	}
	return result.finish(s, call.args.Dump)
}

// again asks for another token and repeats the request once. If there is no other
// token, the first answer stands.
func (c *curlCall) again(ctx context.Context, h *helper.Helper, refused protocol.Credential, first curlResult) curlResult {
	r := c.request
	r.Refused.Token = refused.Secret
	credential, err := h.Get(ctx, r)
	if err != nil || credential.Secret.Equal(refused.Secret) {
		if err != nil {
			c.s.say("credhelper: the token was refused, and there is no other: " + err.Error())
		}
		return first
	}
	second, err := c.run(ctx, credential)
	if err != nil {
		return first
	}
	return second
}

// address determines the URL and the profile. curl gets exactly the text that was
// checked.
func (c *curlCall) address(ctx context.Context, h *helper.Helper) (err error) {
	url := c.args.URL
	scheme, _, found := strings.Cut(url, "://")
	if !found || strings.ContainsAny(scheme, "/?#") { // a query may contain an address
		if c.request.Profile == "" {
			return curl.Usage("a relative URL needs a profile before the --")
		}
		p, err := h.Profile(c.request.Profile)
		if err != nil {
			return err
		}
		if p.URL == "" {
			return protocol.Policy("profile " + p.Name + " has no url that " + printable.Value(url) + " could be relative to")
		}
		// All leading slashes: "//evil.test/" must not become an address of its own.
		url = strings.TrimRight(p.URL, "/") + "/" + strings.TrimLeft(url, "/")
	}
	u, reason := origin.ParseURL(url)
	if reason != origin.Release {
		return protocol.Policy("no token for this URL: " + reason.String())
	}
	if path := u.Path(); c.args.Upload && (path == "" || strings.HasSuffix(path, "/")) {
		return &protocol.Error{
			Kind: protocol.ErrMalformed,
			Text: "curl: with --upload-file curl would add the file's name to this URL, and another URL would get the token",
			Hint: "write the name into the URL: ..." + strings.TrimSuffix(printable.Line(path), "/") + "/NAME",
		}
	}
	c.request.URL, c.request.Address = u, url
	c.profile, err = h.Match(ctx, u, c.request.Profile)
	return err
}

// firstSafeCurl is the first version that drops the Authorization header on a redirect
// to another host, port or scheme. Before 7.58 curl did not check the host, before 7.83
// neither port nor scheme (CVE-2018-1000007, CVE-2022-27774).
var firstSafeCurl = [2]int{7, 83}

// checkRedirects refuses --location if curl would send the token to the redirect's
// target.
func (c *curlCall) checkRedirects(ctx context.Context, credential protocol.Credential) error {
	if !c.args.Follow {
		return nil
	}
	if credential.Header != "" && !strings.EqualFold(credential.Header, "Authorization") {
		return curl.Refused("--location", "curl sends the header "+credential.Header+" to whatever host it is redirected to")
	}
	if o, err := origin.Parse(credential.Origin); err != nil || o.Path() != "" {
		return curl.Refused("--location", "the profile's token is for a path of its host, and curl keeps it wherever on that host it is redirected")
	}
	version, err := curlVersion(ctx, c.program, c.environ)
	if err != nil {
		return err
	}
	if version[0] < firstSafeCurl[0] || version[0] == firstSafeCurl[0] && version[1] < firstSafeCurl[1] {
		return curl.Refused("--location", "this curl is older than 7.83 and does not keep the token from other hosts")
	}
	return nil
}

// curlVersion runs curl --version: "curl 7.88.1 (x86_64-...".
func curlVersion(ctx context.Context, program string, environ []string) (v [2]int, err error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "--disable", "--version")
	cmd.Env = environ
	out, err := cmd.Output()
	if err != nil {
		return v, protocol.Policy(program + " --version: " + err.Error())
	}
	fields := bytes.Fields(out)
	if len(fields) > 1 {
		for i, part := range strings.SplitN(string(fields[1]), ".", 3)[:min(2, bytes.Count(fields[1], []byte("."))+1)] {
			for _, digit := range []byte(part) {
				if digit < '0' || digit > '9' || v[i] > 1e6 {
					return v, protocol.Policy(program + " does not say its version")
				}
				v[i] = 10*v[i] + int(digit-'0')
			}
		}
	}
	return v, nil
}

// curlVariables are the environment variables that curl gets. A preloaded library, a
// key log (SSLKEYLOGFILE) and the secrets of other programs are not among them (T7).
var curlVariables = [...]string{
	"HOME", "USER", "LOGNAME", "PATH", "TMPDIR", "TZ", "TERM", "COLUMNS", "LANG", "LC_ALL", "LC_CTYPE", "LC_MESSAGES",
	"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY",
	"SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE",
	"SystemRoot", "USERPROFILE", "TEMP", "TMP",
}

func (s *session) curlEnvironment(h *helper.Helper) []string {
	secrets := s.secretVariables(h)
	var files []string
	for _, name := range curlVariables {
		if value, found := s.lookup(name); found && !slices.Contains(secrets, name) {
			files = append(files, name+"="+value)
		}
	}
	return files
}

// config returns the configuration that curl reads from the descriptor. It follows the
// user's options and overrides them.
func (c *curlCall) config(credential protocol.Credential, dump string) []byte {
	loopback := c.request.URL.Scheme() == "http"
	schemes := "=https"
	if loopback {
		schemes = "=http,https"
	}
	var b bytes.Buffer
	b.WriteString("globoff\nsuppress-connect-headers\n")
	if c.args.TLS13 {
		b.WriteString("tlsv1.3\n") // the last one wins
	} else {
		b.WriteString("tlsv1.2\n")
	}
	curlLine(&b, "proto", schemes)
	curlLine(&b, "proto-redir", schemes)
	curlLine(&b, "url", c.request.Address)
	name, value := "Authorization", credential.Secret.Reveal()
	if credential.Header != "" {
		name = credential.Header
	}
	if credential.Scheme != "" {
		value = credential.Scheme + " " + value
	}
	curlLine(&b, "header", name+": "+value)
	curlLine(&b, "dump-header", dump)
	switch proxy := c.profile.Proxy; {
	case proxy == "none" || isLoopback(c.request.URL):
		curlLine(&b, "noproxy", "*")
	case proxy != "":
		curlLine(&b, "proxy", proxy)
	}
	if c.profile.CAFile != "" {
		// Some builds of curl would use the system's CA directory as well.
		curlLine(&b, "cacert", c.profile.CAFile)
		curlLine(&b, "capath", os.DevNull)
	}
	if !c.args.Output && !c.args.Silent && isTerminal(c.s.stdout) {
		// curl's stderr is a pipe to us, so curl would draw its progress meter over the
		// answer.
		b.WriteString("silent\nshow-error\n")
	}
	return b.Bytes()
}

// curlLine writes one option in the syntax of curl's configuration.
func curlLine(b *bytes.Buffer, name, value string) {
	b.WriteString(name + ` = "`)
	for i := range len(value) {
		if value[i] == '"' || value[i] == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(value[i])
	}
	b.WriteString("\"\n")
}

func isLoopback(u origin.URL) bool {
	o, err := origin.Parse(u.Scheme() + "://" + bracketed(u.Host()))
	return err == nil && o.Loopback()
}

func bracketed(host string) string {
	if strings.Contains(host, ":") && !strings.HasPrefix(host, "[") {
		return "[" + host + "]"
	}
	return host
}
