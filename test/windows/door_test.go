//go:build wine

package windows

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
)

// TestDoor: a guest gets a token and the API by its secret, which on Windows is the only
// protection, and a wrong secret gets nothing.
func TestDoor(t *testing.T) {
	s := newServer(t)
	u := newHome(t).withProfile(s)
	var guest struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	lent := u.wants(0, "", "lend", "jama", "--to", "jci", "--json").stdout
	if err := json.Unmarshal([]byte(lent), &guest); err != nil || guest.ID == "" || guest.Secret == "" {
		t.Fatalf("%v: %s", err, lent)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	u.started(filepath.Join(u.bin, "credhelper.exe"), "proxy", "--listen", address)
	ask := func(path, secret string, form url.Values) (int, string) {
		method, body := "GET", io.Reader(nil)
		if form != nil {
			method, body = "POST", strings.NewReader(form.Encode())
		}
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+path, body)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth(guest.ID, secret)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		reply, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0, err.Error()
		}
		defer reply.Body.Close()
		content, _ := io.ReadAll(reply.Body)
		return reply.StatusCode, string(content)
	}
	grant := url.Values{"grant_type": {"client_credentials"}}
	within(t, "a token from the door", func() bool {
		status, _ := ask("/rest/oauth/token", guest.Secret, grant)
		return status == http.StatusOK
	})
	if status, content := ask("/rest/oauth/token", "chl_wrong", grant); status != http.StatusUnauthorized {
		t.Errorf("a wrong secret: %d %s", status, content)
	}
	if status, content := ask("/rest/v1/users/current", guest.Secret, nil); status != http.StatusOK {
		t.Errorf("the API: %d %s", status, content)
	}
	requests(t, s, 1)
	killed(t, "credhelper") // and with it the engine and the door
	within(t, "the end of the door", func() bool { return len(processes(t, "credhelper-plugin")) == 0 })
}
