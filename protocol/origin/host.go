package origin

// kind distinguishes names from addresses: a wildcard never covers an address (O8).
type kind uint8

const (
	nameHost kind = iota
	ipv4Host
	ipv6Host
)

// endpoint is the common part of URL and Origin: the destination of a connection.
type endpoint struct {
	scheme string // lower case
	host   string // lower case, canonical, no brackets, no port
	port   uint16 // the scheme's default if none was written; 0 if it has none
	kind   kind
}

// Scheme returns the scheme in lower case, such as "https".
func (e endpoint) Scheme() string { return e.scheme }

// Host returns the host in lower case, without port and brackets. An IPv6 address has
// the form of RFC 5952.
func (e endpoint) Host() string { return e.host }

// Loopback reports whether the host is a loopback address or the name localhost, for
// which plain http can be allowed (O2).
func (e endpoint) Loopback() bool {
	switch e.kind {
	case ipv4Host:
		return e.host[:4] == "127."
	case ipv6Host:
		return e.host == "::1"
	default:
		return e.host == "localhost"
	}
}

// appendTo appends scheme://[prefix]host[:port], without a default port.
func (e endpoint) appendTo(dst []byte, prefix string) []byte {
	dst = append(dst, e.scheme...)
	dst = append(dst, "://"...)
	dst = append(dst, prefix...)
	if e.kind == ipv6Host {
		dst = append(dst, '[')
		dst = append(dst, e.host...)
		dst = append(dst, ']')
	} else {
		dst = append(dst, e.host...)
	}
	if e.port != defaultPort(e.scheme) {
		dst = append(dst, ':')
		dst = appendPort(dst, e.port)
	}
	return dst
}

// parseAuthority parses host and port. The scheme must be set before. s is ASCII, and
// the caller has checked the total length.
func (e *endpoint) parseAuthority(s string) Reason {
	if index(s, '@') >= 0 {
		return Userinfo
	}
	if index(s, '%') >= 0 && s[0] != '[' {
		return AuthorityPercent
	}
	host, port, hasPort := s, "", false
	if s != "" && s[0] == '[' {
		end := index(s, ']')
		if end < 0 {
			return IPv6
		}
		host = s[1:end]
		if rest := s[end+1:]; rest != "" {
			if rest[0] != ':' {
				return IPv6
			}
			port, hasPort = rest[1:], true
		}
		e.kind = ipv6Host
	} else if colon := index(s, ':'); colon >= 0 {
		host, port, hasPort = s[:colon], s[colon+1:], true
	}
	if r := e.parseHost(host); r != Release {
		return r
	}
	return e.parsePort(port, hasPort)
}

func (e *endpoint) parseHost(host string) Reason {
	if e.kind == ipv6Host {
		text, r := canonicalIPv6(host)
		e.host = text
		return r
	}
	host = lower(host)
	if r := checkName(host); r != Release {
		return r
	}
	if looksNumeric(host) {
		if !canonicalIPv4(host) {
			return IPv4
		}
		e.kind = ipv4Host
	}
	e.host = host
	return Release
}

// parsePort (O7) accepts only one spelling of each number: parsers differ on signs,
// leading zeros, an empty port and numbers over 65535.
func (e *endpoint) parsePort(s string, given bool) Reason {
	if !given {
		e.port = defaultPort(e.scheme)
		return Release
	}
	if s == "" || len(s) > 5 || s[0] == '0' {
		return PortSyntax
	}
	n := 0
	for i := range len(s) {
		if !isDigit(s[i]) {
			return PortSyntax
		}
		n = n*10 + int(s[i]-'0')
	}
	if n > 65535 {
		return PortSyntax
	}
	e.port = uint16(n)
	return Release
}

// checkName applies O5 to a host in lower case.
func checkName(host string) Reason {
	start := 0
	for i := 0; i <= len(host); i++ {
		if i < len(host) && host[i] != '.' {
			if c := host[i]; !isLetter(c) && !isDigit(c) && c != '-' && c != '_' {
				return HostByte
			}
			continue
		}
		label := host[start:i]
		switch {
		case label == "" && i == len(host) && i > 0:
			return TrailingDot
		case label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-':
			return Label
		}
		start = i + 1
	}
	if len(host) > 253 {
		return HostTooLong
	}
	return Release
}

// looksNumeric (O6) reports whether the last label is a decimal or hexadecimal number:
// other parsers read such a host as an IPv4 address in one of its many spellings.
func looksNumeric(host string) bool {
	last := host[lastIndex(host, '.')+1:]
	if len(last) >= 2 && last[:2] == "0x" {
		return true
	}
	for i := range len(last) {
		if !isDigit(last[i]) {
			return false
		}
	}
	return true
}

// canonicalIPv4 reports whether host is four decimal bytes without leading zeros.
func canonicalIPv4(host string) bool {
	bytes := 0
	for {
		n, i := 0, 0
		for i < len(host) && i < 3 && isDigit(host[i]) {
			n = n*10 + int(host[i]-'0')
			i++
		}
		if i == 0 || n > 255 || i > 1 && host[0] == '0' {
			return false
		}
		bytes++
		if i == len(host) {
			return bytes == 4
		}
		if host[i] != '.' || bytes == 4 {
			return false
		}
		host = host[i+1:]
	}
}

// defaultPort returns 0 for a scheme without a default port.
func defaultPort(scheme string) uint16 {
	switch scheme {
	case "https", "wss", "grpcs", Bare:
		return 443
	case "http", "ws", "grpc":
		return 80
	default:
		return 0
	}
}

// plaintext reports whether the scheme sends the token in clear (O2).
func plaintext(scheme string) bool {
	switch scheme {
	case "http", "ws", "grpc", "ftp", "git":
		return true
	default:
		return false
	}
}
