package protocol

import (
	"errors"
	"strings"

	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/secret"
)

// git's credential helper protocol (git-credential(1), gitcredentials(7); git/git
// credential.c, http.c).
//
//	argv    as configured, then get, store, erase or capability
//	stdin   key=value lines, ended by an empty line or the end of the stream
//	        capability[]=authtype, capability[]=state      git 2.46 and later
//	        protocol=https, host=git.example.com[:port], path=... (useHttpPath), username=...
//	        wwwauth[]=Bearer realm="..."                   git 2.41 and later
//	stdout  git 2.46 and later                             before
//	        capability[]=authtype                          username=oauth2
//	        capability[]=state                             password=TOKEN
//	        authtype=Bearer                                password_expiry_utc=1893456000
//	        credential=TOKEN
//	        ephemeral=1
//	        password_expiry_utc=1893456000
//	        continue=1
//	        state[]=credhelper:MARK
//
// The left form requires that git announced the capability: otherwise git would
// consider the request answered and have nothing to send. Nor is it used if the server
// offers only Basic, as GitLab and others do for tokens.
//
// With continue=1 git asks once more after a 401, within the same command, and returns
// our state[]. The mark in it identifies the refused token: another one is fetched
// unless another process, for example of git fetch --jobs, has already done so. A token
// that has just been fetched is not stale, so it is given without continue=1: a server
// that refuses valid tokens, for lack of permission, does not cause a second request.
// Without continue=1 git calls erase after a 401 and fails.
//
// store saves nothing, because tokens come only from the authorization server. It means
// that the token was accepted, which ends the effects of earlier refusals. erase drops
// the token only if it is the current one and was not fetched a moment ago. Other
// operations, hosts that no profile owns and requests without a host get no output: git
// then asks its next helper, or the user.
//
// password_expiry_utc is the actual expiry: git drops an answer that has expired, so
// subtracting a margin here would make short tokens useless. The cache has already
// applied its own margin.

var git = Dialect{
	Name:   "git",
	Link:   "git-credential-credhelper",
	Title:  "git credential helper",
	Front:  true,
	Stdin:  stdinGit,
	Decode: decodeGit,
	Encode: encodeGit,
	Refuse: refuseGit,
}

// gitByGet is git in a call that only has the word get, which native JSON shares; the
// input distinguishes them. See Settle.
var gitByGet = Dialect{
	Name:   "git",
	Title:  "git credential helper",
	Front:  true,
	Stdin:  stdinGit,
	Decode: func(call Call) (Request, error) { return decodeGitOperation(call, []string{"get"}) },
	Encode: encodeGit,
	Refuse: refuseGit,
}

// The limits of git's own parser (R1): a line with its line break, and the whole
// request.
const (
	gitLineLimit    = 65535
	gitRequestLimit = 1 << 20
)

func stdinGit(args []string) Stdin {
	switch operation(args) {
	case "get", "store", "erase":
		return Stdin{BlankLine, gitRequestLimit}
	}
	return Stdin{}
}

func decodeGit(call Call) (Request, error) { return decodeGitOperation(call, nil) }

// decodeGitOperation decodes the request of the operation in args, which has exactly
// one element.
func decodeGitOperation(call Call, implied []string) (Request, error) {
	r, rest, err := commonFlags(call)
	if err != nil {
		return r, err
	}
	rest = append(implied, rest...)
	if len(rest) != 1 {
		return r, Malformed("usage: get, store, erase or capability, which git adds itself")
	}
	switch rest[0] {
	case "get":
		err = readGitGet(&r, call.Stdin)
	case "erase":
		err = readGitVerdict(&r, call.Stdin, Forget)
	case "store":
		if err = readGitVerdict(&r, call.Stdin, Accepted); err != nil {
			r, err = Request{Verb: Say, Reply: Reply{Quiet: true}}, nil
		}
	case "capability":
		r = Request{Verb: Say, Reply: Reply{Stdout: []byte("version 0\ncapability authtype\ncapability state\n")}}
	default:
		r = Request{Verb: Say, Reply: Reply{Quiet: true}}
	}
	return r, err
}

// The shapes of the answer to get.
const (
	gitPair           = "pair"
	gitPairContinue   = "pair continue"
	gitHeader         = "authtype"
	gitHeaderContinue = "authtype continue"
)

func readGitGet(r *Request, stdin []byte) error {
	var a gitAttributes
	if err := a.read(stdin); err != nil {
		return err
	}
	if a.nowhere() {
		*r = Request{Verb: Say, Reply: Reply{Quiet: true}}
		return nil
	}
	if err := a.locate(r); err != nil {
		return err
	}
	again := a.state && !a.retry
	switch {
	case a.authtype && !a.basicOnly() && again:
		r.Shape = gitHeaderContinue
	case a.authtype && !a.basicOnly():
		r.Shape = gitHeader
	case again:
		r.Shape = gitPairContinue
	default:
		r.Shape = gitPair
	}
	r.Refused.Mark, r.Refused.Current = a.mark, a.retry && a.mark == ""
	return nil
}

// readGitVerdict reads the secret that the server refused (Forget) or accepted
// (Accepted). A request without a secret, or with one that cannot be a token, concerns
// another helper.
func readGitVerdict(r *Request, stdin []byte, verdict Verb) error {
	var a gitAttributes
	if err := a.read(stdin); err != nil {
		return err
	}
	token := a.single[gitCredential]
	if token == "" {
		token = a.single[gitPassword]
	}
	if a.nowhere() || !secret.ValidToken(token, true) {
		*r = Request{Verb: Say, Reply: Reply{Quiet: true}}
		return nil
	}
	if r.Verb = verdict; verdict == Forget {
		r.Refused.Token = secret.New(token)
	} else {
		r.Offered = secret.New(token)
	}
	return a.locate(r)
}

// nowhere reports whether git asks about something on this machine: the passphrase of a
// client certificate's key, protocol=cert, has a path and no host.
func (a *gitAttributes) nowhere() bool {
	return a.single[gitHost] == "" && a.single[gitProtocol] == "cert"
}

// locate sets the URL of the request, field by field (O11).
func (a *gitAttributes) locate(r *Request) error {
	protocol, host := a.single[gitProtocol], a.single[gitHost]
	switch {
	case protocol == "":
		return Malformed("git: the request has no protocol")
	case host == "":
		return Malformed("git: the request has no host")
	}
	u, reason := origin.FromFields(protocol, host, a.single[gitPath])
	if reason != origin.Release {
		return Policy("git: no token for this host: " + reason.String())
	}
	r.URL, r.Username = u, a.single[gitUsername]
	return nil
}

func encodeGit(r Request, c Credential) ([]byte, error) {
	if r.Verb != Get {
		return nil, nil
	}
	if err := authorizationOnly(c, "git"); err != nil {
		return nil, err
	}
	pair := r.Shape == gitPair || r.Shape == gitPairContinue
	if c.Scheme == "" || pair && c.Scheme != "Bearer" {
		return nil, Policy("profile " + c.Profile + ": git cannot send the token of this profile without its scheme")
	}
	again := (r.Shape == gitPairContinue || r.Shape == gitHeaderContinue) && c.Source == "cache"
	b := make([]byte, 0, 256+c.Secret.Len())
	if !pair {
		b = append(b, "capability[]=authtype\n"...)
	}
	if again {
		b = append(b, "capability[]=state\n"...)
	}
	if pair {
		b = appendGit(b, "username", basicUser(c))
		b = appendGit(b, "password", c.Secret.Reveal())
	} else {
		b = appendGit(b, "authtype", c.Scheme)
		b = appendGit(b, "credential", c.Secret.Reveal())
		b = append(b, "ephemeral=1\n"...)
	}
	b = appendGit(b, "password_expiry_utc", itoa(c.Expires))
	if again {
		b = append(b, "continue=1\nstate[]="+gitState+Mark(c.Secret)+"\n"...)
	}
	return bounded(b)
}

func appendGit(b []byte, key, value string) []byte {
	return append(append(append(append(b, key...), '='), value...), '\n')
}

// refuseGit lets git ask its next helper, or the user, unless that would be wrong:
// after quit=1 git stops, with the reason on stderr, and does not ask for a password.
func refuseGit(r Request, err error) Reply {
	var e *Error
	switch {
	case notOurs(err), r.Verb == Accepted:
		return Reply{Quiet: true}
	case r.Verb == Get && errors.As(err, &e) && e.Quit:
		return Reply{Stdout: []byte("quit=1\n"), Exit: 1}
	}
	return Reply{Exit: 1}
}

// gitState is the prefix of our state[]: each helper reads its own.
const gitState = "credhelper:"

// gitAttributes are the attributes of one request.
type gitAttributes struct {
	single [len(gitSingle)]string
	seen   [len(gitSingle)]bool

	authtype, state bool   // announced capabilities
	retry           bool   // our state[] was returned: the first token was refused
	mark            string // of that token, if the state[] has one
	basic, other    bool   // schemes that the server offers in wwwauth[]
}

// gitSingle lists the attributes that may occur only once (R5). With two values, two
// parsers of a request could see two different hosts.
var gitSingle = [...]string{
	gitProtocol:   "protocol",
	gitHost:       "host",
	gitPath:       "path",
	gitUsername:   "username",
	gitPassword:   "password",
	gitCredential: "credential",
	6:             "authtype",
	7:             "ephemeral",
	8:             "password_expiry_utc",
	9:             "oauth_refresh_token",
	10:            "continue",
	11:            "quit",
}

const (
	gitProtocol = iota
	gitHost
	gitPath
	gitUsername
	gitPassword
	gitCredential
)

// read parses the lines up to the empty one (R3, R5). Anything after it is not part of
// the request. If the stream ends within a line, the request is truncated.
func (a *gitAttributes) read(stdin []byte) error {
	if len(stdin) == 0 {
		return Malformed("git: the request is empty")
	}
	rest := string(stdin)
	crlf := false
	for first := true; rest != ""; first = false {
		line, tail, ok := strings.Cut(rest, "\n")
		if !ok {
			return Malformed("git: the last line of the request is cut")
		}
		rest = tail
		if len(line) >= gitLineLimit {
			return Malformed("git: a line of the request is longer than 65535 bytes")
		}
		line, cr := strings.CutSuffix(line, "\r")
		if first {
			crlf = cr
		}
		if cr != crlf {
			return Malformed("git: some lines of the request end with CR LF and some do not")
		}
		if line == "" {
			return nil
		}
		if err := a.line(line); err != nil {
			return err
		}
	}
	return nil
}

func (a *gitAttributes) line(line string) error {
	for i := range len(line) {
		if line[i] < 0x20 || line[i] == 0x7f {
			return Malformed("git: the request holds a control byte")
		}
	}
	key, value, ok := strings.Cut(line, "=")
	if !ok || key == "" {
		return Malformed("git: a line of the request is not key=value")
	}
	for i, name := range gitSingle {
		if key != name {
			continue
		}
		if a.seen[i] {
			return Malformed("git: the request says " + name + " twice")
		}
		a.seen[i], a.single[i] = true, value
		return nil
	}
	return a.repeated(key, value)
}

// repeated handles the attributes that may occur more than once, where an empty value
// clears the list, and ignores unknown ones (R6).
func (a *gitAttributes) repeated(key, value string) error {
	switch key {
	case "capability[]":
		if value == "" {
			a.authtype, a.state = false, false
		}
		a.authtype = a.authtype || value == "authtype"
		a.state = a.state || value == "state"
	case "state[]":
		a.returned(value)
	case "wwwauth[]":
		if value == "" {
			a.basic, a.other = false, false
		}
		a.challenge(value)
	case "url":
		// git credential accepts url from its callers and never passes it on. Callers
		// would see another host in it than we do.
		return Malformed("git: url is not for helpers; send protocol and host")
	}
	return nil
}

// returned records our own state[], with or without a mark.
func (a *gitAttributes) returned(state string) {
	mark, ours := strings.CutPrefix(state, gitState)
	switch {
	case state == "":
		a.retry, a.mark = false, ""
	case ours:
		a.retry, a.mark = true, ""
		if validMark(mark) {
			a.mark = mark
		}
	}
}

// challenge records the schemes of one WWW-Authenticate field (RFC 9110 section
// 11.6.1). They only choose between two forms of the answer (O14).
func (a *gitAttributes) challenge(field string) {
	for part := range strings.SplitSeq(field, ",") {
		scheme, _, _ := strings.Cut(strings.TrimSpace(part), " ")
		switch {
		case scheme == "" || strings.Contains(scheme, "="):
		case strings.EqualFold(scheme, "Basic"):
			a.basic = true
		default:
			a.other = true
		}
	}
}

// basicOnly reports whether the server offers Basic and nothing else.
func (a *gitAttributes) basicOnly() bool { return a.basic && !a.other }
