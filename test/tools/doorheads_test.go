//go:build tools

package tools

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"net/textproto"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A lane is one server of nginx, and what the server behind it gets. Heads go through
// many lanes at once, because nginx waits for the rest of some.
type lane struct {
	nginx string // address
	net.Listener

	mu  sync.Mutex
	got []string
}

// serve keeps each request and answers it.
func (l *lane) serve() {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			for in := bufio.NewReader(c); ; {
				text, err := readRequest(in)
				if err != nil {
					return
				}
				l.mu.Lock()
				l.got = append(l.got, text)
				l.mu.Unlock()
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			}
		}()
	}
}

// readRequest reads what nginx sends, in the form of the record: method, target, fields
// but Connection and Host, body.
func readRequest(in *bufio.Reader) (string, error) {
	lines := textproto.NewReader(in)
	line, err := lines.ReadLine()
	if err != nil {
		return "", err
	}
	fields, err := lines.ReadMIMEHeader()
	if err != nil {
		return "", err
	}
	text := line[:strings.LastIndexByte(line, ' ')] + "\n"
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if name != "Connection" && name != "Host" {
			text += name + ": " + strings.Join(fields[name], ", ") + "\n"
		}
	}
	length, _ := strconv.Atoi(fields.Get("Content-Length"))
	body := make([]byte, length)
	_, err = io.ReadFull(in, body)
	return text + "\n" + string(body), err
}

// send sends a head to nginx, and returns what the server behind it got until nginx closed
// the connection.
func (l *lane) send(t *testing.T, head string) string {
	l.mu.Lock()
	l.got = nil
	l.mu.Unlock()
	c, err := net.Dial("tcp", l.nginx)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	_, _ = io.WriteString(c, strings.ReplaceAll(head, "HOST", l.nginx))
	_, _ = io.Copy(io.Discard, c)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.got) == 0 {
		return "refused"
	}
	return strconv.Quote(strings.Join(l.got, "\n---\n"))
}

// nginx starts nginx with lanes.
func nginx(t *testing.T, n int) (lanes []*lane) {
	t.Helper()
	dir := t.TempDir()
	config := `daemon off;
master_process off;
pid DIR/pid;
error_log DIR/log;
events { worker_connections 256; }
http {
	access_log off;
	client_body_temp_path DIR/body;
	proxy_temp_path DIR/proxy;
	fastcgi_temp_path DIR/fastcgi;
	uwsgi_temp_path DIR/uwsgi;
	scgi_temp_path DIR/scgi;
	client_header_timeout 1s;
	client_body_timeout 1s;
	keepalive_timeout 300ms;
	proxy_http_version 1.1;
`
	for range n {
		behind, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		before, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l := &lane{nginx: before.Addr().String(), Listener: behind}
		before.Close()
		t.Cleanup(func() { behind.Close() })
		go l.serve()
		lanes = append(lanes, l)
		config += fmt.Sprintf("\tserver {\n\t\tlisten %s;\n\t\tlocation / { proxy_pass http://%s; }\n\t}\n", l.nginx, behind.Addr())
	}
	file := dir + "/nginx.conf"
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(config, "DIR", dir)+"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tree := os.Getenv("TOOL_PROXIES")
	cmd := exec.Command(tree+"/usr/sbin/nginx", "-p", dir, "-c", file)
	cmd.Env = []string{"LD_LIBRARY_PATH=" + tree + "/usr/lib/x86_64-linux-gnu"}
	version, err := exec.Command(cmd.Path, "-v").CombinedOutput()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatalf("%v %s: install it with scripts/test-tools install", err, version)
	}
	t.Log(strings.TrimSpace(string(version)))
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 600 {
		c, err := net.Dial("tcp", lanes[n-1].nginx)
		if err == nil {
			c.Close()
			return lanes
		}
		time.Sleep(100 * time.Millisecond)
	}
	log, _ := os.ReadFile(dir + "/log")
	t.Fatalf("nginx does not listen: %s", log)
	return nil
}

// TestDoorHeads (D6): nginx still makes of each head in protocol/door/testdata/heads.txt
// what is written there, with which protocol/door compares the door.
func TestDoorHeads(t *testing.T) {
	text, err := os.ReadFile("../../protocol/door/testdata/heads.txt")
	if err != nil {
		t.Fatal(err)
	}
	rows := make(chan []string)
	go func() {
		defer close(rows)
		for line := range strings.Lines(string(text)) {
			if f := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); !strings.HasPrefix(line, "#") {
				rows <- f
			}
		}
	}()
	var group sync.WaitGroup
	var mu sync.Mutex
	sent := 0
	for _, l := range nginx(t, 24) {
		group.Go(func() {
			for f := range rows {
				head, err := strconv.Unquote(f[2])
				if err != nil {
					t.Errorf("%s: %v", f[0], err)
					continue
				}
				if got := l.send(t, head); got != f[3] {
					t.Errorf("%s: nginx makes %s of it, and the record says %s", f[0], got, f[3])
				}
				mu.Lock()
				sent++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if sent < 200 {
		t.Errorf("%d heads: the test is blind", sent)
	}
}
