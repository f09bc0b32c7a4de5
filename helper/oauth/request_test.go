package oauth_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol/secret"
)

// recorder answers every connection with a token and keeps the bytes that came.
func recorder(t *testing.T) (address string, request func() string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	got := make(chan string, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		var all strings.Builder
		r := bufio.NewReader(conn)
		length := 0
		for {
			line, err := r.ReadString('\n')
			all.WriteString(line)
			if n, ok := strings.CutPrefix(line, "Content-Length: "); ok {
				for _, c := range strings.TrimSpace(n) {
					length = length*10 + int(c-'0')
				}
			}
			if err != nil || line == "\r\n" {
				break
			}
		}
		body := make([]byte, length)
		for n := 0; n < length; {
			m, err := r.Read(body[n:])
			if err != nil {
				break
			}
			n += m
		}
		all.Write(body)
		got <- all.String()
		_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + `{"access_token":"x","token_type":"Bearer"}`))
	}()
	return listener.Addr().String(), func() string { return <-got }
}

// TestExactRequest (A1-A3) holds every byte of a request. RFC 6749 2.3.1 has
// the encoding of Basic; the form is sorted by name, and values of one name keep
// their order.
func TestExactRequest(t *testing.T) {
	id, pass := "the client", "p:ä%+/&=\""
	formed := "Basic " + base64.StdEncoding.EncodeToString([]byte("the+client:p%3A%C3%A4%25%2B%2F%26%3D%22"))
	raw := "Basic " + base64.StdEncoding.EncodeToString([]byte("the client:p:ä%+/&=\""))
	for _, c := range []struct {
		name          string
		change        func(*oauth.Client)
		authorization string
		body          string
	}{
		{"basic", func(c *oauth.Client) {}, formed, "grant_type=client_credentials"},
		{"basic raw", func(c *oauth.Client) { c.RawBasic = true }, raw, "grant_type=client_credentials"},
		{"post", func(c *oauth.Client) { c.Auth = "post" }, "",
			"client_id=the+client&client_secret=p%3A%C3%A4%25%2B%2F%26%3D%22&grant_type=client_credentials"},
		{"none leaves a stored secret out", func(c *oauth.Client) { c.Auth = "none" }, "",
			"client_id=the+client&grant_type=client_credentials"},
		{"scopes are one field", func(c *oauth.Client) { c.Scopes = []string{"b", "a:x/.default"} }, formed,
			"grant_type=client_credentials&scope=b+a%3Ax%2F.default"},
		{"audience and resources", func(c *oauth.Client) {
			c.Audience, c.Resource = "https://api.example.com", []string{"https://b.example.com/", "urn:a"}
		}, formed, "audience=https%3A%2F%2Fapi.example.com&grant_type=client_credentials&resource=https%3A%2F%2Fb.example.com%2F&resource=urn%3Aa"},
		{"params keep their order", func(c *oauth.Client) { c.Params = [][2]string{{"x", "2"}, {"a", "é"}, {"x", "1"}} }, formed,
			"a=%C3%A9&grant_type=client_credentials&x=2&x=1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			address, request := recorder(t)
			client := &oauth.Client{
				TokenURL: "http://" + address + "/ctx/token", ID: id, Secret: secret.New(pass), Grant: "client_credentials", Auth: "basic",
			}
			c.change(client)
			if _, err := client.Token(t.Context()); err != nil {
				t.Fatal(err)
			}
			head, body, _ := strings.Cut(request(), "\r\n\r\n")
			if body != c.body {
				t.Errorf("body\n got %s\nwant %s", body, c.body)
			}
			want := []string{
				"POST /ctx/token HTTP/1.1", "Host: " + address, "User-Agent: credhelper", "Connection: close",
				"Content-Length: " + strconv.Itoa(len(c.body)), "Accept: application/json", "Accept-Encoding: identity",
			}
			if c.authorization != "" {
				want = append(want, "Authorization: "+c.authorization)
			}
			want = append(want, "Content-Type: application/x-www-form-urlencoded")
			sameLines(t, strings.Split(head, "\r\n"), want)
		})
	}
}

func sameLines(t *testing.T, got, want []string) {
	t.Helper()
	left := map[string]int{}
	for _, l := range got {
		left[l]++
	}
	for _, l := range want {
		if left[l]--; left[l] != 0 {
			t.Errorf("the request has %d times too often: %s", left[l], l)
		}
		delete(left, l)
	}
	for l := range left {
		t.Errorf("the request also has: %s", l)
	}
}

// TestCheck (A2, A4): what is refused before anything is sent.
func TestCheck(t *testing.T) {
	good := func() *oauth.Client {
		return &oauth.Client{TokenURL: "https://login.example.com/token", ID: "id", Secret: secret.New(canary), Grant: "client_credentials", Auth: "basic",
			HTTP: &http.Client{Transport: noNetwork{t}}}
	}
	if err := good().Check(); err != nil {
		t.Fatalf("the good client is refused: %v", err)
	}
	for _, c := range []struct {
		says   string
		change func(*oauth.Client)
	}{
		{"not an absolute URL", func(c *oauth.Client) { c.TokenURL = "" }},
		{"not an absolute URL", func(c *oauth.Client) { c.TokenURL = "/token" }},
		{"not an absolute URL", func(c *oauth.Client) { c.TokenURL = "https:///token" }},
		{"not an absolute URL", func(c *oauth.Client) { c.TokenURL = "https:login.example.com/token" }},
		{"not an absolute URL", func(c *oauth.Client) { c.TokenURL = "https://login.example.com:x/token" }},
		{"user or password", func(c *oauth.Client) { c.TokenURL = "https://" + url.QueryEscape(canary) + "@login.example.com/token" }},
		{"user or password", func(c *oauth.Client) { c.TokenURL = "https://a:b@login.example.com/token" }},
		{"user or password", func(c *oauth.Client) { c.TokenURL = "https://@login.example.com/token" }},
		{"in its query", func(c *oauth.Client) { c.TokenURL += "?client_secret=" + url.QueryEscape(canary) }},
		{"an empty query", func(c *oauth.Client) { c.TokenURL += "?" }},
		{"a fragment", func(c *oauth.Client) { c.TokenURL += "#x" }},
		{"a fragment", func(c *oauth.Client) { c.TokenURL += "#" }},
		{"plain http", func(c *oauth.Client) { c.TokenURL = "http://login.example.com/token" }},
		{"plain http", func(c *oauth.Client) { c.TokenURL = "http://localhost/token" }},
		{"plain http", func(c *oauth.Client) { c.TokenURL = "http://127.1/token" }},
		{"plain http", func(c *oauth.Client) { c.TokenURL = "http://2130706433/token" }},
		{"plain http", func(c *oauth.Client) { c.TokenURL = "http://[::ffff:127.0.0.1]/token" }},
		{"plain http", func(c *oauth.Client) { c.TokenURL = "http://0.0.0.0/token" }},
		{"neither https nor http", func(c *oauth.Client) { c.TokenURL = "ftp://login.example.com/token" }},
		{"unknown grant \"made?up\"", func(c *oauth.Client) { c.Grant = "made\x1bup" }},
		{"unknown client_auth", func(c *oauth.Client) { c.Auth = "auto" }},
		{"unknown client_auth", func(c *oauth.Client) { c.Auth = "" }},
		{"client_id is missing", func(c *oauth.Client) { c.ID = "" }},
		{"needs a secret", func(c *oauth.Client) { c.Secret = secret.Text{} }},
		{"needs a secret", func(c *oauth.Client) { c.Auth, c.Secret = "post", secret.Text{} }},
		{"a colon", func(c *oauth.Client) { c.ID, c.RawBasic = "a:b", true }},
		{"scope", func(c *oauth.Client) { c.Scopes = []string{"a b"} }},
		{"scope", func(c *oauth.Client) { c.Scopes = []string{""} }},
		{"scope", func(c *oauth.Client) { c.Scopes = []string{"a\"b"} }},
		{"scope", func(c *oauth.Client) { c.Scopes = []string{"a\nb"} }},
		{"resource", func(c *oauth.Client) { c.Resource = []string{"/relative"} }},
		{"resource", func(c *oauth.Client) { c.Resource = []string{"https://api.example.com/#x"} }},
		{"no name", func(c *oauth.Client) { c.Params = [][2]string{{"", "x"}} }},
		{"param \"client_secret\"", func(c *oauth.Client) { c.Params = [][2]string{{"client_secret", "x"}} }},
		{"param \"grant_type\"", func(c *oauth.Client) { c.Params = [][2]string{{"grant_type", "password"}} }},
	} {
		client := good()
		c.change(client)
		_, err := client.Token(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("got %v, want an error that says %q", err, c.says)
			continue
		}
		wantOneCleanLine(t, err.Error())
	}
	for _, fine := range []string{"http://127.0.0.1:8080/token", "http://127.9.9.9/t", "http://[::1]:1/token", "https://login.example.com", "https://login.example.com/token?p=b2c_1_signin"} {
		if reason := oauth.BadEndpoint(fine); reason != "" {
			t.Errorf("%s is refused: %s", fine, reason)
		}
	}
}

// noNetwork fails the test when anything is sent.
type noNetwork struct{ t *testing.T }

func (n noNetwork) RoundTrip(*http.Request) (*http.Response, error) {
	n.t.Error("a request was sent")
	return nil, net.ErrClosed
}

// TestOneWayOnly (A1): a refused secret is not sent a second way, in contrast to
// x/oauth2's own guessing.
func TestOneWayOnly(t *testing.T) {
	for _, auth := range []string{"basic", "post"} {
		server := newServer(t, oauthtest.Options{Clients: []oauthtest.Client{{ID: "client", Secret: "another", Auth: "either"}}})
		client := newClient(t, server)
		client.Auth = auth
		if _, err := client.Token(t.Context()); err == nil {
			t.Errorf("%s: a wrong secret got a token", auth)
		}
		if n := server.Count(); n != 1 {
			t.Errorf("%s: %d requests, want 1", auth, n)
		}
	}
}

// TestExpiryCountsFromSending (A20): a slow answer does not lengthen a token's life.
func TestExpiryCountsFromSending(t *testing.T) {
	server := newServer(t, oauthtest.Options{Lifetime: time.Hour})
	client := newClient(t, server)
	clock := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	client.Now = func() time.Time { now := clock; clock = clock.Add(time.Second); return now }
	first := clock
	token, err := client.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if token.Sent.Sub(first) > 2*time.Second || token.Expires != token.Sent.Add(time.Hour) {
		t.Errorf("sent %v, expires %v, asked at %v", token.Sent, token.Expires, first)
	}
}

// TestProducts asks each product in its own way, rightly and wrongly.
func TestProducts(t *testing.T) {
	scope := []string{"https://api.example.com/.default"}
	entra := func(c *oauth.Client) { c.Auth, c.Scopes = "post", scope }
	for _, c := range []struct {
		product string
		change  func(*oauth.Client)
		server  oauthtest.Client
		says    string // "" wants a token
	}{
		{"plain", func(*oauth.Client) {}, oauthtest.Client{}, ""},
		{"jama", func(*oauth.Client) {}, oauthtest.Client{}, ""},
		{"jama-classic", func(*oauth.Client) {}, oauthtest.Client{}, ""},
		{"jama", func(c *oauth.Client) { c.Auth = "post" }, oauthtest.Client{}, "401 invalid_client"},
		{"jama", func(c *oauth.Client) { c.Secret = secret.New("wrong") }, oauthtest.Client{}, "401 invalid_client"},
		{"plain", func(c *oauth.Client) { c.RawBasic = true }, oauthtest.Client{Auth: "raw"}, ""},
		{"plain", func(*oauth.Client) {}, oauthtest.Client{Auth: "raw"}, "401 invalid_client"},
		{"plain", func(c *oauth.Client) { c.Scopes = []string{"b"} }, oauthtest.Client{Scopes: []string{"a"}}, "400 invalid_scope"},
		{"entra", entra, oauthtest.Client{}, ""},
		{"entra", func(c *oauth.Client) { c.Scopes = scope }, oauthtest.Client{}, ""}, // Basic works, too
		{"entra-v1", func(c *oauth.Client) { c.Auth, c.Resource = "post", []string{"https://api.example.com"} }, oauthtest.Client{}, ""},
		{"jakamo", entra, oauthtest.Client{}, ""},
		{"jira-miniorange", func(*oauth.Client) {}, oauthtest.Client{}, ""},
		{"entra", func(c *oauth.Client) { entra(c); c.Secret = secret.New("wrong") }, oauthtest.Client{}, "401 invalid_client: AADSTS7000215: "},
		{"entra", entra, oauthtest.Client{Expired: true}, "401 invalid_client: AADSTS7000222: "},
		{"entra", func(c *oauth.Client) { entra(c); c.ID = "other" }, oauthtest.Client{}, "400 unauthorized_client: AADSTS700016: "},
		{"entra", func(c *oauth.Client) { entra(c); c.Auth = "none" }, oauthtest.Client{}, "401 invalid_client: AADSTS7000216: "},
		{"entra", func(c *oauth.Client) { entra(c); c.Scopes = nil }, oauthtest.Client{}, "400 invalid_request: AADSTS900144: "},
		{"entra", func(c *oauth.Client) { entra(c); c.Scopes = []string{"openid"} }, oauthtest.Client{}, "400 invalid_scope: AADSTS1002012: "},
		{"entra", func(c *oauth.Client) { entra(c); c.Scopes = []string{"a", "b/.default"} }, oauthtest.Client{}, "400 invalid_scope: AADSTS70011: "},
		{"entra", entra, oauthtest.Client{Scopes: []string{"https://other/.default"}}, "400 invalid_resource: AADSTS500011: "},
		{"entra", func(c *oauth.Client) {
			entra(c)
			c.TokenURL = strings.Replace(c.TokenURL, "11111111", "99999999", 1)
		}, oauthtest.Client{}, "400 invalid_request: AADSTS90002: Tenant '99999999-2222-3333-4444-555555555555' not found."},
	} {
		c.server.ID, c.server.Secret = "client", canary
		server := newServer(t, oauthtest.Options{Product: c.product, Clients: []oauthtest.Client{c.server}, BasePath: "/ctx"})
		client := newClient(t, server)
		c.change(client)
		token, err := client.Token(t.Context())
		switch {
		case c.says == "" && err != nil:
			t.Errorf("%s: %v", c.product, err)
		case c.says == "" && token.Expires.Sub(token.Sent) != 3599*time.Second:
			t.Errorf("%s: life %v", c.product, token.Expires.Sub(token.Sent))
		case c.says != "" && (err == nil || !strings.HasPrefix(err.Error(), c.says)):
			t.Errorf("%s: got %v, want %s", c.product, err, c.says)
		}
	}
}

// TestCancelled: the caller's context ends the call, and says so.
func TestCancelled(t *testing.T) {
	server := newServer(t, oauthtest.Options{})
	if err := server.Always("silence"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for server.Count() == 0 && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	_, err := newClient(t, server).Token(ctx)
	if err == nil || !strings.Contains(err.Error(), "cancelled") {
		t.Errorf("got %v, want that it was cancelled", err)
	}
	if server.Count() != 1 {
		t.Errorf("%d requests", server.Count())
	}
}
