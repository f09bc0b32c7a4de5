package protocol

import (
	"strings"

	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
	"github.com/credhelper/credhelper/protocol/strictjson"
)

// The plain outputs, for people, scripts and tools that run a command and read a token
// or a header from its stdout (rclone, Codex, HTTPie, mail programs, MCP clients ...):
//
//	credhelper token  NAME|URL                    the token and a line break
//	credhelper header NAME|URL [--format FORMAT]  Authorization: Bearer ...
//
// An argument with "://" is a URL, otherwise a profile's name. stdin is not read. On
// failure stdout is empty and the exit code tells the reason.

var token = Dialect{
	Name:   "token",
	Title:  "the bare token",
	Front:  true,
	Decode: decodeToken,
	Encode: encodePlain,
	Refuse: ownRefusal,
}

var header = Dialect{
	Name:   "header",
	Title:  "the header, as a line, JSON, curl configuration, environment or netrc",
	Front:  true,
	Decode: decodeHeader,
	Encode: encodePlain,
	Refuse: ownRefusal,
}

// formats are the shapes of the plain outputs.
var formats = [...]struct {
	name   string
	append func([]byte, Request, Credential) ([]byte, error)
}{
	{"token", func(b []byte, _ Request, c Credential) ([]byte, error) {
		return append(append(b, c.Secret.Reveal()...), '\n'), nil
	}},
	{"header", func(b []byte, _ Request, c Credential) ([]byte, error) {
		return append(append(b, headerName(c)+": "+headerValue(c)...), '\n'), nil
	}},
	{"headers-json", func(b []byte, _ Request, c Credential) ([]byte, error) {
		b = strictjson.AppendString(append(b, '{'), headerName(c))
		b = strictjson.AppendString(append(b, ':'), headerValue(c))
		return append(b, "}\n"...), nil
	}},
	{"curl-config", appendCurlConfig},
	{"env", func(b []byte, _ Request, c Credential) ([]byte, error) {
		return appendShell(b, "export BEARER_TOKEN='", c, "'\n")
	}},
	{"env-fish", func(b []byte, _ Request, c Credential) ([]byte, error) {
		return appendShell(b, "set -gx BEARER_TOKEN '", c, "'\n")
	}},
	{"env-powershell", func(b []byte, _ Request, c Credential) ([]byte, error) {
		return appendShell(b, "$env:BEARER_TOKEN = '", c, "'\n")
	}},
	{"netrc", appendNetrc},
	{"git-include", appendGitInclude},
	{"json", appendNative},
}

func decodeToken(call Call) (Request, error)  { return decodePlain(call, "token") }
func decodeHeader(call Call) (Request, error) { return decodePlain(call, "header") }

func decodePlain(call Call, format string) (Request, error) {
	f, err := parseFlags(call.Args)
	if err != nil {
		return Request{}, err
	}
	if f.format == "" {
		f.format = format
	}
	if f.json {
		f.format = "json"
	}
	if !knownFormat(f.format) {
		return Request{}, Malformed("--format: unknown format " + printable.Value(f.format) + "; there are " + formatNames())
	}
	r, err := f.request(call)
	if err != nil {
		return r, err
	}
	r.Shape = f.format
	err = nameOrURL(&r, f.args)
	return r, err
}

func formatNames() string {
	names := formats[0].name
	for _, f := range formats[1:] {
		names += ", " + f.name
	}
	return names
}

func knownFormat(name string) bool {
	for _, f := range formats {
		if f.name == name {
			return true
		}
	}
	return false
}

// nameOrURL parses the argument that names a profile or a URL.
func nameOrURL(r *Request, args []string) error {
	switch {
	case len(args) > 1:
		return Malformed("one profile or URL, not " + itoa(int64(len(args))))
	case len(args) == 0 && r.Profile == "":
		return Malformed("which profile or URL?")
	case len(args) == 0:
		return nil
	}
	arg := args[0]
	if !strings.Contains(arg, "://") {
		if !ValidProfile(arg) {
			return Malformed("not a profile's name: " + printable.Value(arg))
		}
		if r.Profile != "" && r.Profile != arg {
			return Malformed("two profiles named: " + r.Profile + " and " + arg)
		}
		r.Profile = arg
		return nil
	}
	return setURL(r, arg)
}

// setURL parses the address that a tool requests a token for.
func setURL(r *Request, address string) error {
	u, reason := origin.ParseURL(address)
	if reason != origin.Release {
		return Policy("no token for this URL: " + reason.String())
	}
	r.URL, r.Address = u, address
	return nil
}

func encodePlain(r Request, c Credential) ([]byte, error) {
	if err := check(c); err != nil {
		return nil, err
	}
	for _, f := range formats {
		if f.name == r.Shape {
			b, err := f.append(make([]byte, 0, 256+c.Secret.Len()), r, c)
			if err != nil {
				return nil, err
			}
			return bounded(b)
		}
	}
	return nil, Malformed("unknown format")
}

// appendCurlConfig writes the header, and the URL if there is one, so that token and
// host stay together: curl -K - sends a header to every URL on its command line. The
// escapes are those of curl's configuration file.
func appendCurlConfig(b []byte, r Request, c Credential) ([]byte, error) {
	b = appendCurlOption(b, "header", headerName(c)+": "+headerValue(c))
	if r.Address != "" {
		b = appendCurlOption(b, "url", r.Address)
	}
	return b, nil
}

func appendCurlOption(b []byte, name, value string) []byte {
	b = append(append(b, name...), ` = "`...)
	for i := range len(value) {
		if value[i] == '"' || value[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, value[i])
	}
	return append(b, "\"\n"...)
}

// appendShell quotes the token in single quotes, in which none of the three shells
// expands anything. A token that contains a single quote is refused.
func appendShell(b []byte, before string, c Credential, after string) ([]byte, error) {
	t := c.Secret.Reveal()
	if strings.ContainsRune(t, '\'') || strings.ContainsRune(t, '\\') {
		return nil, Policy("the token holds a quote; no shell line can carry it")
	}
	return append(append(append(b, before...), t...), after...), nil
}

// appendNetrc writes one entry for the host. netrc is for Basic, so it needs the
// profile's user name; it has no ports (docs/dialects/plain.md).
func appendNetrc(b []byte, r Request, c Credential) ([]byte, error) {
	host := r.URL.Host()
	if host == "" {
		o, err := origin.Parse(c.Origin)
		if err != nil || o.Host() == "" {
			return nil, Policy("netrc needs a host: name a URL instead of the profile")
		}
		host = o.Host()
	}
	user := basicUser(c)
	if strings.ContainsAny(user, " \"\\#") {
		return nil, Policy("netrc cannot carry this user name")
	}
	return append(b, "machine "+host+" login "+user+" password "+c.Secret.Reveal()+"\n"...), nil
}

// basicUser returns the user name for tools that only know Basic: the profile's, else
// the most common convention.
func basicUser(c Credential) string {
	if c.Username != "" {
		return c.Username
	}
	return "oauth2"
}

// reject reports that a token was refused: the token on stdin, the profile as argument.
// It is dropped only if it is the current one. With --current this is the current
// token, for tools that do not show theirs, and stdin is not read.
var reject = Dialect{
	Name:   "reject",
	Title:  "report a refused token",
	Stdin:  stdinReject,
	Decode: decodeReject,
	Encode: func(Request, Credential) ([]byte, error) { return nil, nil },
	Refuse: ownRefusal,
}

// cutCurrent removes --current from the arguments.
func cutCurrent(args []string) (rest []string, current bool) {
	for i, arg := range args {
		if arg == "--" {
			return append(rest, args[i:]...), current
		}
		if arg == "--current" {
			current = true
		} else {
			rest = append(rest, arg)
		}
	}
	return rest, current
}

func stdinReject(args []string) Stdin {
	if _, current := cutCurrent(args); current {
		return Stdin{}
	}
	return Stdin{EOF, 64 << 10}
}

func decodeReject(call Call) (Request, error) {
	args, current := cutCurrent(call.Args)
	call.Args = args
	r, rest, err := commonFlags(call)
	if err != nil {
		return r, err
	}
	if err := nameOrURL(&r, rest); err != nil {
		return r, err
	}
	if r.Verb = Forget; current {
		r.Refused.Current = true
		return r, nil
	}
	token := strings.TrimRight(string(call.Stdin), "\r\n")
	token = strings.TrimPrefix(token, "Bearer ")
	if !secret.ValidToken(token, true) {
		return Request{}, &Error{Kind: ErrMalformed, Text: "stdin holds no token; pipe the refused token into this command",
			Hint: "if you do not have it: credhelper reject NAME --current"}
	}
	r.Refused.Token = secret.New(token)
	return r, nil
}
