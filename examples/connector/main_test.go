//go:build unix

package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/internal/program"
)

// TestAsk: the example as its reader would run it, with the real credhelper. The
// API refuses the first token, as after a key rotation, and gets another one.
func TestAsk(t *testing.T) {
	issued, refused := 0, ""
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		switch {
		case r.URL.Path == "/token":
			issued++
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"access_token":"t0k-%d","token_type":"Bearer","expires_in":3600}`, issued)
		case refused == "" && token != "":
			refused = token
			w.WriteHeader(http.StatusUnauthorized)
		case token != refused && strings.HasPrefix(token, "t0k-"):
			fmt.Fprint(w, "hello")
		default:
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer api.Close()
	bin := os.Getenv("CREDHELPER_TEST_BIN")
	if bin == "" {
		bin = t.TempDir()
		if err := program.Build(bin); err != nil {
			t.Fatal(err)
		}
	}
	home, err := program.NewHome(t.TempDir(), bin)
	if err != nil {
		t.Fatal(err)
	}
	defer home.Close()
	err = home.AddProfile(program.Profile{Name: "api", Origin: api.URL, TokenURL: api.URL + "/token", ClientID: "client", Secret: "s3cret"})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("CREDHELPER_HOME", home.Dir)
	t.Setenv("HOME", home.Dir)
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	var out strings.Builder
	if err := ask(api.URL+"/rest/v1/users/current", &out); err != nil || out.String() != "200 hello\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
	if err := ask("https://evil.test/", &out); err == nil {
		t.Error("a token for a URL that no profile lists")
	}
}
