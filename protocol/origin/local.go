package origin

// Bare is the scheme of a Local host that was asked for without one: the token may go there
// in clear. An origin owns such a URL if it says so by this scheme, or by http.
const Bare = "docker"

// Local reports whether the host is this machine or one of a private network by its very
// spelling: an address that is not a public one, or a name below localhost or local. Tools
// that are given a host without a scheme may go on to plain http there. No name is looked
// up, so one that leads to such an address is not found.
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

// localIPv4 takes a canonical address: 0/8, 10/8, 127/8 (RFC 6890), 172.16/12,
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

// localIPv6 takes an address in the form of RFC 5952: "::", "::1" (RFC 4291), fc00::/7
// (RFC 4193), fe80::/10 (RFC 4291).
func localIPv6(host string) bool {
	if host == "::" || host == "::1" {
		return true
	}
	first, width := hexGroup(host)
	return width == 4 && (first>>9 == 0xfc00>>9 || first>>6 == 0xfe80>>6)
}

// decimal reads up to three digits.
func decimal(digits string) (n int) {
	for i := range len(digits) {
		n = n*10 + int(digits[i]-'0')
	}
	return n
}
