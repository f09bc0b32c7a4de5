package origin

// maxLength is the maximum length of a URL in bytes (O3).
const maxLength = 8192

// URL is a checked URL that a tool requests a token for. Only ParseURL and FromFields
// return one; the zero value is owned by no origin. Two URLs can be compared with ==.
// It has no user information, query or fragment.
type URL struct {
	endpoint
	path    string
	decoded bool // the path came in a field of its own and contains no escapes
}

// Path returns the path as the tool wrote it, with a leading slash; "" if there is
// none.
func (u URL) Path() string { return u.path }

// String returns scheme://host[:port] for messages, without a default port. It omits
// path and query, which may contain secrets.
func (u URL) String() string {
	var buf [80]byte
	return string(u.appendTo(buf[:0], ""))
}

// ParseURL parses the URL of a request (O3 to O7, O10). The URL is the zero value
// unless the reason is Release.
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

// FromFields makes a URL from separate fields, for git, docker and terraform. The host
// may include a port ("h:8443"); the path may lack its leading slash and is "" if there
// is none. Each field is checked by its own grammar; they are never joined and parsed
// again (O11). The URL is the zero value unless the reason is Release.
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

// checkBytes applies O3 to a whole URL or origin.
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

// checkHostField refuses characters that would change the meaning of a host in a URL.
// parseAuthority checks the rest.
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

// cutScheme splits at the first "://", where a scheme ends.
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

// validScheme implements RFC 3986 section 3.1, with a limit on the length.
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

// internScheme converts a scheme to lower case. For the two usual ones it returns a
// constant, which does not keep the request in memory.
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
