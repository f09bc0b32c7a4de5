package config

import (
	"errors"
	"net/url"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"

	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/printable"
)

// People may write the host of an origin or endpoint in their own script. It is
// converted here, once, when the profile is loaded, by IDNA 2008 without mapping (O13):
// a capital, a full-width letter or a soft hyphen is refused, not converted. All other
// code only sees punycode.

// parseOrigin parses an origin in a profile; the text says what is wrong. The scheme is
// required, because it is part of where a token goes.
func parseOrigin(s string) (origin.Origin, string) {
	ascii, problem := asciiHost(s)
	if problem != "" {
		return origin.Origin{}, problem
	}
	o, err := origin.Parse(ascii)
	if refused := new(origin.Error); errors.As(err, &refused) && refused.Reason == origin.PlainHTTP {
		return origin.Origin{}, "is plain http, which is allowed to this machine only: write https"
	}
	if err != nil {
		return origin.Origin{}, err.Error()
	}
	// Whoever registers a name below a public suffix would get the token (O8).
	if parent, wild := o.Wildcard(); wild {
		if suffix, _ := publicsuffix.PublicSuffix(parent); suffix == parent {
			return origin.Origin{}, "a wildcard does not cover a public suffix: anybody can register a name below " + printable.Value(parent)
		}
	}
	if !strings.Contains(s, "://") {
		return origin.Origin{}, "is written with its scheme: \"" + printable.Value(o.String()) + "\""
	}
	return o, ""
}

// parseBase parses the address of a system: an origin without a wildcard, whose path is
// kept without a trailing slash.
func parseBase(s string) (string, string) {
	o, problem := parseOrigin(s)
	if problem != "" {
		return "", problem
	}
	if _, wild := o.Wildcard(); wild {
		return "", "is one address, without a wildcard"
	}
	return o.String(), ""
}

// parseIssuer parses an issuer, which has no query.
func parseIssuer(s string) (string, string) {
	if problem := oauth.BadIssuer(s); strings.Contains(s, "?") {
		return "", problem
	}
	return parseEndpoint(s)
}

// parseEndpoint parses an address that secrets are sent to (A2, A4).
func parseEndpoint(s string) (string, string) {
	ascii, problem := asciiHost(s)
	if problem != "" {
		return "", problem
	}
	if problem := oauth.BadEndpoint(ascii); problem != "" {
		return "", problem
	}
	if _, r := origin.ParseURL(ascii); r != origin.Release {
		return "", r.String()
	}
	return ascii, ""
}

// parseProxy parses the address of a proxy. A password in it would be a secret in a
// profile; the environment's address may have one.
func parseProxy(s string) string {
	u, err := url.Parse(s)
	switch {
	case s == "" || s == "none":
		return ""
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "socks5":
		return `is "none" or an address such as http://proxy.example:3128`
	case u.User != nil:
		return "has no user and password here; give those by HTTPS_PROXY in the environment"
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return "has no path, query or fragment"
	}
	return ""
}

// asciiHost converts the host in an address to punycode; the caller checks the rest.
func asciiHost(s string) (string, string) {
	start := 0
	if i := strings.Index(s, "://"); i >= 0 {
		start = i + 3
	}
	end := len(s)
	if i := strings.IndexAny(s[start:], "/?#\\"); i >= 0 {
		end = start + i
	}
	host, port, wild := s[start:end], "", ""
	if strings.HasPrefix(host, "[") {
		return s, ""
	}
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		host, port = host[:i], host[i:]
	}
	if rest, found := strings.CutPrefix(host, "*."); found {
		host, wild = rest, "*."
	}
	if isASCII(host) && !strings.Contains(strings.ToLower(host), "xn--") {
		return s, ""
	}
	ascii, err := idna.Registration.ToASCII(host)
	if err != nil {
		return "", "the host is no internationalized name in its one canonical spelling (IDNA 2008): lower case, composed, no look-alike forms"
	}
	return s[:start] + wild + ascii + port + s[end:], ""
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// hostOf returns the host and port of a valid address.
func hostOf(address string) string {
	if _, rest, found := strings.Cut(address, "://"); found {
		address = rest
	}
	host, _, _ := strings.Cut(address, "/")
	return host
}
