// Package curl parses the arguments of a curl call that gets a token, and curl's
// output. It knows every option of curl and which of them are allowed together with a
// token. It runs nothing.
package curl

import (
	"strings"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// A rule says what an option may do together with a token. Options that could send the
// token elsewhere, reveal it, weaken TLS, or answer for another request are refused, as
// are options for ftp, mail, ssh and similar protocols.
type rule uint8

const (
	// allow passes the option on.
	allow rule = iota
	// once passes it on, but the request is not repeated after a 401, because the
	// option would act differently the second time (append, resume, choose another file
	// name).
	once
	// headers passes it on if its value cannot forge a header line.
	headers
	// body passes it on; the request is not repeated if the body comes from stdin or
	// from another pipe, which can be read only once.
	body
	// method passes it on if it is an HTTP method.
	method
	// header passes it on if it is not a header that the helper writes.
	header
	// target is the URL.
	target
	// dump is --dump-header: the helper uses that option itself, and copies the
	// headers.
	dump
	// verbose passes it on, and filters its output through the redactor.
	verbose
	// given is ignored: the helper sets it anyway.
	given
	// refuse refuses it; the row says why.
	refuse
)

// option is one option of curl.
type option struct {
	name  string // without dashes
	short byte   // 0 if there is none
	value bool   // takes a value
	rule  rule   // what happens to it
	why   string // for refuse
}

// The reasons for refusing options.
const (
	whyToken   = "credhelper itself signs the request"
	whyRoute   = "it could send the token to another machine"
	whyProxy   = "the proxy comes from the profile (proxy = ...) or the environment"
	whyTLS     = "the CA comes from the profile (ca_file = ...), and TLS is not weakened"
	whyShow    = "it could show the token"
	whyOne     = "one request with one URL is signed"
	whyConfig  = "a configuration file could hold any option"
	whyNotHTTP = "it is not about HTTP"
	whyProto   = "credhelper allows the origin's scheme only"
	whyMisc    = "it has no use beside a token"
)

// findOption finds the row of an option by its exact name.
func findOption(name string) (option, bool) {
	for _, o := range options {
		if o.name == name {
			return o, true
		}
	}
	return option{}, false
}

func findLetter(letter byte) (option, bool) {
	for _, o := range options {
		if o.short == letter {
			return o, true
		}
	}
	return option{}, false
}

// Args are the parsed arguments of one curl call.
type Args struct {
	Pass    []string // options for curl
	URL     string   // the one URL, as written
	Dump    string   // file for the response headers; "" if not wanted
	Repeat  bool     // whether the request can be repeated
	Verbose bool
	Follow  bool // --location
	Output  bool // the body goes to a file
	Silent  bool
	Upload  bool // of a file, whose name curl appends to a URL that lacks one
	TLS13   bool // require TLS 1.3
	Stdin   bool // curl reads its stdin
}

// Read parses curl's arguments by the table. It refuses abbreviations, because a newer
// curl could read one as an option that the table does not have.
func Read(args []string) (Args, error) {
	c := Args{Repeat: true}
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			for _, url := range args {
				if err := c.setURL(url); err != nil {
					return c, err
				}
			}
			args = nil
		case strings.HasPrefix(arg, "--"):
			used, err := c.long(arg[2:], args)
			if err != nil {
				return c, err
			}
			args = args[used:]
		case len(arg) > 1 && arg[0] == '-':
			used, err := c.cluster(arg[1:], args)
			if err != nil {
				return c, err
			}
			args = args[used:]
		default:
			if err := c.setURL(arg); err != nil {
				return c, err
			}
		}
	}
	if c.URL == "" {
		return c, Usage("which URL?")
	}
	return c, nil
}

func (c *Args) setURL(url string) error {
	if url == "" {
		return Usage("an empty URL")
	}
	if c.URL != "" {
		return Usage("two URLs; " + whyOne)
	}
	c.URL = url
	return nil
}

// long parses one long option and returns how many elements of rest were its value.
func (c *Args) long(name string, rest []string) (used int, err error) {
	if base, no := strings.CutPrefix(name, "no-"); no {
		if _, own := findOption(name); !own {
			return 0, c.negated(base)
		}
	}
	o, known := findOption(name)
	if !known {
		return 0, unknown("--" + name)
	}
	if !o.value {
		return 0, c.take(o, "")
	}
	if len(rest) == 0 {
		return 0, Usage("curl's --" + o.name + " needs a value")
	}
	return 1, c.take(o, rest[0])
}

// negated parses --no-NAME, which switches off an option without a value.
func (c *Args) negated(name string) error {
	o, known := findOption(name)
	if !known || o.value {
		return unknown("--no-" + name)
	}
	switch o.rule {
	case allow, once:
		c.Pass = append(c.Pass, "--no-"+name)
		return nil
	}
	return Refused("--no-"+name, "credhelper decides about --"+name)
}

// cluster parses combined short options, such as -sSo FILE or -XPOST.
func (c *Args) cluster(letters string, rest []string) (used int, err error) {
	for i := range len(letters) {
		o, known := findLetter(letters[i])
		if !known {
			return 0, unknown("-" + letters[i:i+1])
		}
		if !o.value {
			if err := c.take(o, ""); err != nil {
				return 0, err
			}
			continue
		}
		if joined := letters[i+1:]; joined != "" {
			return 0, c.take(o, joined)
		}
		if len(rest) == 0 {
			return 0, Usage("curl's -" + letters[i:i+1] + " needs a value")
		}
		return 1, c.take(o, rest[0])
	}
	return 0, nil
}

// take handles one option by its rule.
func (c *Args) take(o option, value string) error {
	switch o.rule {
	case refuse:
		return Refused("--"+o.name, o.why)
	case given:
		return nil
	case target:
		return c.setURL(value)
	case dump:
		c.Dump = value
		return nil
	case verbose:
		c.Verbose = true
	case once:
		c.Repeat = false
	case body:
		c.Repeat = c.Repeat && !readOnce(value)
		c.Stdin = c.Stdin || fromStdin(value)
	case method:
		if strings.Trim(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_") != "" || value == "" {
			return Refused("--"+o.name, "that is not an HTTP method")
		}
	case headers:
		if !oneHeaderLine(value) {
			return Refused("--"+o.name, "its value has control characters")
		}
		c.Repeat = c.Repeat && value != "-" // cookies from stdin
		c.Stdin = c.Stdin || value == "-"
	case header:
		if err := checkHeader(value); err != nil {
			return err
		}
	}
	c.note(o.name, value)
	c.Pass = append(c.Pass, "--"+o.name)
	if o.value {
		c.Pass = append(c.Pass, value)
	}
	return nil
}

// note records options that change how the helper runs curl.
func (c *Args) note(name, value string) {
	switch name {
	case "upload-file":
		c.Upload = value != "-" && value != "." // those mean stdin
	case "tlsv1.3":
		c.TLS13 = true
	case "location":
		c.Follow = true
	case "output", "remote-name", "remote-name-all":
		c.Output = true
	case "silent", "progress-bar":
		c.Silent = true
	}
}

// readOnce reports whether a body comes from stdin or could come from another stream:
// curl accepts "-", "@-", "name@-", "part=@-;type=...", "part=<-".
func readOnce(value string) bool {
	if fromStdin(value) {
		return true
	}
	for _, stream := range [...]string{"@/dev/", "</dev/", "@/proc/", "</proc/"} {
		if strings.Contains(value, stream) {
			return true
		}
	}
	return strings.HasPrefix(value, "/dev/") || strings.HasPrefix(value, "/proc/")
}

// fromStdin reports whether a body comes from curl's stdin.
func fromStdin(value string) bool {
	return value == "-" || value == "." || strings.Contains(value, "@-") || strings.Contains(value, "<-")
}

// oneHeaderLine reports whether a value has no line break.
func oneHeaderLine(value string) bool {
	for i := range len(value) {
		if value[i] < 0x20 && value[i] != '\t' || value[i] == 0x7f {
			return false
		}
	}
	return true
}

// checkHeader accepts any header that neither authorizes the request nor names its
// host.
func checkHeader(value string) error {
	const flag = "--header"
	if !oneHeaderLine(value) {
		return Refused(flag, "its value has control characters")
	}
	if strings.HasPrefix(value, "@") {
		return Refused(flag, "headers from a file are not looked through; write them out")
	}
	name := value
	if i := strings.IndexAny(value, ":;"); i >= 0 {
		name = value[:i]
	}
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "authorization":
		return Refused(flag, whyToken)
	case "host":
		return Refused(flag, whyRoute)
	case "":
		return Refused(flag, "it has no name")
	}
	return nil
}

// wayOut is the hint for everything that the table refuses.
const wayOut = "another way: credhelper header --format curl-config URL | curl --disable --config - ..."

// Usage returns the error for a call that curl itself would not understand.
func Usage(text string) error {
	return &protocol.Error{Kind: protocol.ErrMalformed, Text: "curl: " + text, Hint: "usage: credhelper curl [NAME] -- [CURL'S OPTIONS] URL"}
}

func unknown(name string) error {
	return &protocol.Error{
		Kind: protocol.ErrMalformed,
		Text: "curl: option " + printable.Value(name) + " is not in credhelper's table of curl's options",
		Hint: wayOut,
	}
}

// Refused returns the error for an option that is not allowed together with a token,
// with the reason.
func Refused(name, why string) error {
	return &protocol.Error{
		Kind: protocol.ErrMalformed,
		Text: "curl: option " + name + " is refused: " + why,
		Hint: wayOut,
	}
}
