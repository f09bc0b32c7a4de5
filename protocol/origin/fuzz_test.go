package origin

import (
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// FuzzParseURL (T3, O3): what is accepted, net/url reads in the same way; the
// text for messages reads back; fields and URL agree.
func FuzzParseURL(f *testing.F) {
	for _, file := range []string{"hostile.txt", "urls.txt"} {
		for _, v := range vectors(f, file, 3) {
			f.Add(v.Fields[1])
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, r := ParseURL(s)
		if r != Release {
			if u != (URL{}) {
				t.Fatal("a refused URL is not empty")
			}
			return
		}
		other := agree(t, s, u)
		again, r := ParseURL(u.String())
		if r != Release || again.endpoint != u.endpoint {
			t.Fatalf("%q: String %q reads back as %v (%s)", s, u, again, r)
		}
		fields, r := FromFields(other.Scheme, other.Host, "")
		if r != Release || fields.endpoint != u.endpoint {
			t.Fatalf("%q: fields read as %v (%s)", s, fields, r)
		}
	})
}

// agree fails unless net/url sees the same scheme, host, port and path in s.
func agree(t *testing.T, s string, u URL) *url.URL {
	t.Helper()
	other, err := url.Parse(s)
	if err != nil {
		t.Fatalf("%q: accepted, but not by net/url: %v", s, err)
	}
	port := other.Port()
	if port == "" {
		port = strconv.Itoa(int(defaultPort(u.scheme)))
	}
	host := strings.ToLower(other.Hostname())
	if strings.Contains(host, ":") {
		host, _ = canonicalIPv6(host)
	}
	if other.Scheme != u.scheme || host != u.host || port != strconv.Itoa(int(u.port)) || other.User != nil || other.Opaque != "" || other.Fragment != "" {
		t.Fatalf("%q: net/url reads %q %q %q, we %q %q %d", s, other.Scheme, host, port, u.scheme, u.host, u.port)
	}
	if path, err := url.PathUnescape(u.path); err != nil || path != other.Path {
		t.Fatalf("%q: net/url reads the path %q, we %q", s, other.Path, u.path)
	}
	return other
}

// escaped reports whether some later reading of a path, decoded again and again, has a
// segment of dots that the path itself has not, or more segments.
func escaped(path string) bool {
	segments := strings.Count(path, "/")
	for range 3 {
		again, err := url.PathUnescape(path)
		if err != nil || again == path {
			return false
		}
		path = again
		for segment := range strings.SplitSeq(strings.ReplaceAll(path, `\\`, "/"), "/") {
			segment, _, _ = strings.Cut(segment, ";")
			if segment = strings.TrimSpace(segment); segment != "" && strings.Trim(segment, ". ") == "" {
				return true
			}
		}
		if strings.Count(path, "/") != segments {
			return true
		}
	}
	return false
}

// FuzzMatch (T3, O5, O8, O9, O12): a release is only for the origin's own host
// or one label under it, with its scheme and port, below its path as any
// resolver of dot segments sees it; canonical forms read back.
func FuzzMatch(f *testing.F) {
	for _, file := range []string{"hostile.txt", "urls.txt"} {
		for _, v := range vectors(f, file, 3) {
			f.Add(v.Fields[0], v.Fields[1])
		}
	}
	for _, v := range vectors(f, "origins.txt", 2) {
		f.Add(v.Fields[0], "https://git.example.com/a/b")
	}
	f.Fuzz(func(t *testing.T, origin, s string) {
		o, err := Parse(origin)
		if err != nil {
			return
		}
		if again, err := Parse(o.String()); err != nil || again != o {
			t.Fatalf("%q: canonical form %q reads back as %q (%v)", origin, o, again, err)
		}
		u, r := ParseURL(s)
		if r != Release || o.Match(u) != Release {
			return
		}
		agree(t, s, u)
		if label, parent, _ := strings.Cut(u.host, "."); u.host != o.host && (!o.wildcard || parent != o.host || label == "") {
			t.Fatalf("%q released for %q", s, o)
		}
		bare := u.scheme == Bare && o.scheme == "http" // asked for without a scheme, and named as plain
		if u.scheme != o.scheme && !bare || u.port != o.port || plaintext(o.scheme) && !u.Loopback() {
			t.Fatalf("%q released for %q", s, o)
		}
		if clean := (&url.URL{Path: "/"}).JoinPath(u.path).EscapedPath(); o.path != "" && !under(o.path, clean, false) {
			t.Fatalf("%q released for %q, but resolves to %q", s, o, clean)
		}
		if o.path != "" && escaped(u.path) {
			t.Fatalf("%q released for %q, but a generous server sees dots or slashes in it", s, o)
		}
		if i, r := Best([]Origin{o}, u); i != 0 || r != Release {
			t.Fatalf("%q: Match and Best disagree", s)
		}
		if exact, wildcard := RouteKeys(u); o.RouteKey() != exact && o.RouteKey() != wildcard {
			t.Fatalf("%q: no route key leads to %q", s, o)
		}
	})
}
