package door

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// The vectors of testdata/vectors are requests as HTTP text. "claim" is what the caller
// proves itself with: the id, the secret, and "basic"; "none" if it has nothing. "wish"
// is the resource and the client id, or the scope and the audience. "reply" is the status with its challenge, and the
// body; "malformed" if the request is refused before any row reads it.

// decoded reads a request as the handler does.
func decoded(t testing.TB, text string) (*Door, Ask, error) {
	t.Helper()
	head, body, _ := strings.Cut(text, "\n\n")
	body = strings.TrimSuffix(body, "\n")
	if body != "" {
		head += fmt.Sprintf("\nContent-Length: %d", len(body))
	}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.ReplaceAll(strings.TrimSuffix(head, "\n"), "\n", "\r\n") + "\r\n\r\n" + body)))
	if err != nil {
		t.Fatal(err)
	}
	a, err := askOf(r, r.URL.Path == "/rest/oauth/token")
	return find(a), a, err
}

// TestVectors runs the vectors: what is decoded, and what a client then sees of a token
// or of a refusal.
func TestVectors(t *testing.T) {
	files, err := filepath.Glob("testdata/vectors/*.txtar")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d vectors, %v: the test is blind", len(files), err)
	}
	for _, name := range files {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		part := map[string]string{}
		for _, f := range archive.Files {
			part[f.Name] = string(f.Data)
		}
		d, a, err := decoded(t, part["request"])
		if err != nil {
			if !errors.Is(err, protocol.ErrMalformed) || strings.TrimSpace(part["reply"]) != "malformed" {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		row, _, _ := strings.Cut(filepath.Base(name), "-")
		if d == nil || d != map[string]*Door{"oauth": oauthDoor, "azure": azureDoor}[row] {
			t.Errorf("%s: no row, or another one", name)
			continue
		}
		c, w, err := d.Decode(a)
		if err == nil {
			if got := claimText(c); got != strings.TrimSuffix(part["claim"], "\n") {
				t.Errorf("%s: claim %q, want %q", name, got, part["claim"])
			}
			if got := strings.TrimSpace(w.Resource + " " + w.Client + w.Narrowing.Words()); got != strings.TrimSpace(part["wish"]) {
				t.Errorf("%s: wish %q, want %q", name, got, part["wish"])
			}
			if c.Secret.IsZero() {
				err = ErrClaim
			}
		} else if part["claim"] != "" {
			t.Errorf("%s: %v", name, err)
		}
		var r Reply
		if err != nil {
			r = d.Refuse(c, err)
		} else {
			r = d.Encode(w, Grant{Token: secret.New("token"), Expires: 1_800_003_540, Life: 3540, Type: "Bearer"})
		}
		got := strings.TrimSpace(fmt.Sprint(r.Status, " ", r.Challenge)) + "\n" + string(r.Body)
		if want := strings.TrimSpace(part["reply"]); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
}

func claimText(c Claim) string {
	if c.Secret.IsZero() {
		return "none"
	}
	text := c.ID + " " + c.Secret.Reveal()
	if c.Basic {
		text += " basic"
	}
	return text
}

// FuzzDoors: whatever is asked, a row answers with one JSON object and never with the
// secret.
func FuzzDoors(f *testing.F) {
	f.Add("POST", "/rest/oauth/token", "", "Basic bGVuZC1qY2k6Y2hsX3g=", "grant_type=client_credentials", "")
	f.Add("GET", "/msi/token", "api-version=2019-08-01&resource=r", "", "", "chl_x")
	f.Fuzz(func(t *testing.T, method, path, query, basic, form, header string) {
		q, err := single(query)
		if err != nil {
			return
		}
		values, err := single(form)
		if err != nil {
			return
		}
		a := Ask{Method: method, Path: path, Query: q, Form: values, Token: path != AzurePath, Header: Fields{authorization: basic, identityHeader: header}}
		for _, d := range Doors {
			c, _, err := d.Decode(a)
			if err == nil {
				err = ErrClaim
			}
			r := d.Refuse(c, err)
			if r.Status < 400 || len(r.Body) == 0 || r.Body[0] != '{' || c.Secret.Len() > 16 && strings.Contains(string(r.Body), c.Secret.Reveal()) {
				t.Errorf("%d %s", r.Status, r.Body)
			}
		}
	})
}
