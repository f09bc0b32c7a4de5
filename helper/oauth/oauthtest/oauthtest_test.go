package oauthtest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
)

// start runs a server whose faults the test reads itself.
func start(t *testing.T, o oauthtest.Options) *oauthtest.Server {
	t.Helper()
	if o.Fault == nil {
		o.Fault = func(string, ...any) {}
	}
	return oauthtest.Start(t, o)
}

// send makes a request as the test wants it, right or wrong.
func send(t *testing.T, method, url, body string, header ...string) (status int, answer string, h http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(all), resp.Header
}

const (
	form  = "application/x-www-form-urlencoded"
	basic = "Basic Y2xpZW50OnNlY3JldA==" // client:secret
	grant = "grant_type=client_credentials"
)

// TestStrict: each request that RFC 6749 forbids is a fault and gets no token.
func TestStrict(t *testing.T) {
	for _, c := range []struct {
		name, method, query, body string
		header                    []string
		fault                     string // "" is a good request
	}{
		{"good basic", "POST", "", grant, []string{"Content-Type", form, "Accept", "application/json", "Authorization", basic}, ""},
		{"good post", "POST", "", grant + "&client_id=client&client_secret=secret", []string{"Content-Type", form, "Accept", "application/json"}, ""},
		{"resource may repeat", "POST", "", grant + "&resource=urn:a&resource=urn:b", []string{"Content-Type", form, "Accept", "application/json", "Authorization", basic}, ""},
		{"GET", "GET", "", "", []string{"Accept", "application/json", "Authorization", basic}, "method GET"},
		{"secret in the URL", "POST", "?client_secret=secret", grant, []string{"Content-Type", form, "Accept", "application/json"}, "a query"},
		{"JSON", "POST", "", `{"grant_type":"client_credentials"}`, []string{"Content-Type", "application/json", "Accept", "application/json"}, "content type"},
		{"no content type", "POST", "", grant, []string{"Accept", "application/json"}, "content type"},
		{"another charset", "POST", "", grant, []string{"Content-Type", form + "; charset=latin1", "Accept", "application/json"}, "charset"},
		{"no Accept", "POST", "", grant, []string{"Content-Type", form, "Authorization", basic}, "Accept"},
		{"cookie", "POST", "", grant, []string{"Content-Type", form, "Accept", "application/json", "Cookie", "a=b"}, "cookie"},
		{"both ways", "POST", "", grant + "&client_id=client&client_secret=secret", []string{"Content-Type", form, "Accept", "application/json", "Authorization", basic}, "two ways"},
		{"basic and assertion", "POST", "", grant + "&client_assertion=x", []string{"Content-Type", form, "Accept", "application/json", "Authorization", basic}, "two ways"},
		{"two Authorization", "POST", "", grant, []string{"Content-Type", form, "Accept", "application/json", "Authorization", basic, "Authorization", basic}, "two Authorization"},
		{"bearer", "POST", "", grant, []string{"Content-Type", form, "Accept", "application/json", "Authorization", "Bearer x"}, "not Basic"},
		{"broken basic", "POST", "", grant, []string{"Content-Type", form, "Accept", "application/json", "Authorization", "Basic !"}, "cannot be read"},
		{"basic without colon", "POST", "", grant, []string{"Content-Type", form, "Accept", "application/json", "Authorization", "Basic eA=="}, "cannot be read"},
		{"other id in the form", "POST", "", grant + "&client_id=other", []string{"Content-Type", form, "Accept", "application/json", "Authorization", basic}, "client_id"},
		{"secret without id", "POST", "", grant + "&client_secret=secret", []string{"Content-Type", form, "Accept", "application/json"}, "without client_id"},
		{"parameter twice", "POST", "", grant + "&scope=a&scope=b", []string{"Content-Type", form, "Accept", "application/json", "Authorization", basic}, "scope twice"},
		{"empty parameter", "POST", "", grant + "&scope=", []string{"Content-Type", form, "Accept", "application/json", "Authorization", basic}, "scope without a value"},
		{"no grant", "POST", "", "scope=a", []string{"Content-Type", form, "Accept", "application/json", "Authorization", basic}, "no grant_type"},
		{"no form", "POST", "", "%zz", []string{"Content-Type", form, "Accept", "application/json", "Authorization", basic}, "no form"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var told []string
			s := start(t, oauthtest.Options{Fault: func(f string, a ...any) { told = append(told, fmt.Sprintf(f, a...)) }})
			status, answer, _ := send(t, c.method, s.TokenURL()+c.query, c.body, c.header...)
			faults := strings.Join(s.Faults(), "; ")
			if c.fault == "" {
				if status != 200 || faults != "" || !strings.Contains(answer, "access_token") {
					t.Errorf("%d %s, faults %q", status, answer, faults)
				}
				return
			}
			if status != 400 || !strings.Contains(faults, c.fault) || len(told) != 1 || strings.Contains(answer, "access_token") {
				t.Errorf("%d %s, faults %q, told %q, want %q", status, answer, faults, told, c.fault)
			}
		})
	}
}

// TestRecords: what came is kept to the byte.
func TestRecords(t *testing.T) {
	s := start(t, oauthtest.Options{BasePath: "/ctx"})
	send(t, "POST", s.TokenURL(), grant+"&scope=%61", "Content-Type", form, "Accept", "application/json", "Authorization", basic)
	send(t, "GET", s.URL()+"/me?x=%61", "")
	if s.Count() != 1 || len(s.Calls()) != 1 {
		t.Fatalf("%d token requests, %d calls", s.Count(), len(s.Calls()))
	}
	got := s.Requests()[0]
	if got.Target != "/ctx/token" || got.Body != grant+"&scope=%61" || got.Header.Get("Authorization") != basic || got.Proto != "HTTP/1.1" {
		t.Errorf("kept %+v", got)
	}
	if call := s.Calls()[0]; call.Target != "/ctx/me?x=%61" {
		t.Errorf("kept %+v", call)
	}
}

// token asks a server for one.
func token(t *testing.T, s *oauthtest.Server, id string) string {
	t.Helper()
	_, answer, _ := send(t, "POST", s.TokenURL(), grant+"&scope=https://api.example.com/.default&client_id="+id+"&client_secret=secret",
		"Content-Type", form, "Accept", "application/json")
	var got struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(answer), &got); err != nil || got.AccessToken == "" {
		t.Fatalf("no token: %s", answer)
	}
	return got.AccessToken
}

// TestAPIs: what the products' APIs answer to a good token, a bad one, none, a
// user that is not known and one that may not.
func TestAPIs(t *testing.T) {
	clients := []oauthtest.Client{
		{ID: "good", Secret: "secret", Auth: "post"}, {ID: "barred", Secret: "secret", Auth: "post", Barred: true},
		{ID: "nobody", Secret: "secret", Auth: "post", NoUser: true},
	}
	for _, c := range []struct {
		product, client, path string
		status                int
		says                  string
	}{
		{"plain", "good", "/me", 200, `"client_id":"good"`},
		{"plain", "", "/me", 401, "invalid_token"},
		{"plain", "bad", "/me", 401, "invalid_token"},
		{"plain", "barred", "/me", 403, "insufficient_scope"},
		{"jama", "good", "/rest/v1/users/current", 200, `"email":"james@example.com"`},
		{"jama", "good", "/rest/v1/projects", 200, `"projectKey":"DEMO"`},
		{"jama", "bad", "/rest/v1/users/current", 401, `"meta":`},
		{"jama", "barred", "/rest/v1/users/current", 403, "This user is not permitted to use the API"},
		{"jama-classic", "good", "/rest/v1/users/current", 200, "James"},
		{"jama", "good", "/elsewhere", 404, `"meta":`},
		{"entra", "good", "/me", 200, "good"},
		{"jakamo", "good", "/api/order/1", 200, "urn:oasis:names:specification:ubl"},
		{"jakamo", "bad", "/api/order/1", 401, "<error>"},
		{"jakamo", "barred", "/api/order/1", 403, "<error>"},
		{"jakamo", "good", "/api/claim/1", 404, "<error>"},
		{"jira-miniorange", "good", "/rest/api/2/myself", 200, `"displayName":"Anna Example"`},
		{"jira-miniorange", "nobody", "/rest/api/2/myself", 400, "No user found with this username/email address"},
		{"jira-miniorange", "bad", "/rest/api/2/myself", 401, `"status-code":401`},
		{"jira-miniorange", "bad", "/rest/api/2/project", 200, "[]"},
		{"jira-miniorange", "bad", "/rest/api/2/serverInfo", 200, "version"},
		{"jira-miniorange", "barred", "/rest/api/2/myself", 403, "permission"},
	} {
		s := start(t, oauthtest.Options{Product: c.product, Clients: clients, Fault: t.Errorf})
		var header []string
		switch c.client {
		case "":
		case "bad":
			header = []string{"Authorization", "Bearer bad"}
		default:
			if strings.HasPrefix(c.product, "jama") {
				s.SetClient(oauthtest.Client{ID: c.client, Secret: "secret", Auth: "either", Barred: c.client == "barred"})
			}
			header = []string{"Authorization", "Bearer " + token(t, s, c.client)}
		}
		status, answer, h := send(t, "GET", s.URL()+c.path, "", header...)
		if status != c.status || !strings.Contains(answer, c.says) {
			t.Errorf("%s %s %s: %d %s, want %d %s", c.product, c.client, c.path, status, answer, c.status, c.says)
		}
		if strings.HasPrefix(c.product, "jira") && h.Get("X-Seraph-LoginReason") == "" {
			t.Error("no X-Seraph-LoginReason")
		}
	}
}

// TestTokensEnd: by time, and when they are revoked.
func TestTokensEnd(t *testing.T) {
	now := time.Now()
	s := start(t, oauthtest.Options{Clients: []oauthtest.Client{{ID: "good", Secret: "secret"}}, Now: func() time.Time { return now }, Lifetime: time.Minute})
	for _, end := range []func(){func() { now = now.Add(time.Minute) }, s.RevokeAll} {
		header := []string{"Authorization", "Bearer " + token(t, s, "good")}
		if status, _, _ := send(t, "GET", s.URL()+"/me", "", header...); status != 200 {
			t.Fatalf("a fresh token: %d", status)
		}
		end()
		if status, _, _ := send(t, "GET", s.URL()+"/me", "", header...); status != 401 {
			t.Errorf("a dead token: %d", status)
		}
	}
}

// TestJamaThrottles: more than ten calls a second are 429, without Retry-After.
func TestJamaThrottles(t *testing.T) {
	now := time.Now()
	s := start(t, oauthtest.Options{Product: "jama", Now: func() time.Time { return now }})
	for i := range 12 {
		status, _, h := send(t, "GET", s.URL()+"/rest/v1/projects", "")
		if (status == 429) != (i >= 10) || h.Get("Retry-After") != "" {
			t.Errorf("call %d: %d, Retry-After %q", i+1, status, h.Get("Retry-After"))
		}
	}
	now = now.Add(2 * time.Second)
	if status, _, _ := send(t, "GET", s.URL()+"/rest/v1/projects", ""); status == 429 {
		t.Error("still throttled two seconds later")
	}
}

// TestControl: a script can count and steer; without the option there is nothing.
func TestControl(t *testing.T) {
	s := start(t, oauthtest.Options{Control: true, Clients: []oauthtest.Client{{ID: "good", Secret: "secret"}}})
	token(t, s, "good")
	for _, c := range []struct {
		method, path string
		status       int
		says         string
	}{
		{"GET", "/_/count", 200, "1\n"}, {"GET", "/_/calls", 200, "0\n"}, {"GET", "/_/faults", 200, "\n"}, {"GET", "/_/trapped", 200, "0\n"},
		{"POST", "/_/queue?name=status-503,ok", 200, "\n"}, {"POST", "/_/queue?name=made-up", 400, `no behaviour "made-up"`},
		{"POST", "/_/always?name=status-503", 200, "\n"}, {"POST", "/_/always?name=ok", 200, "\n"}, {"POST", "/_/revoke", 200, "\n"},
		{"POST", "/_/delay?ms=1", 200, "\n"}, {"POST", "/_/delay?ms=x", 400, "invalid duration"}, {"GET", "/_/elsewhere", 404, ""},
	} {
		if status, answer, _ := send(t, c.method, s.URL()+c.path, ""); status != c.status || !strings.Contains(answer, c.says) {
			t.Errorf("%s %s: %d %q", c.method, c.path, status, answer)
		}
	}
	if status, _, _ := send(t, "GET", start(t, oauthtest.Options{}).URL()+"/_/count", ""); status == 200 {
		t.Error("control without the option")
	}
}

// TestOptions: what cannot be played is refused, not guessed.
func TestOptions(t *testing.T) {
	for _, o := range []oauthtest.Options{{Product: "made-up"}, {Certificate: "made-up"}, {Address: "0.0.0.0:0"}, {Address: "example.com:0"}, {Address: "x"}} {
		if s, err := oauthtest.New(o); err == nil {
			s.Close()
			t.Errorf("%+v is played", o)
		}
	}
	s := start(t, oauthtest.Options{TokenSize: 3000, Clients: []oauthtest.Client{{ID: "good", Secret: "secret"}}})
	if n := len(token(t, s, "good")); n != 3000 {
		t.Errorf("a token of %d bytes", n)
	}
	if s.Queue("made-up") == nil || s.Always("made-up") == nil {
		t.Error("an unknown behaviour is taken")
	}
}

// TestAnswerFiles: names are unique, and every row of the table of hostile
// answers that is an answer has at least one.
func TestAnswerFiles(t *testing.T) {
	all, err := oauthtest.Answers()
	if err != nil {
		t.Fatal(err)
	}
	rows, names := map[int]int{}, map[string]bool{}
	for _, a := range all {
		if names[a.Name] || strings.ContainsAny(a.Name, " /") {
			t.Errorf("%s: name %q", a.File, a.Name)
		}
		names[a.Name] = true
		rows[a.Row]++
	}
	elsewhere := map[int]string{ // rows that no static answer can be
		30: "refresh grant", 31: "resets", 35: "kept-open", 39: "certificates", 42: "TLS name check",
	}
	for row := 1; row <= 42; row++ {
		if (rows[row] == 0) != (elsewhere[row] != "") {
			t.Errorf("row %d: %d answers, elsewhere: %q", row, rows[row], elsewhere[row])
		}
	}
}
