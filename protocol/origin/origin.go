// Package origin holds the one rule that decides whether a token may be
// released for a URL (rules O1 to O12 of the security promises).
//
// A profile lists its origins: a host, perhaps with a scheme, a port, a path
// prefix, or a wildcard as the first label:
//
//	git.example.com
//	https://api.example.com:8443
//	https://src.example.com/alpha/
//	https://*.cdn.example.com
//	http://127.0.0.1:8080
//
// A tool asks for a URL, or for its parts in fields. Both are parsed strictly
// and then compared byte by byte: what two URL parsers could read in two
// ways is refused, never guessed at. There is no suffix test, no regular
// expression and no DNS.
//
// The package allocates only where a text is not written canonically, and links
// nothing: it runs in the start-up path of every request.
package origin

// Origin is one place that a profile's token may be sent to. Only Parse makes
// one; the zero value owns nothing. Origins are canonical and compare with ==.
type Origin struct {
	endpoint
	path     string // "" or "/a/b"
	wildcard bool   // host is the parent
}

// Parse reads an origin; without a scheme it is https, which is not for profiles:
// package helper wants theirs written out.
// Host names are ASCII: whoever reads Unicode from people converts it first
// (O13). That a wildcard does not cover a public suffix is the caller's check
// too, with a list (O8). The error is an *Error.
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

// parseOwner reads host and port, and what only a profile may write: wildcards
// (O8), and plain text to this very machine (O2).
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

// Path is the path prefix, "" for the whole host; it has a leading slash and
// none at the end.
func (o Origin) Path() string { return o.path }

// Wildcard returns the parent of a wildcard origin: "cdn.example.com" for
// *.cdn.example.com.
func (o Origin) Wildcard() (parent string, ok bool) {
	if !o.wildcard {
		return "", false
	}
	return o.host, true
}

// String is the canonical form, which Parse reads back to an equal Origin. It
// is stored in sealed cache entries.
func (o Origin) String() string {
	var buf [128]byte
	prefix := ""
	if o.wildcard {
		prefix = "*."
	}
	return string(append(o.appendTo(buf[:0], prefix), o.path...))
}

// RouteKey is the name under which routes to this origin are kept: the host, or
// "*." and the parent. Scheme, port and path are left to Match.
func (o Origin) RouteKey() string {
	if o.wildcard {
		return "*." + o.host
	}
	return o.host
}

// RouteKeys are the names under which routes that may own u are kept. The
// wildcard is "" where none can match: an address, or a name of two labels.
func RouteKeys(u URL) (exact, wildcard string) {
	if u.kind == nameHost {
		if dot := index(u.host, '.'); dot >= 0 && index(u.host[dot+1:], '.') >= 0 {
			wildcard = "*" + u.host[dot:]
		}
	}
	return u.host, wildcard
}

// Claim is a text that two origins share if, and only if, they claim the same URLs
// with equal right; two profiles that do so are a configuration error (O12). Paths
// that differ only in what is escaped claim the same: a decoded field matches both.
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

// SameClaim reports whether two origins claim the same URLs with equal right.
func SameClaim(a, b Origin) bool { return a.Claim() == b.Claim() }
