package lines_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/lines"
	"github.com/credhelper/credhelper/protocol/secret"
)

// scripted is an Answerer that does what a test says.
type scripted struct {
	get    func(context.Context, protocol.Request) (protocol.Credential, error)
	forget func(context.Context, protocol.Request) error
}

func (s scripted) Get(ctx context.Context, r protocol.Request) (protocol.Credential, error) {
	return s.get(ctx, r)
}

func (s scripted) Forget(ctx context.Context, r protocol.Request) error { return s.forget(ctx, r) }

// hangs never answers, whatever the context says.
func hangs() scripted {
	return scripted{
		get: func(context.Context, protocol.Request) (protocol.Credential, error) { select {} },
	}
}

// credentialOf is a credential of the profile that a request names.
func credentialOf(_ context.Context, r protocol.Request) (protocol.Credential, error) {
	return protocol.Credential{Profile: r.Profile, Scheme: "Bearer", Secret: secret.New("t-" + r.Profile), Expires: 1893456000, Source: "network"}, nil
}

// host is the other end of a server.
type host struct {
	t     *testing.T
	in    *io.PipeWriter
	out   *bufio.Reader
	ended chan error
}

// serve starts a server; what the config leaves open is the host's.
func serve(t *testing.T, c lines.Config) *host {
	t.Helper()
	in, toServer := io.Pipe()
	fromServer, out := io.Pipe()
	c.In, c.Out = in, out
	h := &host{t: t, in: toServer, out: bufio.NewReader(fromServer), ended: make(chan error, 1)}
	go func() { h.ended <- lines.Serve(t.Context(), c) }()
	return h
}

func (h *host) ask(requests ...string) {
	h.t.Helper()
	if _, err := io.WriteString(h.in, strings.Join(requests, "\n")+"\n"); err != nil {
		h.t.Fatal(err)
	}
}

// reply is the next line, in its parts.
type reply struct {
	ID      any
	Profile string
	Token   string
	OK      bool
	Error   struct {
		Code    int
		Kind    string
		Message string
	}
}

func (h *host) reply() (r reply) {
	h.t.Helper()
	line, err := h.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &r)
	}
	if err != nil {
		h.t.Fatalf("%q, %v", line, err)
	}
	return r
}

func (h *host) end() {
	h.t.Helper()
	h.in.Close()
	if err := <-h.ended; err != nil {
		h.t.Errorf("after the end of the requests: %v", err)
	}
}

// TestOrder: what is at hand overtakes what is slow, and sixteen that are slow are
// slow at once.
func TestOrder(t *testing.T) {
	const many = 16
	asked, release := make(chan bool, many), make(chan bool)
	a := new(answerer)
	h := serve(t, lines.Config{
		Cached: a.cached,
		Answerer: scripted{get: func(ctx context.Context, r protocol.Request) (protocol.Credential, error) {
			asked <- true
			<-release
			return credentialOf(ctx, r)
		}},
	})
	for i := range many {
		h.ask(fmt.Sprintf(`{"id":%d,"profile":"slow","refresh":true}`, i))
	}
	for range many {
		<-asked // all of them, before any has its reply
	}
	h.ask(`{"id":"quick","profile":"work"}`)
	if r := h.reply(); r.ID != "quick" || r.Token != "t0k" {
		t.Errorf("first came %+v", r)
	}
	close(release)
	seen := map[any]bool{}
	for range many {
		r := h.reply()
		if seen[r.ID] || r.Token != "t-slow" {
			t.Errorf("%+v", r)
		}
		seen[r.ID] = true
	}
	h.end()
}

// TestEnd: after the end of In everything that was asked is answered, then Serve
// returns.
func TestEnd(t *testing.T) {
	release := make(chan bool)
	h := serve(t, lines.Config{Answerer: scripted{
		get: func(ctx context.Context, r protocol.Request) (protocol.Credential, error) {
			<-release
			return credentialOf(ctx, r)
		},
		forget: func(context.Context, protocol.Request) error { <-release; return nil },
	}})
	h.ask(`{"id":1,"profile":"work"}`, `{"id":2,"verb":"reject","profile":"work","refused":"t0k"}`)
	h.in.Close()
	select {
	case err := <-h.ended:
		t.Fatalf("ended before its replies: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	close(release)
	if a, b := h.reply(), h.reply(); a.ID == b.ID || a.Error.Code+b.Error.Code != 0 {
		t.Errorf("%+v, %+v", a, b)
	}
	if err := <-h.ended; err != nil {
		t.Error(err)
	}
}

// TestHangs (R2): who asks has a reply 0.3 s after the timeout at the latest, even
// if the Answerer never comes back, and the end is not held up by it.
func TestHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop := make(chan bool)
		defer close(stop)
		h := serve(t, lines.Config{Answerer: scripted{
			get: func(context.Context, protocol.Request) (protocol.Credential, error) {
				<-stop
				return protocol.Credential{}, nil
			},
		}})
		began := time.Now()
		h.ask(`{"id":1,"profile":"work"}`, `{"id":2,"profile":"work","timeout":1}`)
		for _, want := range []struct {
			id    float64
			after time.Duration
		}{{2, 1300 * time.Millisecond}, {1, 8300 * time.Millisecond}} {
			r := h.reply()
			if took := time.Since(began); r.ID != want.id || r.Error.Kind != "unreachable" || r.Error.Code != 8 || took > want.after {
				t.Errorf("%+v after %v, want %v after %v", r, took, want.id, want.after)
			}
		}
		h.end()
	})
}

// TestDeadline: the Answerer is told how long it has.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, lines.Config{Answerer: scripted{
			get: func(ctx context.Context, r protocol.Request) (protocol.Credential, error) {
				<-ctx.Done()
				return protocol.Credential{}, &protocol.Error{Kind: protocol.ErrUnreachable, Text: "the server does not answer"}
			},
		}})
		began := time.Now()
		h.ask(`{"id":1,"profile":"work","timeout":3}`)
		if r := h.reply(); r.Error.Message != "the server does not answer" || time.Since(began) != 3*time.Second {
			t.Errorf("%+v after %v", r, time.Since(began))
		}
		h.end()
	})
}

// TestHangsAreBounded: calls that hang do not pile up, and who asks while they do
// has a reply all the same.
func TestHangsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		stop := make(chan bool)
		h := serve(t, lines.Config{AtOnce: 4, Answerer: scripted{
			get: func(ctx context.Context, r protocol.Request) (protocol.Credential, error) {
				calls.Add(1)
				<-stop
				return credentialOf(ctx, r)
			},
		}})
		const asked = 20
		go func() {
			for i := range asked {
				h.ask(fmt.Sprintf(`{"id":%d,"profile":"work"}`, i))
			}
		}()
		began := time.Now()
		for range asked {
			if r := h.reply(); r.Error.Kind != "unreachable" {
				t.Errorf("%+v", r)
			}
		}
		if took := time.Since(began); took > 8300*time.Millisecond || calls.Load() != 4 {
			t.Errorf("%d calls hang, and it took %v", calls.Load(), took)
		}
		close(stop) // they come back, and there is room again
		synctest.Wait()
		h.ask(`{"id":"again","profile":"work"}`)
		if r := h.reply(); r.ID != "again" || r.Token != "t-work" {
			t.Errorf("%+v", r)
		}
		h.end()
	})
}

// endless is a host that writes one request after the other.
type endless struct {
	line  string
	left  int
	lines atomic.Int64
}

// Read gives whole lines.
func (e *endless) Read(p []byte) (n int, err error) {
	for e.left > 0 && n+len(e.line) <= len(p) {
		n += copy(p[n:], e.line)
		e.left--
		e.lines.Add(1)
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// unread is a stdout that nobody reads.
type unread struct{ stop chan bool }

func (u unread) Write([]byte) (int, error) {
	<-u.stop
	return 0, io.ErrClosedPipe
}

// TestBackPressure (R1): a host that writes a million requests and reads no reply
// is read no further, and memory stays what it was.
func TestBackPressure(t *testing.T) {
	a := new(answerer)
	for name, c := range map[string]lines.Config{
		"at hand":     {Cached: a.cached},
		"not at hand": {Answerer: scripted{get: credentialOf}},
		"nonsense":    {},
	} {
		t.Run(name, func(t *testing.T) {
			from := &endless{line: `{"id":1,"profile":"work"}` + "\n", left: 1e6}
			if name == "nonsense" {
				from.line = "[]\n"
			}
			to := unread{make(chan bool)}
			c.In, c.Out = from, to
			before := heap()
			ended := make(chan error, 1)
			go func() { ended <- lines.Serve(t.Context(), c) }()
			for last := int64(-1); from.lines.Load() != last; time.Sleep(100 * time.Millisecond) {
				last = from.lines.Load()
			}
			// One buffer of lines, and for each call one reply.
			if n := from.lines.Load(); n > 2*lines.MaxLine/int64(len(from.line)) {
				t.Errorf("%d lines were read", n)
			}
			if grown := int64(heap()) - int64(before); grown > 4<<20 {
				t.Errorf("the heap grew by %d bytes", grown)
			}
			close(to.stop)
			if err := <-ended; !errors.Is(err, lines.ErrNoReader) {
				t.Error(err)
			}
		})
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestNoReader: when nobody takes the replies, Serve ends though In does not.
func TestNoReader(t *testing.T) {
	a := new(answerer)
	for name, c := range map[string]lines.Config{"at hand": {Cached: a.cached}, "not at hand": {Answerer: scripted{get: credentialOf}}} {
		t.Run(name, func(t *testing.T) {
			in, toServer := io.Pipe()
			fromServer, out := io.Pipe()
			fromServer.Close()
			c.In, c.Out = in, out
			ended := make(chan error, 1)
			go func() { ended <- lines.Serve(t.Context(), c) }()
			io.WriteString(toServer, `{"id":1,"profile":"work"}`+"\n")
			if err := <-ended; !errors.Is(err, lines.ErrNoReader) {
				t.Error(err)
			}
		})
	}
}

// TestCancelled: the context ends Serve though neither In nor the Answerer does.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	in, toServer := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- lines.Serve(ctx, lines.Config{Answerer: hangs(), In: in, Out: io.Discard}) }()
	io.WriteString(toServer, `{"id":1,"profile":"work"}`+"\n")
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestBrokenIn: what In failed with is said.
func TestBrokenIn(t *testing.T) {
	in, toServer := io.Pipe()
	broken := errors.New("input/output error")
	toServer.CloseWithError(broken)
	if err := lines.Serve(t.Context(), lines.Config{In: in, Out: io.Discard}); !errors.Is(err, broken) {
		t.Error(err)
	}
}

// writes counts the calls of Write.
type writes struct {
	bytes.Buffer
	count int
}

// Write implements io.Writer.
func (w *writes) Write(p []byte) (int, error) {
	w.count++
	return w.Buffer.Write(p)
}

// TestGathered: sixteen requests that came together are answered together, in
// their order, each with its own profile's token as it is now.
func TestGathered(t *testing.T) {
	var ask strings.Builder
	generation := 0
	for i := range 16 {
		fmt.Fprintf(&ask, `{"id":%d,"profile":"p%d"}`+"\n", i, i%11)
	}
	var out writes
	err := lines.Serve(t.Context(), lines.Config{
		In: strings.NewReader(ask.String()), Out: &out,
		Cached: func(r protocol.Request) (protocol.Credential, bool) {
			generation++
			return protocol.Credential{
				Profile: r.Profile, Scheme: "Bearer", Source: "cache", Expires: 1893456000,
				Secret: secret.New(fmt.Sprintf("%s-%d", r.Profile, generation/8)),
			}, true
		},
	})
	if err != nil || out.count != 1 {
		t.Errorf("%d writes, %v", out.count, err)
	}
	for i := range 16 {
		line, _ := out.ReadString('\n')
		token := fmt.Sprintf("p%d-%d", i%11, (i+1)/8)
		want := fmt.Sprintf(`{"id":%d,"headers":{"Authorization":["Bearer %s"]},"expires":"2030-01-01T00:00:00Z","profile":"p%d","token":"%s","token_type":"Bearer","source":"cache"}`+"\n",
			i, token, i%11, token)
		if line != want {
			t.Errorf("%s\nwant\n%s", line, want)
		}
	}
}

// TestBadCredential (A16): a credential that no tool may get is a failure here,
// too, and nothing of it is written.
func TestBadCredential(t *testing.T) {
	bad := protocol.Credential{Profile: "work", Scheme: "Bearer", Secret: secret.New("t0k\n{\"id\":2}"), Expires: 1893456000}
	for name, c := range map[string]lines.Config{
		"at hand":     {Cached: func(protocol.Request) (protocol.Credential, bool) { return bad, true }},
		"not at hand": {Answerer: scripted{get: func(context.Context, protocol.Request) (protocol.Credential, error) { return bad, nil }}},
	} {
		var out bytes.Buffer
		c.In, c.Out = strings.NewReader(`{"id":1,"profile":"work"}`+"\n"), &out
		if err := lines.Serve(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		want := `{"id":1,"error":{"code":9,"kind":"policy","message":"the token holds characters that no header may carry"}}` + "\n"
		if out.String() != want {
			t.Errorf("%s: %s", name, out.String())
		}
	}
}

// TestOneLine (T23): an error's text and hint are one line of printable ASCII.
func TestOneLine(t *testing.T) {
	err := fmt.Errorf("profile x: %w", &protocol.Error{Kind: protocol.ErrRefused, Text: "no\n{\"id\":2}\x1b[31m\u2028", Hint: "type\r\nthis"})
	got := string(lines.AppendError(nil, []byte("7"), err))
	want := `{"id":7,"error":{"code":7,"kind":"refused","message":"profile x: no; {\"id\":2}?[31m???","hint":"type?; this"}}` + "\n"
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}
