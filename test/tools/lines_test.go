//go:build tools

package tools

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// The clients of examples/python and examples/node are what people copy: each is
// driven here, by the same words, through the real program. A driver reads a word
// and its argument a line, and says a line about what came of it:
//
//	fetch URL   the answer's status and text
//	get URL     the profile that answered
//	print URL   a credential as programs print one
//	many URL    how many of 64 requests that were under way at once were answered with 200
//	pid         the process number of its credhelper
//	close       ends it
var drivers = map[string]struct{ file, text string }{
	"python": {"driver.py", `
import sys, threading
sys.path.insert(0, sys.argv[1])
import credhelper
helper = credhelper.Helper(*[sys.argv[2:]][:len(sys.argv) > 2])
def fetch(url):
    with helper.request("GET", url) as answer:
        return "%d %s" % (answer.status, answer.read().decode().strip())
def many(url):
    good = []
    threads = [threading.Thread(target=lambda: good.append(fetch(url).startswith("200 "))) for _ in range(64)]
    [t.start() for t in threads], [t.join() for t in threads]
    return str(sum(good))
def show(url):
    c = helper.get(uri=url)
    return "%s %r %s" % (c, c, [c])
words = {"fetch": fetch, "many": many, "print": show, "get": lambda url: helper.get(uri=url).profile,
         "pid": lambda _: str(helper._child.process.pid), "close": lambda _: helper.close() or "closed"}
for line in sys.stdin:
    word, _, argument = line.strip().partition(" ")
    try:
        said = words[word](argument)
    except credhelper.HelperError as e:
        said = "error %d %s %s" % (e.code, e.kind, e)
    print(said, flush=True)
`},
	"node": {"driver.mjs", `
import { createInterface } from 'node:readline';
import { inspect } from 'node:util';
import { readFileSync } from 'node:fs';
const [, , folder, ...command] = process.argv;
const { Helper, HelperError } = await import(folder + '/credhelper.mjs');
const helper = new Helper(command.length ? { command } : {});
const fetchText = async (url) => { const answer = await helper.fetch(url); return answer.status + ' ' + (await answer.text()).trim(); };
const words = {
  fetch: fetchText,
  many: async (url) => String((await Promise.all(Array.from({ length: 64 }, () => fetchText(url)))).filter((s) => s.startsWith('200 ')).length),
  print: async (url) => { const c = await helper.get({ uri: url }); return [String(c), inspect(c, { showHidden: true, depth: 9 }), JSON.stringify(c)].join(' ').replaceAll('\n', ' '); },
  get: async (url) => (await helper.get({ uri: url })).profile,
  pid: async () => readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8').trim(),
  close: async () => { await helper.close(); return 'closed'; },
};
for await (const line of createInterface({ input: process.stdin })) {
  const [word, argument] = line.split(' ');
  try {
    console.log(await words[word](argument));
  } catch (e) {
    if (!(e instanceof HelperError)) throw e;
    console.log('error', e.code, e.kind, e.message);
  }
}
`},
}

// driver is a program that uses one of the clients.
type driver struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// drive starts a driver. command is what its client executes; "" is the default.
func (w *world) drive(language string, command ...string) *driver {
	w.t.Helper()
	folder, err := filepath.Abs("../../examples/" + language)
	if err != nil {
		w.t.Fatal(err)
	}
	program := map[string]string{"python": "python3", "node": "node"}[language]
	path, err := w.find(program)
	if err != nil {
		w.t.Fatal(err)
	}
	d := &driver{t: w.t}
	d.cmd = exec.Command(path, append([]string{w.write(drivers[language].file, drivers[language].text), folder}, command...)...)
	d.cmd.Dir, d.cmd.Env = w.home, append([]string{"PYTHONDONTWRITEBYTECODE=1", "NODE_EXTRA_CA_CERTS=" + authorityFile()}, w.env...)
	d.cmd.Stderr = testWriter{w.t}
	if d.in, err = d.cmd.StdinPipe(); err != nil {
		w.t.Fatal(err)
	}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	d.out = bufio.NewReader(out)
	if err := d.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = d.cmd.Process.Kill(); _ = d.cmd.Wait() })
	return d
}

type testWriter struct{ t *testing.T }

// Write implements io.Writer.
func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("stderr: %s", p)
	return len(p), nil
}

// says sends the driver a command and returns its reply.
func (d *driver) says(word string) string {
	d.t.Helper()
	if _, err := fmt.Fprintln(d.in, word); err != nil {
		d.t.Fatal(err)
	}
	line, err := d.out.ReadString('\n')
	if err != nil {
		d.t.Fatalf("%s: %q, %v", word, line, err)
	}
	return strings.TrimSpace(line)
}

// must fails unless the driver's reply begins so.
func (d *driver) must(word, want string) {
	d.t.Helper()
	if said := d.says(word); !strings.HasPrefix(said, want) {
		d.t.Errorf("%s: %q, want %q", word, said, want)
	}
}

// TestLinesClients: the clients of the JSON lines get tokens, replace those that the API
// does not accept, keep the token from other origins, and wait when told to.
func TestLinesClients(t *testing.T) {
	for language := range drivers {
		t.Run(language, func(t *testing.T) {
			w := newWorld(t)
			stranger := w.stranger("Bearer", http.NotFoundHandler())
			var busy atomic.Int32
			mux := http.NewServeMux()
			mux.HandleFunc("/items", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "items") })
			mux.Handle("/away", http.RedirectHandler(stranger.URL+"/items", http.StatusFound))
			mux.HandleFunc("/busy", func(w http.ResponseWriter, r *http.Request) {
				if busy.Add(-1) < 0 {
					io.WriteString(w, "at last")
					return
				}
				if after := r.URL.Query().Get("after"); after != "" {
					w.Header().Set("Retry-After", after)
				}
				http.Error(w, "slower, please", http.StatusTooManyRequests)
			})
			api := w.site("Bearer", mux)
			w.profile("work", api.URL)
			d := w.drive(language)

			d.must("fetch "+api.URL+"/items", "200 items")
			d.must("many "+api.URL+"/items", "64")
			d.must("get "+api.URL, "work")
			w.requests(1)

			w.revoke() // one token for many requests that were refused
			d.must("many "+api.URL+"/items", "64")
			w.requests(2)

			token := w.token("work")
			if said := d.says("print " + api.URL); strings.Contains(said, token) || !strings.Contains(said, "work") {
				t.Errorf("a credential is printed as %q", said)
			}
			d.must("fetch "+stranger.URL+"/items", "error 3 no_profile no profile owns")
			d.must("fetch "+api.URL+"/away", "302 ")
			if n := len(stranger.requests()); n != 0 {
				t.Errorf("%d requests followed the redirect", n)
			}
			for _, c := range []struct {
				after, want string
				times       int32
				least       time.Duration
			}{
				{"1", "200 at last", 2, 2 * time.Second},
				{"", "200 at last", 1, 3 * time.Second},
				{"3600", "429 slower", 1, 0},
				{time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat), "200 at last", 4, 0},
				{"0", "429 slower", 5, 0},
			} {
				busy.Store(c.times)
				began := time.Now()
				d.must("fetch "+api.URL+"/busy?after="+strings.ReplaceAll(c.after, " ", "%20"), c.want)
				if took := time.Since(began); took < c.least {
					t.Errorf("Retry-After %q: it waited %v", c.after, took)
				}
			}
			w.requests(2)
			d.ends(w)
		})
	}
}

// ends: a credhelper that was killed is replaced; close ends it, and so does the end of the
// program, which waits for nothing.
func (d *driver) ends(w *world) {
	d.t.Helper()
	first := d.pid()
	if err := exec.Command("kill", "-9", strconv.Itoa(first)).Run(); err != nil {
		d.t.Fatal(err)
	}
	d.must("get https://nobody.example/", "error 3 no_profile")
	second := d.pid()
	if second == first {
		d.t.Errorf("process %d answers after its death", first)
	}
	d.must("close", "closed")
	gone(d.t, second)
	d.must("get https://nobody.example/", "error 3 no_profile") // a closed client can be used again
	third := d.pid()
	d.in.Close()
	if err := d.cmd.Wait(); err != nil {
		d.t.Errorf("the program ended with %v", err)
	}
	gone(d.t, third)
}

func (d *driver) pid() int {
	d.t.Helper()
	pid, err := strconv.Atoi(d.says("pid"))
	if err != nil {
		d.t.Fatal(err)
	}
	return pid
}

// gone waits until a process has ended.
func gone(t *testing.T, pid int) {
	t.Helper()
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(20 * time.Millisecond) {
		if exec.Command("kill", "-0", strconv.Itoa(pid)).Run() != nil {
			return
		}
	}
	t.Errorf("credhelper outlived its program")
}

// fake is a credhelper that names 403 in refresh_on, as the real one does for tokens older
// than a minute.
const fake = `
import json, sys
generation = 0
for line in sys.stdin:
    q = json.loads(line)
    if q.get("verb") == "reject":
        generation += q["refused"] == "t%d" % generation
        print(json.dumps({"id": q["id"], "ok": True}), flush=True)
    else:
        token = "t%d" % generation
        print(json.dumps({"id": q["id"], "headers": {"Authorization": ["Bearer " + token]}, "expires": "2030-01-01T00:00:00Z",
              "profile": "work", "token": token, "token_type": "Bearer", "source": "cache", "refresh_on": [403]}), flush=True)
`

// TestLinesClientsRefresh: after a status that the profile names there is one more try with
// another token, and no third. A client whose credhelper does not start, or ends at once,
// says so.
func TestLinesClientsRefresh(t *testing.T) {
	for language := range drivers {
		t.Run(language, func(t *testing.T) {
			w := newWorld(t)
			var asked atomic.Int32
			api := w.site("Bearer", nil)
			api.open = func(*http.Request) bool { return true }
			api.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				if r.Header.Get("Authorization") != "Bearer t1" || r.URL.Path == "/never" {
					w.WriteHeader(http.StatusForbidden)
				}
			})
			d := w.drive(language, "python3", w.write("fake.py", fake))
			d.must("fetch "+api.URL, "200")
			d.must("fetch "+api.URL+"/never", "403")
			if n := asked.Load(); n != 4 {
				t.Errorf("%d requests, want 2 of each", n)
			}
			w.drive(language, w.home+"/nowhere").must("get "+api.URL, "error 1 unclassified cannot start ")
			w.drive(language, "true").must("get "+api.URL, "error 1 unclassified credhelper ended without an answer")
		})
	}
}
