package oauth_test

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
)

// pageRow is a row of docs/answers.md.
type pageRow struct {
	what   string   // "taken", "refused" or "later"
	says   string   // what the error says; "" for a token
	played []string // names of answers
}

var quotedText = regexp.MustCompile("`([^`]*)`")

func readPage(t *testing.T) (rows []pageRow) {
	t.Helper()
	page, err := os.ReadFile("../../docs/answers.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 7 || strings.Contains(cells[2], "what we do") || strings.HasPrefix(cells[1], "--") {
			continue
		}
		row := pageRow{what: strings.TrimSpace(cells[2])}
		if says := quotedText.FindStringSubmatch(cells[3]); says != nil {
			row.says = says[1]
		}
		for _, name := range quotedText.FindAllStringSubmatch(cells[5], -1) {
			row.played = append(row.played, name[1])
		}
		if len(row.played) == 0 || row.what == "taken" == (row.says != "") {
			t.Fatalf("the row %q", line)
		}
		rows = append(rows, row)
	}
	if len(rows) < 40 {
		t.Fatalf("only %d rows: where are the others?", len(rows))
	}
	return rows
}

// TestAnswersPage plays what docs/answers.md lists, and finds every reason of ours to
// refuse an answer there.
func TestAnswersPage(t *testing.T) {
	rows := readPage(t)
	all, err := oauthtest.Answers()
	if err != nil {
		t.Fatal(err)
	}
	server := newServer(t, oauthtest.Options{})
	played := map[string]error{}
	for _, a := range all {
		if err := server.Always(a.Name); err != nil {
			t.Fatal(err)
		}
		client := newClient(t, server)
		for _, line := range a.Client {
			set(t, client, line)
		}
		_, played[a.Name] = client.Token(t.Context())
	}
	for _, row := range rows {
		for _, name := range row.played {
			err, known := played[name]
			if !known {
				t.Errorf("no answer %s", name)
				continue
			}
			if got := outcome(err); got != row.what || err != nil && !strings.Contains(err.Error(), row.says) {
				t.Errorf("%s: the page has %s, %q; it is %s: %v", name, row.what, row.says, got, err)
			}
		}
	}
	for name, err := range played {
		if e := new(oauth.Error); errors.As(err, &e) && e.Kind == oauth.Malformed && e.Status != 0 && !onPage(rows, e.Reason) {
			t.Errorf("%s: the page does not have %q", name, e.Reason)
		}
	}
}

// onPage reports whether a row has a reason, up to what it says of the answer itself.
func onPage(rows []pageRow, reason string) bool {
	if strings.Contains(reason, "breaks off") {
		return true // the network's, and on its page
	}
	for _, row := range rows {
		head, _, _ := strings.Cut(row.says, ";")
		head, _, _ = strings.Cut(head, "https://") // of a redirect
		if row.says != "" && (strings.Contains(reason, head) || strings.Contains(head, reason)) {
			return true
		}
	}
	return false
}

// outcome is what the page calls the end of a request.
func outcome(err error) string {
	var e *oauth.Error
	switch {
	case err == nil:
		return "taken"
	case errors.As(err, &e) && e.Kind == oauth.Unreachable:
		return "later"
	}
	return "refused"
}

// TestCures: each reason to refuse an answer comes with advice of its own, and the
// one about addresses only where the address may be wrong.
func TestCures(t *testing.T) {
	server := newServer(t, oauthtest.Options{})
	for name, part := range map[string]string{
		"rotated-no-type": "allow_missing_token_type = true", "type-bearer-token": `allow_token_types = ["BearerToken"]`,
		"type-dpop": "register this client at the server for plain bearer tokens", "token-equals-inside": `token_charset = "wide"`,
		"token-16385": "fewer groups, roles or claims", "form": "allow_form_reply = true", "html": "a network that wants a sign-in",
		"html-403": "a firewall", "expires-in-hours": "whoever runs the server", "expires-in-zero": "its clock", "wrapped": "that of another API",
		"redirect-named": "change token_url", "status-203": "a proxy in between changed the answer", "status-202": "check token_url",
		"empty-body": "check token_url",
	} {
		if err := server.Always(name); err != nil {
			t.Fatal(err)
		}
		_, err := newClient(t, server).Token(t.Context())
		hint := oauth.HintFor(err, "jama", nil)
		if !strings.Contains(hint, part) || strings.Contains(hint, "{") {
			t.Errorf("%s: %q", name, hint)
		}
		if address := strings.Contains(hint, "does not answer as a token endpoint"); address != (part == "check token_url") {
			t.Errorf("%s: %q", name, hint)
		}
	}
}
