package lines_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/lines"
	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/secret"
	"github.com/credhelper/credhelper/protocol/vectortest"
)

// loadVectors reads what hosts write and what they get; testdata/README.md describes the
// files.
func loadVectors(t testing.TB) []*vectortest.Vector {
	t.Helper()
	all := vectortest.Load(t, "testdata/*.txtar", "lines", "replies", "request")
	if len(all) < 50 {
		t.Fatalf("%d vectors, want 50: the test is blind", len(all))
	}
	for _, v := range all {
		if _, replies := v.Sections["replies"]; v.Sections["lines"] == "" || !replies {
			t.Fatalf("%s: a vector has lines and replies", v.ID)
		}
	}
	return all
}

// TestVectors (R1, R3, R4) plays every vector through Serve, one line at a time, so
// that the replies come in the order of the requests.
func TestVectors(t *testing.T) {
	for _, v := range loadVectors(t) {
		t.Run(v.ID, func(t *testing.T) {
			a := new(answerer)
			host := newTurns(vectortest.Expand(t, v.Sections["lines"]))
			if err := lines.Serve(context.Background(), lines.Config{Answerer: a, Cached: a.cached, In: host, Out: host}); err != nil {
				t.Fatal(err)
			}
			if want := vectortest.Expand(t, v.Sections["replies"]); host.got.String() != want {
				t.Errorf("replies\n%s\nwant\n%s", host.got.String(), want)
			}
			for line := range strings.Lines(host.got.String()) {
				if !json.Valid([]byte(line)) {
					t.Errorf("an independent reader refuses %s", line)
				}
			}
			if v.Sections["request"] == "" {
				return
			}
			asked := v.Sections["lines"]
			last := asked[strings.LastIndex(strings.TrimSpace(asked), "\n")+1:]
			_, r, err := lines.Decode([]byte(last))
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(v.Sections["request"]) {
				if said := understood(r); !strings.Contains(said, "\n"+line) {
					t.Errorf("the request is %q, want %q in it", said, line)
				}
			}
		})
	}
}

// turns is a host that waits for the reply to one line before it writes the next.
type turns struct {
	left    string
	asked   bool // a whole line was given
	got     bytes.Buffer
	replied chan bool
}

func newTurns(text string) *turns { return &turns{left: text, replied: make(chan bool, 8)} }

// Read gives the next line, or a part of it.
func (h *turns) Read(p []byte) (int, error) {
	if h.asked {
		<-h.replied
		h.asked = false
	}
	if h.left == "" {
		return 0, io.EOF
	}
	n := len(h.left)
	if end := strings.IndexByte(h.left, '\n'); end >= 0 {
		n = end + 1
	}
	n = copy(p, h.left[:n])
	if h.left[n-1] == '\n' {
		h.asked = true
	}
	h.left = h.left[n:]
	return n, nil
}

// Write takes replies.
func (h *turns) Write(p []byte) (int, error) {
	h.got.Write(p)
	h.replied <- true
	return len(p), nil
}

// understood is a request in the words of the section of that name.
func understood(r protocol.Request) string {
	verb := map[protocol.Verb]string{protocol.Get: "get", protocol.Forget: "reject"}[r.Verb]
	s := fmt.Sprintf("\nverb %s\nmin_ttl %d\ntimeout %d\nprofile %s\nrefused %s\n", verb, r.MinTTL, r.Timeout, r.Profile, r.Refused.Token.Reveal())
	if r.Refresh {
		s += "refresh\n"
	}
	return s
}

// answerer is the profiles of testdata/README.md.
type answerer struct {
	mu      sync.Mutex
	dropped bool
}

var errMiss = errors.New("not at hand")

func (a *answerer) cached(r protocol.Request) (protocol.Credential, bool) {
	c, err := a.find(r, false)
	return c, err == nil
}

func (a *answerer) Get(_ context.Context, r protocol.Request) (protocol.Credential, error) {
	return a.find(r, true)
}

func (a *answerer) Forget(_ context.Context, r protocol.Request) error {
	c, err := a.find(r, true)
	if err == nil && r.Refused.Of(c.Secret) || c.Secret.Reveal() == "fr3sh" {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.dropped = true
	}
	return err
}

func (a *answerer) find(r protocol.Request, fetch bool) (protocol.Credential, error) {
	c := protocol.Credential{Profile: "work", Scheme: "Bearer", Secret: secret.New("t0k"), Expires: 1893456000, Source: "cache"}
	switch r.Profile {
	case "", "work":
	case "jira":
		c.Profile, c.RefreshOn = "jira", []int{403, 404}
	case "locked":
		return c, &protocol.Error{Kind: protocol.ErrLocked, Text: "the keyring is locked", Hint: "credhelper unlock"}
	case "waiting":
		return c, &protocol.Error{Kind: protocol.ErrUnreachable, Text: "the server asks to wait", RetryAfter: 30}
	default:
		return c, &protocol.Error{Kind: protocol.ErrUnknown, Text: "no profile " + r.Profile}
	}
	if r.URL != (origin.URL{}) {
		own, _ := origin.Parse("https://*.example.com")
		if _, reason := origin.Best([]origin.Origin{own}, r.URL); reason != origin.Release {
			return c, &protocol.Error{Kind: protocol.ErrNoProfile, Text: "no profile owns it"}
		}
	}
	a.mu.Lock()
	stale := a.dropped || r.Refresh || r.Verb == protocol.Get && r.Refused.Of(c.Secret)
	a.mu.Unlock()
	if stale && !fetch {
		return c, errMiss
	}
	if stale {
		c.Secret, c.Expires, c.Source = secret.New("fr3sh"), c.Expires+3600, "network"
	}
	return c, nil
}
