package door

import (
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestHeads (D6): of each head in testdata/heads.txt the API sees nothing, or exactly
// what it sees through nginx; what nginx refuses, the door refuses.
func TestHeads(t *testing.T) {
	text, err := os.ReadFile("testdata/heads.txt")
	if err != nil {
		t.Fatal(err)
	}
	s := newScene(t)
	all, refused := 0, 0
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if strings.HasPrefix(line, "#") {
			continue
		}
		head, err := strconv.Unquote(f[2])
		if err != nil || len(f) != 4 {
			t.Fatal(line, err)
		}
		all++
		seen := s.seen(head)
		if seen == "" {
			refused++
			continue
		}
		nginx, err := strconv.Unquote(f[3])
		if err != nil { // "refused"
			t.Errorf("%s: nginx refuses it, and the API sees %q", f[0], seen)
		} else if seen != withoutLength(nginx) {
			t.Errorf("%s: the API sees %q, through nginx %q", f[0], seen, nginx)
		}
	}
	if all < 200 || refused < 120 || refused == all {
		t.Errorf("%d of %d heads are refused: the test is blind", refused, all)
	}
}

// seen sends a head with a guest's secret, and returns what the API sees of it.
func (s *scene) seen(head string) string {
	s.t.Helper()
	c, err := net.Dial("tcp", s.door.Listener.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	head = strings.Replace(head, "Host: HOST\r\n", "Host: HOST\r\nAuthorization: Bearer "+localSecret+"\r\n", 1)
	head = strings.ReplaceAll(head, "HOST", c.RemoteAddr().String())
	// A request behind it, which is refused, has the door answer, or close, in any case.
	_, _ = io.WriteString(c, head+"GET\n\n")
	_ = c.SetDeadline(time.Now().Add(hangs))
	_, _ = io.Copy(io.Discard, c)
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for i, r := range s.got {
		text := r.Method + " " + r.RequestURI + "\n"
		for _, name := range slices.Sorted(maps.Keys(r.Header)) {
			switch name {
			case "Authorization", "Connection", "Content-Length", "Accept-Encoding":
			default:
				text += name + ": " + strings.Join(r.Header[name], ", ") + "\n"
			}
		}
		list = append(list, text+"\n"+s.bodies[i])
	}
	s.got, s.bodies = nil, nil
	return strings.Join(list, "\n---\n")
}

// withoutLength drops the length, which is nginx's own: it reads a body whole.
func withoutLength(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "Content-Length: ") {
			b.WriteString(line)
		}
	}
	return b.String()
}
