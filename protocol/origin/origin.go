// Package origin holds the rules that decide whether a token may be released for a URL
// (O1 to O12 of docs/security.md).
//
// A profile lists its origins: a host, with an optional scheme, port and path prefix,
// or a wildcard as the first label:
//
//	git.example.com
//	https://api.example.com:8443
//	https://src.example.com/alpha/
//	https://*.cdn.example.com
//	http://127.0.0.1:8080
//
// A tool asks for a URL, or for its parts in separate fields. Both are parsed strictly
// and then compared byte by byte: anything that two URL parsers could read differently
// is refused, never guessed. There is no suffix test, no regular expression and no DNS.
//
// The package allocates only if a text is not in canonical form, and links nothing,
// because it is used in the start-up path of every request.
package origin

// Origin is a destination that a profile's token may be sent to. Only Parse returns
// one; the zero value owns nothing. Origins are canonical and can be compared with ==.
type Origin struct {
	endpoint
	path     string // "" or "/a/b"
	wildcard bool   // host is the parent domain
}

// Parse parses an origin. Without a scheme it is https; package helper requires the
// scheme in profiles. Host names must be ASCII: the caller converts Unicode first
// (O13), and checks with a list that a wildcard does not cover a public suffix (O8).
// The error is an *Error.
func Parse(s string) (Origin, error) {
	o, r := parse(s)
	if r != Release {
		return Origin{}, &Error{r}
	}
	return o, nil
}

func parse(s string) (Origin, Reason) {
	if r := checkBytes(s); r != Release {
		return Origin{}, r
	}
	scheme, rest, ok := cutScheme(s)
	if !ok {
		scheme, rest = "https", s
	}
	authority, path := cutAuthority(rest)
	if authority == "" {
		return Origin{}, Form
	}
	if index(path, '?') >= 0 {
		return Origin{}, Query
	}
	o := Origin{endpoint: endpoint{scheme: scheme}}
	if r := o.parseOwner(authority); r != Release {
		return Origin{}, r
	}
	var r Reason
	o.path, r = canonicalPath(path)
	return o, r
}

// parseOwner parses host and port, and the forms that only a profile may use: wildcards
// (O8), and plain http to this machine (O2).
func (o *Origin) parseOwner(authority string) Reason {
	if len(authority) > 2 && authority[:2] == "*." {
		authority, o.wildcard = authority[2:], true
	}
	if index(authority, '*') >= 0 {
		return WildcardSyntax
	}
	if r := o.parseAuthority(authority); r != Release {
		return r
	}
	switch {
	case o.wildcard && (o.kind != nameHost || index(o.host, '.') < 0):
		return WildcardSyntax
	case plaintext(o.scheme) && (o.wildcard || !o.Loopback()):
		return PlainHTTP
	}
	return Release
}

// Path returns the path prefix, with a leading slash and without a trailing one; "" for
// the whole host.
func (o Origin) Path() string { return o.path }

// Wildcard returns the parent domain of a wildcard origin: "cdn.example.com" for
// *.cdn.example.com.
func (o Origin) Wildcard() (parent string, ok bool) {
	if !o.wildcard {
		return "", false
	}
	return o.host, true
}

// String returns the canonical form, which Parse parses to an equal Origin. It is
// stored in sealed cache entries.
func (o Origin) String() string {
	var buf [128]byte
	prefix := ""
	if o.wildcard {
		prefix = "*."
	}
	return string(append(o.appendTo(buf[:0], prefix), o.path...))
}

// RouteKey returns the name under which routes to this origin are stored: the host, or
// "*." and the parent domain. Scheme, port and path are left to Match.
func (o Origin) RouteKey() string {
	if o.wildcard {
		return "*." + o.host
	}
	return o.host
}

// RouteKeys returns the names of the routes that may own u. The wildcard is "" if none
// can match: for an address, or a name of two labels.
func RouteKeys(u URL) (exact, wildcard string) {
	if u.kind == nameHost {
		if dot := index(u.host, '.'); dot >= 0 && index(u.host[dot+1:], '.') >= 0 {
			wildcard = "*" + u.host[dot:]
		}
	}
	return u.host, wildcard
}

// Claim returns a text that two origins share if, and only if, they claim the same URLs
// equally; two such profiles are a configuration error (O12). Paths that differ only in
// escaping claim the same: a decoded field matches both.
func (o Origin) Claim() string {
	path := make([]byte, 0, len(o.path))
	for i := 0; i < len(o.path); {
		c, width := decode(o.path, i)
		path = append(path, c)
		i += width
	}
	o.path = ""
	return o.String() + string(path)
}

// SameClaim reports whether two origins claim the same URLs equally.
func SameClaim(a, b Origin) bool { return a.Claim() == b.Claim() }
