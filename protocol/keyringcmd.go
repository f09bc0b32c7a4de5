package protocol

import (
	"strings"

	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/strictjson"
)

// Python's keyring command, as pip and uv call it (jaraco/keyring cli.py;
// pypa/pip _internal/network/auth.py; astral-sh/uv crates/uv-auth).
//
//	pip up to 26.1     keyring get SERVICE USER
//	pip 26.2 and later keyring --mode=creds --output=json get SERVICE [USER]
//	uv                 keyring get SERVICE USER
//	                   keyring get SERVICE --mode creds
//
// SERVICE is the index URL at first and, where that got nothing, its host[:port]. The
// answer is the password, a user name line and a password line, or one JSON object. It
// travels as Basic, so the user name is the profile's. Options may stand anywhere,
// joined by '=' or not.
//
// A host without a scheme gets nothing. It is what both ask after an http:// URL was
// refused, and pip sends what it gets to that very URL, in clear.
//
// Found nothing, or failed: exit 1, stdout empty, the reason on stderr. Never
// exit 2: pip takes that, with a word about --mode, for a keyring that is too old.
//
// The executable's name is keyring and shadows the real one, so the link is made
// only where somebody asks for it; credhelper's own verb of that name is another
// thing, which is why the first word is python-keyring.

var keyringCommand = Dialect{
	Name:   "python-keyring",
	Link:   "keyring",
	Title:  "Python's keyring command: pip, uv",
	Bare:   "a host without a scheme is refused",
	Front:  true,
	Decode: decodeKeyring,
	Encode: encodeKeyring,
	Refuse: func(Request, error) Reply { return Reply{Exit: 1} },
}

// The shapes of the answer: what --mode and --output say.
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
				return r, malformed("an option without its value")
			}
			value, args = args[0], args[1:]
		}
		switch name {
		case "--mode":
			mode = value
		case "--output":
			output = value
		default:
			return r, malformed("keyring: unknown option " + printable.Value(name))
		}
	}
	r.Shape = mode + " " + output
	switch r.Shape {
	case keyringPassword, keyringPasswordJSON, keyringCreds, keyringCredsJSON:
	default:
		return r, malformed("keyring: the mode is password or creds, the output plain or json")
	}
	err := keyringWords(&r, words)
	return r, err
}

func keyringWords(r *Request, words []string) error {
	switch {
	case len(words) == 0:
		return malformed("usage: keyring get SERVICE [USER]")
	case words[0] == "set" || words[0] == "del":
		return malformed("keyring: read-only: credhelper keeps the secrets of its own profiles")
	case words[0] != "get":
		return malformed("keyring: unknown operation " + printable.Value(words[0]))
	case len(words) < 2 || len(words) > 3:
		return malformed("usage: keyring get SERVICE [USER]")
	case len(words) < 3 && !strings.HasPrefix(r.Shape, "creds"):
		return malformed("keyring: a password needs a user name: keyring get SERVICE USER")
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
