package protocol

import (
	"errors"
	"strings"

	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/secret"
)

// git's credential helper protocol (git-credential(1), gitcredentials(7);
// git/git credential.c, http.c).
//
//	argv    what the configuration says, then get, store, erase or capability
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
// The left form needs the announced capability: without it git would take the
// request for answered and have nothing to send. It is also not used where the
// server only offers Basic, which is how GitLab and its like take tokens.
//
// continue=1 makes git ask once more after a 401, within the same command, with
// our state[] handed back. The mark in it says which token was refused: it is
// fetched anew unless another command, of git fetch --jobs for one, has done so
// already. A token that came from the server just now is not stale, so it goes out
// without continue=1: a server that refuses good tokens, for lack of rights, costs
// no second one. Without it git calls erase after a 401 and fails.
//
// store keeps nothing: tokens come from where they are made. It says that the token
// was taken, which ends what refusals of it began. erase drops the token only if it
// is the current one, and not one that was fetched a moment ago. Whatever else git may
// ask is answered with silence, and so is every host that no profile owns, and what has
// no host: git then asks its next helper, or the user.
//
// password_expiry_utc is the true end: git drops an answer whose time has
// passed, so a margin taken off here would make short tokens useless. The
// cache's own margin has been applied before.

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

// gitByGet is git where only the word get was said, which is native JSON's too,
// and the bytes of the request told them apart. See Settle.
var gitByGet = Dialect{
	Name:   "git",
	Title:  "git credential helper",
	Front:  true,
	Stdin:  stdinGit,
	Decode: func(call Call) (Request, error) { return decodeGitOperation(call, []string{"get"}) },
	Encode: encodeGit,
	Refuse: refuseGit,
}

// The limits of git's own reader (R1): the line with its end, the whole request.
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

// decodeGitOperation reads a request; said is what was among no arguments.
func decodeGitOperation(call Call, said []string) (Request, error) {
	r, rest, err := commonFlags(call)
	if err != nil {
		return r, err
	}
	rest = append(said, rest...)
	if len(rest) != 1 {
		return r, malformed("usage: get, store, erase or capability, which git adds itself")
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

// readGitVerdict names the secret that the server refused (Forget) or took
// (Accepted). A request without one, or with one that cannot be a token, is about
// another helper's.
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

// nowhere reports whether git asks about a thing of this machine: the passphrase of a
// client certificate's key, protocol=cert, has a path and no host.
func (a *gitAttributes) nowhere() bool {
	return a.single[gitHost] == "" && a.single[gitProtocol] == "cert"
}

// locate takes the place that the request is about, field by field (O11).
func (a *gitAttributes) locate(r *Request) error {
	protocol, host := a.single[gitProtocol], a.single[gitHost]
	switch {
	case protocol == "":
		return malformed("git: the request has no protocol")
	case host == "":
		return malformed("git: the request has no host")
	}
	u, reason := origin.FromFields(protocol, host, a.single[gitPath])
	if reason != origin.Release {
		return policy("git: no token for this host: " + reason.String())
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
		return nil, policy("profile " + c.Profile + ": git cannot send the token of this profile without its scheme")
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
// after quit=1 it stops with what stands on stderr, and no window asks for a password
// that does not exist.
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

// gitState begins what this helper says in state[]: each helper reads its own.
const gitState = "credhelper:"

// gitAttributes are the attributes of one request.
type gitAttributes struct {
	single [len(gitSingle)]string
	seen   [len(gitSingle)]bool

	authtype, state bool   // announced capabilities
	retry           bool   // our state[] came back: the first token was refused
	mark            string // of that token, if the state[] holds one
	basic, other    bool   // schemes that the server offers in wwwauth[]
}

// gitSingle are the attributes that may come once (R5). Two values of one would
// let two readers of a request see two hosts in it.
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

// read reads the lines up to the empty one (R3, R5). What follows that is not
// part of the request. A stream that ends within a line is a cut request.
func (a *gitAttributes) read(stdin []byte) error {
	if len(stdin) == 0 {
		return malformed("git: the request is empty")
	}
	rest := string(stdin)
	crlf := false
	for first := true; rest != ""; first = false {
		line, tail, ok := strings.Cut(rest, "\n")
		if !ok {
			return malformed("git: the last line of the request is cut")
		}
		rest = tail
		if len(line) >= gitLineLimit {
			return malformed("git: a line of the request is longer than 65535 bytes")
		}
		line, cr := strings.CutSuffix(line, "\r")
		if first {
			crlf = cr
		}
		if cr != crlf {
			return malformed("git: some lines of the request end with CR LF and some do not")
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
			return malformed("git: the request holds a control byte")
		}
	}
	key, value, ok := strings.Cut(line, "=")
	if !ok || key == "" {
		return malformed("git: a line of the request is not key=value")
	}
	for i, name := range gitSingle {
		if key != name {
			continue
		}
		if a.seen[i] {
			return malformed("git: the request says " + name + " twice")
		}
		a.seen[i], a.single[i] = true, value
		return nil
	}
	return a.repeated(key, value)
}

// repeated reads the attributes that repeat, whose empty value begins them anew,
// and ignores the unknown (R6).
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
		// git credential takes it from its callers and never hands it on. It would
		// override the host in their eyes and not in ours.
		return malformed("git: url is not for helpers; send protocol and host")
	}
	return nil
}

// returned notes our own state[], with or without a mark.
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

// challenge notes the schemes of one WWW-Authenticate field (RFC 9110 section
// 11.6.1). They choose between two forms of one answer and nothing else (O14).
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
