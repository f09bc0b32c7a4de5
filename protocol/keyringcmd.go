package protocol

import (
	"strings"

	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/strictjson"
)

// Python's keyring command, as pip and uv call it (jaraco/keyring cli.py; pypa/pip
// _internal/network/auth.py; astral-sh/uv crates/uv-auth).
//
//	pip up to 26.1     keyring get SERVICE USER
//	pip 26.2 and later keyring --mode=creds --output=json get SERVICE [USER]
//	uv                 keyring get SERVICE USER
//	                   keyring get SERVICE --mode creds
//
// SERVICE is first the index URL and then, if there was no answer, its host[:port]. The
// answer is the password, or a user name line and a password line, or one JSON object.
// It is sent as Basic, with the profile's user name. Options may be anywhere, with or
// without '='.
//
// A host without a scheme gets no token: both tools ask for it after an http:// URL was
// refused, and pip sends the answer to that very URL, in clear.
//
// Not found and failed are exit 1, with an empty stdout and the reason on stderr. They
// are never exit 2, with which an old keyring rejects --mode, and which pip reports as
// such.
//
// The executable's name, keyring, shadows the real command, so the link is made only on
// request. The first word is python-keyring, because credhelper's own command keyring
// is something else.

var keyringCommand = Dialect{
	Name:   "python-keyring",
	Link:   "keyring",
	Title:  "Python's keyring command: pip, uv",
	Front:  true,
	Decode: decodeKeyring,
	Encode: encodeKeyring,
	Refuse: func(Request, error) Reply { return Reply{Exit: 1} },
}

// The shapes of the answer, chosen by --mode and --output.
const (
	keyringPassword     = "password plain"
	keyringPasswordJSON = "password json"
	keyringCreds        = "creds plain"
	keyringCredsJSON    = "creds json"
)

func decodeKeyring(call Call) (Request, error) {
	r := Request{Verb: Get, Profile: call.Profile}
	mode, output := "password", "plain"
	var words []string
	for args := call.Args; len(args) > 0; {
		arg := args[0]
		args = args[1:]
		if len(arg) < 2 || arg[0] != '-' {
			words = append(words, arg)
			continue
		}
		name, value, joined := strings.Cut(arg, "=")
		if !joined {
			if len(args) == 0 {
				return r, Malformed("an option without its value")
			}
			value, args = args[0], args[1:]
		}
		switch name {
		case "--mode":
			mode = value
		case "--output":
			output = value
		default:
			return r, Malformed("keyring: unknown option " + printable.Value(name))
		}
	}
	r.Shape = mode + " " + output
	switch r.Shape {
	case keyringPassword, keyringPasswordJSON, keyringCreds, keyringCredsJSON:
	default:
		return r, Malformed("keyring: the mode is password or creds, the output plain or json")
	}
	err := keyringWords(&r, words)
	return r, err
}

func keyringWords(r *Request, words []string) error {
	switch {
	case len(words) == 0:
		return Malformed("usage: keyring get SERVICE [USER]")
	case words[0] == "set" || words[0] == "del":
		return Malformed("keyring: read-only: credhelper keeps the secrets of its own profiles")
	case words[0] != "get":
		return Malformed("keyring: unknown operation " + printable.Value(words[0]))
	case len(words) < 2 || len(words) > 3:
		return Malformed("usage: keyring get SERVICE [USER]")
	case len(words) < 3 && !strings.HasPrefix(r.Shape, "creds"):
		return Malformed("keyring: a password needs a user name: keyring get SERVICE USER")
	}
	if len(words) == 3 {
		r.Username = words[2]
	}
	if !strings.Contains(words[1], "://") {
		return &Error{
			Kind: ErrPolicy,
			Text: "keyring: a service that names no scheme gets no token, which could go out in clear: " + printable.Value(words[1]),
			Hint: "give pip or uv the index by its https:// URL",
		}
	}
	return setURL(r, words[1])
}

func encodeKeyring(r Request, c Credential) ([]byte, error) {
	if err := bearerOnly(c, "pip"); err != nil {
		return nil, err
	}
	user, password := basicUser(c), c.Secret.Reveal()
	b := make([]byte, 0, 64+len(user)+len(password))
	switch r.Shape {
	case keyringPassword:
		b = append(b, password...)
	case keyringPasswordJSON:
		b = append(strictjson.AppendString(append(b, `{"password":`...), password), '}')
	case keyringCreds:
		b = append(append(append(b, user...), '\n'), password...)
	case keyringCredsJSON:
		b = strictjson.AppendString(append(b, `{"username":`...), user)
		b = append(strictjson.AppendString(append(b, `,"password":`...), password), '}')
	}
	return bounded(append(b, '\n'))
}
