//go:build tools

package tools

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// relay passes connections on to a door, and keeps what went through them.
type relay struct {
	net.Listener
	to string

	mu   sync.Mutex
	both []*[2]bytes.Buffer // of each connection: requests, responses
	done sync.WaitGroup
}

func newRelay(t *testing.T) *relay {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return &relay{Listener: l}
}

func (r *relay) serve() {
	for {
		from, err := r.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", r.to)
		if err != nil {
			from.Close()
			continue
		}
		kept := new([2]bytes.Buffer)
		r.mu.Lock()
		r.both = append(r.both, kept)
		r.mu.Unlock()
		pass := func(a, b net.Conn, into *bytes.Buffer) {
			_, _ = io.Copy(io.MultiWriter(a, into), b)
			a.Close()
			b.Close()
		}
		r.done.Go(func() { pass(to, from, &kept[0]) })
		r.done.Go(func() { pass(from, to, &kept[1]) })
	}
}

// answered returns the status of each answer, by method and path.
func (r *relay) answered(t *testing.T) map[string]int {
	t.Helper()
	r.Close()
	r.done.Wait()
	all := map[string]int{}
	for _, kept := range r.both {
		up, down := bufio.NewReader(&kept[0]), bufio.NewReader(&kept[1])
		for {
			request, err := http.ReadRequest(up)
			if err != nil {
				break
			}
			_, _ = io.Copy(io.Discard, request.Body)
			what := request.Method + " " + request.URL.Path
			all[what] = 0
			answer, err := http.ReadResponse(down, request)
			if err != nil {
				t.Errorf("%s: %v", what, err)
				break
			}
			body, _ := io.ReadAll(answer.Body)
			all[what] = answer.StatusCode
			if strings.Contains(string(body), "hello") || answer.Header.Get("WWW-Authenticate") != "" || answer.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s: %v %s", what, answer.Header, body)
			}
		}
	}
	return all
}

// attacks is a page that tries everything that a page can send to the door at DOOR, whose
// token endpoint is at TOKEN. It even knows ID and SECRET of a guest.
const attacks = `<!DOCTYPE html><body><script>
const door = 'http://DOOR', settled = [];
const until = (start) => settled.push(new Promise((resolve) => start(resolve)));
const element = (name, attributes) => until((done) => {
  const e = Object.assign(document.createElement(name), attributes);
  e.onload = e.onerror = done;
  document.body.append(e);
});
const asks = (path, options) => until((done) => fetch(door + path, options).then(done, done));
asks('/fetch', { mode: 'no-cors', credentials: 'include' });
asks('/cors');
asks('/preflight', { headers: { Authorization: 'Bearer SECRET' } });
asks('/post', { method: 'POST', mode: 'no-cors', body: 'text' });
element('img', { src: door + '/img' });
element('script', { src: door + '/script' });
element('iframe', { src: door + '/frame' });
element('iframe', { src: 'http://REBOUND/rebound' });
navigator.sendBeacon(door + '/beacon', 'text');
until((done) => { const s = new EventSource(door + '/events'); s.onerror = () => { s.close(); done(); }; });
until((done) => { const s = new WebSocket('ws://DOOR/socket'); s.onclose = done; });
until((done) => {
  const frame = Object.assign(document.createElement('iframe'), { name: 'answer' });
  document.body.append(frame);
  const form = Object.assign(document.createElement('form'), { method: 'POST', action: door + 'TOKEN', target: 'answer' });
  for (const [name, value] of Object.entries({ grant_type: 'client_credentials', client_id: 'ID', client_secret: 'SECRET' })) {
    form.append(Object.assign(document.createElement('input'), { name, value }));
  }
  document.body.append(form);
  frame.onload = done;
  form.submit();
});
Promise.all(settled).then(() => fetch('/done'));
</script>`

// TestDoorBrowser (D3, D4): a page of another origin gets nothing from the door, whatever
// it sends, and neither does one whose host name leads to the door: no token is requested,
// and the API sees nothing.
func TestDoorBrowser(t *testing.T) {
	for _, from := range []string{"127.0.0.1", "evil.test"} {
		t.Run(from, func(t *testing.T) {
			w := newWorld(t)
			site := w.site("Bearer", hello)
			w.profile("work", site.URL)
			r := newRelay(t)
			d := w.door("--name", r.Addr().String())
			r.to = d.listen
			go r.serve()
			g := d.lend("work", "app")
			token := strings.TrimPrefix(g.TokenURL, d.url)

			_, port, _ := net.SplitHostPort(r.Addr().String())
			page := strings.NewReplacer("DOOR", r.Addr().String(), "REBOUND", "rebound.test:"+port, "TOKEN", token, "ID", g.ID, "SECRET", g.Secret).Replace(attacks)
			done := make(chan struct{})
			attacker := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/":
					rw.Header().Set("Content-Type", "text/html")
					fmt.Fprint(rw, page)
				case "/done":
					close(done)
				}
			}))
			defer attacker.Close()
			browse(t, strings.Replace(attacker.URL, "127.0.0.1", from, 1), done)

			want := map[string]int{
				"GET /fetch": 403, "GET /cors": 403, "OPTIONS /preflight": 403, "POST /post": 403, "GET /img": 403, "GET /script": 403, "GET /frame": 403,
				"POST /beacon": 403, "GET /events": 403, "GET /socket": 403, "POST " + token: 403, "GET /rebound": 421,
			}
			got := r.answered(t)
			delete(got, "GET /favicon.ico")
			if !maps.Equal(got, want) {
				for _, what := range slices.Sorted(maps.Keys(want)) {
					if got[what] != want[what] {
						t.Errorf("%s: %d, want %d", what, got[what], want[what])
					}
				}
				t.Errorf("got %v", got)
			}
			d.requests(0)
			if n := len(site.requests()); n != 0 {
				t.Errorf("the API saw %d requests", n)
			}
		})
	}
}

// browse opens an address in a headless Chromium until done. All names of .test lead to
// this machine.
func browse(t *testing.T, address string, done <-chan struct{}) {
	t.Helper()
	cmd := exec.Command("chromium-headless-shell", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir="+t.TempDir(),
		"--host-resolver-rules=MAP *.test 127.0.0.1", "--remote-debugging-port=0", address)
	var said bytes.Buffer
	cmd.Stderr, cmd.WaitDelay = &said, time.Second // its children hold the pipe for a while
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // the command is a script
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Errorf("the page has not tried everything\n%s", said.String())
	}
}
