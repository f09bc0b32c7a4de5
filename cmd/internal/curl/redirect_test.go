package curl

import "testing"

// TestSameServer: another token is fetched only if it was the asked server that answered
// 401.
func TestSameServer(t *testing.T) {
	const refused = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\n\r\n"
	for _, c := range []struct {
		name, headers string
		same          bool
	}{
		{"no redirect", refused, true},
		{"to a path", "HTTP/1.1 302 Found\r\nLocation: /b\r\n\r\n" + refused, true},
		{"to the whole address", "HTTP/2 302\r\nlocation: https://API.example/b\r\n\r\nHTTP/2 401\r\n\r\n", true},
		{"after 100", "HTTP/1.1 100 Continue\r\n\r\n" + refused, true},
		{"there and back", "HTTP/1.1 302 Found\r\nLocation: https://other.example/\r\n\r\n" +
			"HTTP/1.1 302 Found\r\nLocation: https://api.example/\r\n\r\n" + refused, true},
		{"a Location of the last answer is not followed", "HTTP/1.1 401 Unauthorized\r\nLocation: https://other.example/\r\n\r\n", true},

		{"to another host", "HTTP/1.1 302 Found\r\nLocation: https://other.example/\r\n\r\n" + refused, false},
		{"to another host without its scheme", "HTTP/1.1 302 Found\r\nLocation: //other.example/\r\n\r\n" + refused, false},
		{"to another port", "HTTP/1.1 302 Found\r\nLocation: https://api.example:8443/\r\n\r\n" + refused, false},
		{"away, then on a path there", "HTTP/1.1 302 Found\r\nLocation: https://other.example/\r\n\r\n" +
			"HTTP/1.1 302 Found\r\nLocation: /c\r\n\r\n" + refused, false},
		{"to what is no address", "HTTP/1.1 302 Found\r\nLocation: https://[\r\n\r\n" + refused, false},
	} {
		if got := SameServer("https://api.example/a", []byte(c.headers)); got != c.same {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestFinalStatus: which of several answers counts.
func TestFinalStatus(t *testing.T) {
	for _, c := range []struct {
		headers string
		follow  bool
		status  int
		final   bool
	}{
		{"", false, 0, false},
		{"HTTP/1.1 200 OK\r\n", false, 200, false}, // incomplete
		{"HTTP/1.1 200 OK\r\n\r\n", false, 200, true},
		{"HTTP/2 401 \r\nx: y\r\n\r\n", false, 401, true},
		{"HTTP/1.1 100 Continue\r\n\r\n", false, 100, false},
		{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 401 No\r\n\r\n", false, 401, true},
		{"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", true, 302, false},
		{"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", false, 302, true},
		{"HTTP/1.1 304 Not Modified\r\n\r\n", true, 304, true},
		{"HTTP/1.1 302 Found\r\nlocation: /x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", true, 200, true},
		{"HTTP/1.1 garbage\r\n\r\n", false, 0, false},
	} {
		if status, final := FinalStatus([]byte(c.headers), c.follow); status != c.status || final != c.final {
			t.Errorf("%q, following %v: %d, %v", c.headers, c.follow, status, final)
		}
	}
}
