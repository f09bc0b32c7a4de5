package origin

// Match reports whether a token bound to o may be released for u. It does not allocate.
// It compares host, scheme, port and path in this order, so that a later reason means a
// closer match.
func (o Origin) Match(u URL) Reason {
	if r := o.matchHost(u); r != Release {
		return r
	}
	switch {
	case o.scheme != u.scheme && (u.scheme != Bare || o.scheme != "http"):
		return o.otherScheme(u)
	case o.port != u.port:
		return Port
	case o.path == "":
		return Release
	case u.path == "":
		return NoPath
	}
	if r := checkSegments(u.path); r != Release {
		return r
	}
	if !under(o.path, u.path, u.decoded) {
		return Path
	}
	return Release
}

// otherScheme returns the reason for a URL with another scheme. Tools whose bare host
// is refused for any other reason continue without a token, as they should for another
// port.
func (o Origin) otherScheme(u URL) Reason {
	switch {
	case u.scheme == "http":
		return PlainHTTP
	case u.scheme == Bare && o.port == u.port:
		return BareHost
	}
	return Scheme
}

func (o Origin) matchHost(u URL) Reason {
	switch {
	case o.host == "" || u.host == "":
		return Host // a zero value owns nothing and is owned by nothing
	case !o.wildcard && o.host == u.host:
		return Release
	case !o.wildcard || u.kind != nameHost:
		return Host
	case o.host == u.host:
		return WildcardParent
	}
	if dot := index(u.host, '.'); dot >= 0 && u.host[dot+1:] == o.host {
		return Release
	}
	// This suffix only affects the reason, never a release.
	if n := len(u.host) - len(o.host); n > 0 && u.host[n-1] == '.' && u.host[n:] == o.host {
		return WildcardDepth
	}
	return Host
}

// Best returns the index of the origin with the strongest claim on u (O12): an exact
// host before a wildcard, then the longer path. If there is none it returns -1 and the
// reason of the closest one.
func Best(origins []Origin, u URL) (int, Reason) {
	best, reason := -1, NoOrigins
	for i, o := range origins {
		r := o.Match(u)
		switch {
		case r == Release && (best < 0 || origins[best].Specificity() < o.Specificity()):
			best, reason = i, Release
		case best < 0 && nearness(r) > nearness(reason):
			reason = r
		}
	}
	return best, reason
}

// Specificity orders the claims of origins that match one URL, across profiles too: the
// greater wins, and equal ones are a conflict (O12).
func (o Origin) Specificity() int {
	n := len(o.path)
	if !o.wildcard {
		n += maxLength + 1
	}
	return n
}

// nearness orders the reasons of Match by how many parts agreed.
func nearness(r Reason) int {
	switch r {
	case NoOrigins:
		return 0
	case Host:
		return 1
	case WildcardParent, WildcardDepth:
		return 2
	case PlainHTTP, Scheme:
		return 3
	case Port:
		return 4
	default:
		return 5
	}
}
