package protocol

import (
	"strings"

	"github.com/credhelper/credhelper/protocol/origin"
)

// GOAUTH: the go command's hook for module proxies and go-get lookups (go help goauth;
// Go 1.24 and later; cmd/go/internal/auth).
//
//	argv    the words of GOAUTH; after a 4xx the URL is added as the last one
//	stdin   null, or with the URL the head of the refused response
//	stdout  sets of: URL prefixes, one a line; an empty line; header lines; an empty line
//
// The last empty line is part of the format: without it, or with CR LF line breaks, the
// go command ignores everything. It reports failures only with -x, and continues
// without a credential.
//
// The first call names no URL. It gets nothing, unless a profile is named: then it gets
// one set with all origins of that profile, and a later call with a URL means that the
// token was refused, if the response was a 401. stdin is read to its end, so that the
// writer does not fail. Nothing in it but the status is used, because a server's text
// must not decide anything (O14).

var goauth = Dialect{
	Name:   "goauth",
	Link:   "credhelper-goauth",
	Title:  "GOAUTH command: the go command",
	Front:  true,
	Stdin:  stdinGoauth,
	Decode: decodeGoauth,
	Encode: encodeGoauth,
	Refuse: refuseGoauth,
}

// stdinGoauth drains stdin if there is a URL; otherwise stdin is null.
func stdinGoauth(args []string) Stdin {
	if len(args) > 0 && strings.Contains(args[len(args)-1], "://") {
		return Stdin{Drain, 1 << 20}
	}
	return Stdin{}
}

func decodeGoauth(call Call) (Request, error) {
	r, rest, err := commonFlags(call)
	if err != nil {
		return r, err
	}
	switch {
	case len(rest) > 1:
		return r, Malformed("goauth takes one URL, which the go command adds itself")
	case len(rest) == 0 && r.Profile == "":
		return Request{Verb: Say, Reply: Reply{Quiet: true}}, nil
	case len(rest) == 0:
		return r, nil
	}
	if !strings.HasPrefix(rest[0], "https://") {
		return r, Malformed("not an https URL: name a profile with --profile; the go command adds the URL itself")
	}
	if r.Profile != "" && unauthorized(string(call.Stdin)) {
		r.Refused.Current, r.Refused.Guessed = true, true
	}
	err = setURL(&r, rest[0])
	return r, err
}

// unauthorized reports whether the head of a response begins with a 401.
func unauthorized(head string) bool {
	version, rest, _ := strings.Cut(head, " ")
	return strings.HasPrefix(version, "HTTP/") && (strings.HasPrefix(rest, "401 ") || strings.HasPrefix(rest, "401\r") || strings.HasPrefix(rest, "401\n"))
}

// encodeGoauth writes one set. The go command compares prefixes with its URL byte by
// byte, so the host is repeated as it was requested.
func encodeGoauth(r Request, c Credential) ([]byte, error) {
	if err := check(c); err != nil {
		return nil, err
	}
	b := make([]byte, 0, 256+c.Secret.Len())
	if r.Address != "" {
		o, err := origin.Parse(c.Origin)
		if err != nil {
			return nil, Policy("profile " + c.Profile + ": origin: " + err.Error())
		}
		b = append(append(b, writtenHost(r.Address)...), o.Path()...)
		b = append(b, '\n')
	} else if b = appendPlaces(b, c); len(b) == 0 {
		return nil, nil
	}
	b = append(append(append(b, '\n'), headerName(c)...), ": "...)
	return bounded(append(append(b, headerValue(c)...), "\n\n"...))
}

// writtenHost returns the URL up to its path.
func writtenHost(address string) string {
	const scheme = len("https://")
	if end := strings.IndexAny(address[scheme:], "/?"); end >= 0 {
		return address[:scheme+end]
	}
	return address
}

// appendPlaces writes the profile's origins. A wildcard is not a prefix, and the go
// command asks only for https.
func appendPlaces(b []byte, c Credential) []byte {
	for _, s := range c.allOrigins() {
		o, err := origin.Parse(s)
		if err != nil {
			continue
		}
		if _, wildcard := o.Wildcard(); wildcard || !strings.HasPrefix(o.String(), "https://") {
			continue
		}
		b = append(append(b, o.String()...), '\n')
	}
	return b
}

func refuseGoauth(_ Request, err error) Reply {
	if notOurs(err) {
		return Reply{Quiet: true}
	}
	return Reply{Exit: 1}
}
