package oauth_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol/printable"
)

// TestErrorLines are the lines that people see.
func TestErrorLines(t *testing.T) {
	for _, c := range []struct {
		err  *oauth.Error
		want string
	}{
		{&oauth.Error{Kind: oauth.Refused, Status: 401, Code: "invalid_client", URL: "https://login.example.com/token"},
			"401 invalid_client (https://login.example.com/token)"},
		{&oauth.Error{Kind: oauth.Refused, Status: 401, Code: "invalid_client", Description: "AADSTS7000215: Invalid client secret provided.",
			CorrelationID: "1f0c", URL: "https://login.example.com/token"},
			"401 invalid_client: AADSTS7000215: Invalid client secret provided. (correlation id 1f0c)"},
		{&oauth.Error{Kind: oauth.Refused, Status: 403, Reason: "an empty body", URL: "https://login.example.com/token"},
			"403: an empty body (https://login.example.com/token)"},
		{&oauth.Error{Kind: oauth.Unreachable, Status: 429, Reason: "an empty body", RetryAfter: 1500 * time.Millisecond},
			"429: an empty body; the server asks to wait 2 s"},
		{&oauth.Error{Kind: oauth.Unreachable, Reason: "no such host", URL: "https://login.example.com/token"},
			"no such host (https://login.example.com/token)"},
		{&oauth.Error{Kind: oauth.Policy, Reason: "client_id is missing"}, "client_id is missing"},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
	for k, want := range map[oauth.Kind]string{oauth.Refused: "refused", oauth.Policy: "policy", 0: "unknown", 99: "unknown"} {
		if k.String() != want {
			t.Errorf("kind %d is %s", k, k)
		}
	}
}

// TestHints: the frequent failures have an answer that says what to type, the
// preset's own comes first, and every row can be reached.
func TestHints(t *testing.T) {
	own := []oauth.Hint{{Status: 401, Code: "invalid_client", Text: "deleted in Jama; store a new one: credhelper rotate {profile}"}}
	for _, c := range []struct {
		err  error
		own  []oauth.Hint
		says string
	}{
		{&oauth.Error{Kind: oauth.Refused, Status: 401, Code: "invalid_client", AADSTS: "7000215"}, nil, "credhelper rotate jama"},
		{&oauth.Error{Kind: oauth.Refused, Status: 401, Code: "invalid_client", AADSTS: "7000222"}, nil, "has expired"},
		{&oauth.Error{Kind: oauth.Refused, Status: 401, Code: "invalid_client"}, own, "deleted in Jama; store a new one: credhelper rotate jama"},
		{&oauth.Error{Kind: oauth.Refused, Status: 400, Code: "invalid_client"}, own, "wrong or was deleted;"},
		{fmt.Errorf("profile jama: %w", &oauth.Error{Kind: oauth.Refused, Status: 403, Auth: "client_secret_basic"}), nil, "basic_encoding"},
		{&oauth.Error{Kind: oauth.Unreachable, Status: 503}, nil, "try again later"},
		{&oauth.Error{Kind: oauth.Unreachable}, nil, "credhelper edit jama"},
		{&oauth.Error{Kind: oauth.Refused, Status: 401}, nil, "or token_url is not the token endpoint: credhelper edit jama"},
		{&oauth.Error{Kind: oauth.Refused, Status: 401, Code: "invalid_token"}, nil, "or token_url is not the token endpoint: credhelper edit jama"},
		{errors.New("another"), own, ""},
		{nil, own, ""},
	} {
		got := oauth.HintFor(c.err, "jama", c.own)
		if (c.says == "") != (got == "") || !strings.Contains(got, c.says) || strings.Contains(got, "{profile}") {
			t.Errorf("%v: hint %q, want %q", c.err, got, c.says)
		}
	}
	for i, h := range oauth.Hints {
		e := &oauth.Error{Kind: h.Kind, Status: h.Status, Code: h.Code, AADSTS: h.AADSTS}
		e.Auth, _, _ = strings.Cut(h.Auth, "|")
		e.Grant, _, _ = strings.Cut(h.Grant, "|")
		if got := oauth.HintFor(e, "{profile}", nil); got != h.Text {
			t.Errorf("row %d (%s%s%d) is hidden by an earlier one", i, h.AADSTS, h.Code, h.Status)
		}
		if h.Kind == 0 && h.Status == 0 && h.Code == "" && h.AADSTS == "" {
			t.Errorf("row %d fits everything", i)
		}
		if h.Text != printable.Value(h.Text) {
			t.Errorf("row %d is no short line of ASCII", i)
		}
	}
}

// TestEntraHints: each of Entra's answers that the server plays leads to a hint.
func TestEntraHints(t *testing.T) {
	server := newServer(t, oauthtest.Options{})
	played := 0
	for _, name := range oauthtest.Behaviours() {
		if !strings.HasPrefix(name, "aadsts-") || name == "aadsts-90033" {
			continue
		}
		played++
		if err := server.Always(name); err != nil {
			t.Fatal(err)
		}
		_, err := newClient(t, server).Token(t.Context())
		var e *oauth.Error
		if !errors.As(err, &e) || "aadsts-"+e.AADSTS != name || e.CorrelationID == "" {
			t.Errorf("%s: got %v", name, err)
			continue
		}
		if hint := oauth.HintFor(err, "orders", nil); !strings.Contains(strings.ToLower(hint), "entra") && !strings.Contains(hint, "tenant") &&
			!strings.Contains(hint, "credhelper") {
			t.Errorf("%s: hint %q", name, hint)
		}
	}
	if played < 10 {
		t.Errorf("only %d of Entra's answers were played", played)
	}
}

// TestSkew (A21): how far the clocks are apart is told, for tokens and errors.
func TestSkew(t *testing.T) {
	server := newServer(t, oauthtest.Options{})
	client := newClient(t, server)
	if err := server.Always("date-fast"); err != nil {
		t.Fatal(err)
	}
	token, err := client.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if token.Skew < 59*time.Minute || token.Skew > 61*time.Minute || len(token.Warnings) != 1 {
		t.Errorf("skew %v, warnings %q", token.Skew, token.Warnings)
	}
}

// TestTrace tells of each try and each wait, by words and numbers only.
func TestTrace(t *testing.T) {
	client, _, _ := retrying(t, "status-500", "reset-late")
	var steps []string
	client.Trace = func(step string, _ time.Duration, n int) { steps = append(steps, fmt.Sprint(n, " ", step)) }
	if _, err := client.Token(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(steps, ", "); got != "1 unreachable, 1 wait, 2 unreachable, 2 wait, 3 token" {
		t.Errorf("steps %s", got)
	}
}
