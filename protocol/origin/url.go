package origin

// maxLength is how long a URL may be, in bytes (O3).
const maxLength = 8192

// URL is a checked request URL: what a tool wants a token for. Only ParseURL
// and FromFields make one; the zero value is owned by no origin. Two URLs
// compare with ==. User information, query and fragment are not in it.
type URL struct {
	endpoint
	path    string
	decoded bool // the path came in a field of its own and holds no escapes
}

// Path is the path as the tool wrote it, with a leading slash; "" when the tool
// gave none.
func (u URL) Path() string { return u.path }

// HasPath reports whether the tool gave a path.
func (u URL) HasPath() bool { return u.path != "" }

// String is scheme://host[:port] for messages, the default port left out. Path
// and query are the tool's business and may hold secrets; they are left out.
func (u URL) String() string {
	var buf [80]byte
	return string(u.appendTo(buf[:0], ""))
}

// ParseURL reads the one request URL of a dialect that sends URLs (O3 to O7,
// O10). The URL is the zero value unless the reason is Release.
func ParseURL(s string) (URL, Reason) {
	if r := checkBytes(s); r != Release {
		return URL{}, r
	}
	scheme, rest, ok := cutScheme(s)
	if !ok {
		return URL{}, Form
	}
	authority, tail := cutAuthority(rest)
	if authority == "" {
		return URL{}, Form
	}
	u := URL{endpoint: endpoint{scheme: scheme}}
	if r := u.parseAuthority(authority); r != Release {
		return URL{}, r
	}
	if r := checkPercent(tail); r != Release {
		return URL{}, r
	}
	u.path = tail
	if query := index(tail, '?'); query >= 0 {
		u.path = tail[:query]
	}
	return u, Release
}

// FromFields makes a URL of the fields of a dialect that sends them apart: git,
// docker, terraform. The host may hold a port ("h:8443"), the path may lack its
// leading slash and is "" when none was given. Each field is checked by its own
// grammar; nothing is glued into a URL and parsed again (O11). The URL is the
// zero value unless the reason is Release.
func FromFields(scheme, host, path string) (URL, Reason) {
	if scheme == "" {
		return URL{}, Empty
	}
	if !validScheme(scheme) {
		return URL{}, Field
	}
	if r := checkHostField(host); r != Release {
		return URL{}, r
	}
	u := URL{endpoint: endpoint{scheme: internScheme(scheme)}, path: path, decoded: path != ""}
	if r := u.parseAuthority(host); r != Release {
		return URL{}, r
	}
	if r := checkFieldPath(path); r != Release {
		return URL{}, r
	}
	if path != "" && path[0] != '/' {
		u.path = "/" + path
	}
	return u, Release
}

// checkBytes is O3 for a whole URL or origin.
func checkBytes(s string) Reason {
	if s == "" {
		return Empty
	}
	if len(s) > maxLength {
		return TooLong
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 0x80:
			return NonASCII
		case c <= 0x20 || c == 0x7f:
			return Byte
		case c == '\\':
			return Backslash
		case c == '#':
			return Fragment
		}
	}
	return Release
}

// checkHostField looks for what would change the meaning of a host once it is
// put into a URL. The rest is parseAuthority's.
func checkHostField(host string) Reason {
	if host == "" {
		return Empty
	}
	for i := range len(host) {
		switch c := host[i]; {
		case c >= 0x80:
			return NonASCII
		case c == ' ' || '\t' <= c && c <= '\r':
			return AuthoritySpace
		case isControl(c):
			return Byte
		case c == '\\':
			return Backslash
		case c == '/' || c == '?' || c == '#':
			return Field
		}
	}
	return Release
}

// cutScheme splits at the first "://", where a scheme must end.
func cutScheme(s string) (scheme, rest string, ok bool) {
	colon := index(s, ':')
	if colon < 0 || len(s) < colon+3 || s[colon:colon+3] != "://" || !validScheme(s[:colon]) {
		return "", "", false
	}
	return internScheme(s[:colon]), s[colon+3:], true
}

// cutAuthority splits before the path or the query, whichever is first.
func cutAuthority(s string) (authority, tail string) {
	for i := range len(s) {
		if s[i] == '/' || s[i] == '?' {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

// validScheme is RFC 3986 section 3.1, with a bound on the length.
func validScheme(s string) bool {
	if s == "" || len(s) > 32 || !isLetter(s[0]) {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && !isDigit(c) && c != '+' && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

// internScheme lower-cases a scheme, keeping no hold on the request's memory
// for the two that nearly every request has.
func internScheme(s string) string {
	switch s = lower(s); s {
	case "https":
		return "https"
	case "http":
		return "http"
	default:
		return s
	}
}
