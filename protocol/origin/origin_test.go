package origin

import (
	"strings"
	"testing"
)

func mustURL(t testing.TB, s string) URL {
	t.Helper()
	u, r := ParseURL(s)
	if r != Release {
		t.Fatalf("ParseURL(%q): %s", s, r)
	}
	return u
}

// TestURLParts: scheme, host, port and path, and the text for messages.
func TestURLParts(t *testing.T) {
	for _, c := range []struct {
		url, scheme, host string
		port              uint16
		path, text        string
	}{
		{"HTTPS://Git.Example.com:443/a%2Fb?q=1", "https", "git.example.com", 443, "/a%2Fb", "https://git.example.com"},
		{"https://git.example.com:65535?q", "https", "git.example.com", 65535, "", "https://git.example.com:65535"},
		{"http://[0::1]:80/", "http", "::1", 80, "/", "http://[::1]"},
		{"http://127.0.0.1:8080/", "http", "127.0.0.1", 8080, "/", "http://127.0.0.1:8080"},
		{"x-own://h/", "x-own", "h", 0, "/", "x-own://h"},
		{"x-own://h:7/", "x-own", "h", 7, "/", "x-own://h:7"},
	} {
		u := mustURL(t, c.url)
		if u.Scheme() != c.scheme || u.Host() != c.host || u.port != c.port || u.Path() != c.path || u.String() != c.text {
			t.Errorf("%s: %q %q %d %q %q", c.url, u.Scheme(), u.Host(), u.port, u.Path(), u)
		}
		if u != mustURL(t, c.url) {
			t.Errorf("%s is not equal to itself", c.url)
		}
	}
}

// TestLoopback (O2): plain http may go only where Loopback holds.
func TestLoopback(t *testing.T) {
	for url, want := range map[string]bool{
		"http://127.0.0.1/": true, "http://127.9.9.9:1/": true, "http://[::1]/": true, "http://localhost/": true,
		"http://128.0.0.1/": false, "http://[::2]/": false, "http://a.localhost/": false, "http://127.example.com/": false,
	} {
		if u := mustURL(t, url); u.Loopback() != want {
			t.Errorf("%s: Loopback is %v", url, !want)
		}
	}
}

// TestRoutes: whatever Match releases is found under one of the URL's two keys.
func TestRoutes(t *testing.T) {
	for _, c := range []struct{ url, exact, wildcard string }{
		{"https://a.cdn.example.com:8443/x", "a.cdn.example.com", "*.cdn.example.com"},
		{"https://cdn.example.com/", "cdn.example.com", "*.example.com"},
		{"https://example.com/", "example.com", ""},
		{"https://localhost/", "localhost", ""},
		{"https://198.51.100.7/", "198.51.100.7", ""},
		{"https://[2001:db8::1]/", "2001:db8::1", ""},
	} {
		exact, wildcard := RouteKeys(mustURL(t, c.url))
		if exact != c.exact || wildcard != c.wildcard {
			t.Errorf("%s: %q %q", c.url, exact, wildcard)
		}
	}
	released := 0
	for _, v := range vectors(t, "urls.txt", 3) {
		if expected(v) != "release" {
			continue
		}
		released++
		o := mustParse(t, v.At, v.Fields[0])
		if exact, wildcard := RouteKeys(mustURL(t, v.Fields[1])); o.RouteKey() != exact && o.RouteKey() != wildcard {
			t.Errorf("%s: route %q is neither %q nor %q", v.At, o.RouteKey(), exact, wildcard)
		}
	}
	if released == 0 {
		t.Error("no vector releases: the test is blind")
	}
}

// TestSameClaim (O12): equal claims are equal however they are written.
func TestSameClaim(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"git.example.com", "https://GIT.example.com:443/", true},
		{"git.example.com/a%7eb", "git.example.com/a~b/", true},
		{"git.example.com/a%3ab", "git.example.com/a:b", true},
		{"git.example.com/a", "git.example.com/b", false},
		{"git.example.com/a", "git.example.com/ab", false},
		{"git.example.com", "git.example.com/a", false},
		{"git.example.com", "git.example.com:444", false},
		{"git.example.com", "grpcs://git.example.com", false},
		{"*.example.com", "example.com", false},
		{"[::1]", "[0::1]", true},
	} {
		a, b := mustParse(t, "", c.a), mustParse(t, "", c.b)
		if SameClaim(a, b) != c.want || SameClaim(b, a) != c.want {
			t.Errorf("SameClaim(%s, %s) is not %v", a, b, c.want)
		}
	}
}

// TestWildcard: what a wildcard is below, and which origin is none.
func TestWildcard(t *testing.T) {
	if parent, ok := mustParse(t, "", "*.cdn.example.com").Wildcard(); parent != "cdn.example.com" || !ok {
		t.Errorf("Wildcard is %q, %v", parent, ok)
	}
	if parent, ok := mustParse(t, "", "cdn.example.com/a").Wildcard(); parent != "" || ok {
		t.Errorf("Wildcard is %q, %v", parent, ok)
	}
	if p := mustParse(t, "", "cdn.example.com/a/").Path(); p != "/a" {
		t.Errorf("Path is %q", p)
	}
}

// TestZeroValues (O1): what was never parsed owns nothing and is nobody's.
func TestZeroValues(t *testing.T) {
	u, o := mustURL(t, "https://git.example.com/"), mustParse(t, "", "git.example.com")
	for _, r := range []Reason{Origin{}.Match(u), o.Match(URL{}), Origin{}.Match(URL{})} {
		if r == Release {
			t.Error("a zero value was released")
		}
	}
	if r := reasonCount + 1; r.String() == "" || r == Release {
		t.Error("an unknown reason is no refusal")
	}
}

// TestReasonsSayNothingOfTheInput (T23) holds for every text: plain ASCII, one
// line, lower case, no placeholder.
func TestReasonsSayNothingOfTheInput(t *testing.T) {
	for r := Release; r < reasonCount; r++ {
		s := r.String()
		if s != strings.ToLower(s) || strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' }) || strings.HasSuffix(s, ".") {
			t.Errorf("%q", s)
		}
	}
}

// TestNoAllocation: the front runs this on every request.
func TestNoAllocation(t *testing.T) {
	const origin, url = "https://*.cdn.example.com:8443/v2/alpha", "https://eu.cdn.example.com:8443/v2/%61lpha/x?y=1"
	origins := []Origin{mustParse(t, "", "git.example.com"), mustParse(t, "", origin)}
	u := mustURL(t, url)
	for name, f := range map[string]func(){
		"Match": func() { origins[1].Match(u) },
		"Best":  func() { Best(origins, u) },
		"Parse": func() { _, _ = Parse(origin) },
		"URL":   func() { ParseURL(url) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

// BenchmarkParseURL is what each request costs.
func BenchmarkParseURL(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		ParseURL("https://eu.cdn.example.com/v2/alpha/x?y=1")
	}
}

// BenchmarkParse is what each origin of a profile costs.
func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _ = Parse("https://*.cdn.example.com/v2/alpha")
	}
}

// BenchmarkMatch is what each comparison costs.
func BenchmarkMatch(b *testing.B) {
	u, o := mustURL(b, "https://eu.cdn.example.com/v2/alpha/x?y=1"), mustParse(b, "", "https://*.cdn.example.com/v2/alpha")
	b.ReportAllocs()
	for b.Loop() {
		if o.Match(u) != Release {
			b.Fatal("refused")
		}
	}
}

// TestLocal: which hosts are this machine's or a private network's by their spelling.
func TestLocal(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.255.255.255": true, "0.0.0.0": true, "10.0.0.1": true, "10.255.0.1": true,
		"172.16.0.1": true, "172.31.255.255": true, "172.15.0.1": false, "172.32.0.1": false,
		"192.168.0.1": true, "192.167.0.1": false, "192.169.0.1": false,
		"169.254.1.1": true, "169.253.1.1": false, "100.64.0.1": true, "100.127.0.1": true, "100.63.0.1": false, "100.128.0.1": false,
		"1.1.1.1": false, "11.0.0.1": false, "126.0.0.1": false, "128.0.0.1": false,
		"[::]": true, "[::1]": true, "[0:0:0:0:0:0:0:1]": true, "[fc00::1]": true, "[fdff::1]": true, "[fbff::1]": false, "[fe00::1]": false,
		"[fe80::1]": true, "[febf::1]": true, "[fec0::1]": false, "[2001:db8::1]": false, "[fc::1]": false,
		"localhost": true, "local": true, "a.localhost": true, "A.LOCAL": true, "a.b.local": true,
		"local.example.com": false, "mylocal": false, "my-localhost": false, "a.locals": false, "10.0.0.1.example.com": false, "example.com": false,
	} {
		u, r := FromFields("https", host, "")
		if r != Release || u.Local() != want {
			t.Errorf("%s: local %v (%s), want %v", host, u.Local(), r, want)
		}
	}
	if (URL{}).Local() {
		t.Error("no host is local")
	}
}
