package door

import (
	"bufio"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// headRow is a line of testdata/heads.txt, which describes itself.
type headRow struct{ what, head, nginx string }

func headRows(t testing.TB) (rows []headRow) {
	t.Helper()
	text, err := os.ReadFile("testdata/heads.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		head, err := strconv.Unquote(f[2])
		if err != nil {
			t.Fatalf("%s: %v", f[0], err)
		}
		rows = append(rows, headRow{f[0], head, f[3]})
	}
	if len(rows) < 200 {
		t.Fatalf("%d heads: the test is blind", len(rows))
	}
	return rows
}

// TestHeads (D6): of each head in testdata/heads.txt the API sees nothing, or exactly
// what it sees through nginx; what nginx refuses, the door refuses.
func TestHeads(t *testing.T) {
	s := newScene(t)
	rows := headRows(t)
	for i, row := range rows {
		s.sendHead(row.head, i)
	}
	s.door.Close() // and everything has been seen
	s.api.Close()
	seen := s.seenByRow()
	refused := 0
	for i, row := range rows {
		nginx, err := strconv.Unquote(row.nginx)
		switch {
		case seen[i] == "":
			refused++
		case err != nil: // "refused"
			t.Errorf("%s: nginx refuses it, and the API sees %q", row.what, seen[i])
		case seen[i] != withoutLength(nginx):
			t.Errorf("%s: the API sees %q, through nginx %q", row.what, seen[i], nginx)
		}
	}
	// A good request that bytes of a bad one follow may come or not: these may end it.
	if refused < 120 || refused > len(rows)-15 {
		t.Errorf("%d of %d heads are refused: the test is blind", refused, len(rows))
	}
}

// sendHead sends a head with a guest's secret and the number of its row.
func (s *scene) sendHead(head string, row int) {
	s.t.Helper()
	c, err := net.Dial("tcp", s.door.Listener.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	head = strings.Replace(head, "Host: HOST\r\n", "Host: HOST\r\nAuthorization: Bearer "+localSecret+"\r\nRow: "+strconv.Itoa(row)+"\r\n", 1)
	_, _ = io.WriteString(c, strings.ReplaceAll(head, "HOST", c.RemoteAddr().String()))
	_ = c.SetDeadline(time.Now().Add(time.Second)) // of the few that announce more than they send
	_, _ = http.ReadResponse(bufio.NewReader(c), nil)
}

// seenByRow returns what the API saw of each row.
func (s *scene) seenByRow() map[int]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[int]string{}
	for i, r := range s.got {
		text := r.Method + " " + r.RequestURI + "\n"
		for _, name := range slices.Sorted(maps.Keys(r.Header)) {
			switch name {
			case "Authorization", "Connection", "Content-Length", "Accept-Encoding", "Row":
			default:
				text += name + ": " + strings.Join(r.Header[name], ", ") + "\n"
			}
		}
		row, err := strconv.Atoi(r.Header.Get("Row"))
		if err != nil {
			s.t.Errorf("the API sees a request that nobody sent: %q", text)
		}
		if seen[row] != "" {
			text = seen[row] + "\n---\n" + text
		}
		seen[row] = text + "\n" + s.bodies[i]
	}
	return seen
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
