//go:build tools

package tools

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// door is a running credhelper proxy (docs/door.md).
type door struct {
	*world
	flags   []string
	listen  string
	url     string
	process *exec.Cmd
}

// door starts credhelper proxy at a port that is free.
func (w *world) door(flags ...string) *door {
	w.t.Helper()
	d := &door{world: w, flags: flags, listen: "127.0.0.1:0"}
	d.start()
	w.t.Cleanup(d.kill)
	return d
}

// start starts it, after kill at the same address.
func (d *door) start() {
	d.t.Helper()
	cmd := exec.Command(filepath.Join(d.bin, "credhelper"), append([]string{"proxy", "--listen", d.listen}, d.flags...)...)
	cmd.Env, cmd.Dir = d.env, d.home
	said, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		d.t.Fatal(err)
	}
	d.process = cmd
	_ = said.(*os.File).SetReadDeadline(time.Now().Add(time.Minute))
	lines := bufio.NewReader(said)
	line, err := lines.ReadString('\n')
	_, url, found := strings.Cut(strings.TrimSpace(line), "the door is at ")
	if err != nil || !found {
		d.kill()
		d.t.Fatalf("credhelper proxy: %q, %v", line, err)
	}
	_ = said.(*os.File).SetReadDeadline(time.Time{})
	go io.Copy(io.Discard, lines)
	_, d.listen, _ = strings.Cut(url, "://")
	d.url = url
}

// kill ends it without warning.
func (d *door) kill() {
	_ = d.process.Process.Kill()
	_ = d.process.Wait()
}

// guest is what lend says of a guest, with the address of this door.
type guest struct {
	ID       string `json:"client_id"`
	Secret   string `json:"client_secret"`
	URL      string `json:"url"`
	TokenURL string `json:"token_url"`
}

// lend makes a guest of a profile.
func (d *door) lend(profile, name string, flags ...string) (g guest) {
	d.t.Helper()
	out := d.ok(nil, append([]string{"credhelper", "lend", profile, "--to", name, "--json"}, flags...)...)
	if err := json.Unmarshal([]byte(strings.ReplaceAll(out, usualDoor, d.url)), &g); err != nil || g.Secret == "" {
		d.t.Fatalf("lend: %q, %v", out, err)
	}
	return g
}

// usualDoor is the address at which credhelper proxy listens unless it is told otherwise.
const usualDoor = "http://127.0.0.1:7717"

// hello answers every request with one word.
var hello = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello") })

// doorTo returns a door with a profile for a site that demands the token.
func doorTo(t *testing.T, content http.Handler) (*door, *site) {
	t.Helper()
	w := newWorld(t)
	site := w.site("Bearer", content)
	w.profile("work", site.URL)
	return w.door(), site
}

// wrong is a secret that lend did not make.
const wrong = "chl_0000000000000000000000000000000000000000000000000000000000000000"

// TestDoorGoClient: golang.org/x/oauth2 is what most Go programs have: id, secret and a
// token URL.
func TestDoorGoClient(t *testing.T) {
	d, site := doorTo(t, hello)
	g := d.lend("work", "app")
	config := clientcredentials.Config{ClientID: g.ID, ClientSecret: g.Secret, TokenURL: g.TokenURL}
	for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleAutoDetect, oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams} {
		config.AuthStyle = style
		client := config.Client(t.Context())
		for range 2 {
			answer, err := client.Get(g.URL + "/x")
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(answer.Body)
			answer.Body.Close()
			if answer.StatusCode != 200 || string(body) != "hello" {
				t.Errorf("%d %q", answer.StatusCode, body)
			}
		}
	}
	if n := site.served(t); n != 6 {
		t.Errorf("%d requests with the token, want 6", n)
	}
	d.requests(1)
	token, err := config.Token(t.Context())
	if err != nil || !strings.HasPrefix(token.AccessToken, "chd_") {
		t.Errorf("the client has %.8q: %v", token.AccessToken, err)
	}
	config.ClientSecret = wrong
	if _, err := config.Token(t.Context()); err == nil || !strings.Contains(err.Error(), `"invalid_client" "credhelper: `) {
		t.Errorf("with a wrong secret: %v", err)
	}
	d.ok(nil, "credhelper", "cache", "clear", "work")
	d.refuseSecret()
	config.ClientSecret = g.Secret
	if _, err := config.Token(t.Context()); err == nil || !strings.Contains(err.Error(), `"unauthorized_client" "credhelper: `) || !strings.Contains(err.Error(), "credhelper rotate work") {
		t.Errorf("when the profile's secret has ended: %v", err)
	}
	d.requests(2)
}

// testdata returns the path of a file of this package.
func testdata(t *testing.T, name string) string { return absolute(t, "testdata/"+name) }

// absolute returns a path that holds in every directory.
func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
