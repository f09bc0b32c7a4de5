package origin

// Bare is the scheme of a Local host that was requested without one: the token may be
// sent there in clear. An origin owns such a URL if it has this scheme, or http.
const Bare = "docker"

// Local reports whether the host, as written, is this machine or one in a private
// network: an address that is not public, or a name below localhost or local. Tools
// that are given a host without a scheme may fall back to plain http there. Names are
// not resolved, so a name that resolves to such an address is not detected.
func (e endpoint) Local() bool {
	switch e.kind {
	case ipv4Host:
		return localIPv4(e.host)
	case ipv6Host:
		return localIPv6(e.host)
	}
	last := e.host[lastIndex(e.host, '.')+1:]
	return last == "localhost" || last == "local"
}

// localIPv4 expects a canonical address: 0/8, 10/8, 127/8 (RFC 6890), 172.16/12,
// 192.168/16 (RFC 1918), 169.254/16 (RFC 3927), 100.64/10 (RFC 6598).
func localIPv4(host string) bool {
	dot := index(host, '.')
	first, rest := decimal(host[:dot]), host[dot+1:]
	second := decimal(rest[:index(rest, '.')])
	switch first {
	case 0, 10, 127:
		return true
	case 100:
		return second>>6 == 1
	case 169:
		return second == 254
	case 172:
		return second>>4 == 1
	case 192:
		return second == 168
	}
	return false
}

// localIPv6 expects an address in the form of RFC 5952: "::", "::1" (RFC 4291),
// fc00::/7 (RFC 4193), fe80::/10 (RFC 4291).
func localIPv6(host string) bool {
	if host == "::" || host == "::1" {
		return true
	}
	first, width := hexGroup(host)
	return width == 4 && (first>>9 == 0xfc00>>9 || first>>6 == 0xfe80>>6)
}

// decimal parses up to three digits.
func decimal(digits string) (n int) {
	for i := range len(digits) {
		n = n*10 + int(digits[i]-'0')
	}
	return n
}
