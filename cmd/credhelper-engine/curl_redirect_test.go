package main

import "testing"

// Whose 401 it is decides whether another token is fetched.
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
		if got := sameServer("https://api.example/a", []byte(c.headers)); got != c.same {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
