package helper_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	neturl "net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

const proxied = "http://u:p@proxy.example.com:3128"

// breakages are the rows of the table in docs/network.md, by their first column.
func breakages(t *testing.T) map[string]breakage {
	hotel, _ := newWire(t, breakage{})
	all := map[string]breakage{
		"no such host":              {dial: fails(&net.DNSError{Err: "no such host", IsNotFound: true})},
		"name cannot be resolved":   {dial: fails(&net.DNSError{Err: "server misbehaving", IsTemporary: true})},
		"connection refused":        {dial: fails(os.NewSyscallError("connect", syscall.ECONNREFUSED))},
		"network unreachable":       {dial: fails(os.NewSyscallError("connect", syscall.ENETUNREACH))},
		"connecting hangs":          {dial: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
		"reset in the handshake":    {raw: func(c *hung) { hello(c); c.cut() }},
		"handshake hangs":           {raw: func(c *hung) { c.forever() }},
		"no TLS":                    {raw: func(c *hung) { hello(c); _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") }},
		"another certificate":       {raw: func(c *hung) { _ = tls.Server(c, hotel.server).Handshake() }},
		"alert: no common TLS":      {raw: alert(70)},
		"alert: certificate wanted": {raw: alert(116)},
		"alert: server in trouble":  {raw: alert(80)},

		"reset before the head":  {answer: func(c *hung, _ *http.Request) { c.cut() }},
		"closed before the head": {answer: func(c *hung, _ *http.Request) { c.Close() }},
		"cut in the head":        {answer: says("HTTP/1.1 200 OK\r\nContent-Type: appl")},
		"cut in the body":        {answer: says("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"access_token\":\"fr")},
		"400 cut in the body":    {answer: says("HTTP/1.1 400 Bad Request\r\nContent-Length: 500\r\n\r\n{\"error\":\"authoriz")},
		"401 cut in the body":    {answer: says("HTTP/1.1 401 Unauthorized\r\nContent-Length: 500\r\n\r\n{\"error\":\"inval")},
		"no answer":              {answer: func(c *hung, _ *http.Request) { c.forever() }},
		"slow head":              {answer: drip("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")},
		"slow body":              {answer: dripBody},
		"answer after 5 s": {answer: func(c *hung, r *http.Request) {
			time.Sleep(5 * time.Second)
			_, _ = io.WriteString(c, goodAnswer(r.URL.Path))
		}},
		"no HTTP": {answer: says("220 smtp.example.com ESMTP\r\n")},
		"a page":  {answer: says("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>Welcome to our hotel</html>")},
		"101": {answer: func(c *hung, r *http.Request) {
			says("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n")(c, r)
			_, _ = io.Copy(io.Discard, c)
		}},
		"redirect": {answer: says("HTTP/1.1 302 Found\r\nLocation: https://hotel.example/\r\nContent-Length: 0\r\n\r\n")},

		"proxy: connection refused": {proxy: proxied, dial: fails(os.NewSyscallError("connect", syscall.ECONNREFUSED))},
		"proxy: no such host":       {proxy: proxied, dial: fails(&net.DNSError{Err: "no such host", IsNotFound: true})},
		"proxy: closes":             {proxy: proxied, tunnel: func(net.Conn) bool { return false }},
		"proxy: no answer":          {proxy: proxied, tunnel: func(c net.Conn) bool { _, _ = io.Copy(io.Discard, c); return false }},
		"proxy: 407":                {proxy: proxied, tunnel: proxySays("407 Proxy Authentication Required")},
		"proxy: 403":                {proxy: proxied, tunnel: proxySays("403 Forbidden")},
		"proxy: 502":                {proxy: proxied, tunnel: proxySays("502 Bad Gateway")},
		"proxy: 511":                {proxy: proxied, tunnel: proxySays("511 Network Authentication Required")},
		"proxy: cannot be read":     {proxy: `"` + proxied + `"`},
	}
	for _, status := range []int{408, 425, 429, 500, 502, 503, 504} {
		head := fmt.Sprintf("HTTP/1.1 %d No\r\nContent-Length: 0\r\n", status)
		all[fmt.Sprint(status)] = breakage{answer: says(head + "\r\n")}
		all[fmt.Sprintf("%d, in 1 s", status)] = breakage{answer: says(head + "Retry-After: 1\r\n\r\n")}
		all[fmt.Sprintf("%d, in 1 h", status)] = breakage{answer: says(head + "Retry-After: 3600\r\n\r\n")}
	}
	return all
}

func fails(err error) func(context.Context) error { return func(context.Context) error { return err } }

func says(text string) func(*hung, *http.Request) {
	return func(c *hung, _ *http.Request) { _, _ = io.WriteString(c, text) }
}

func proxySays(status string) func(net.Conn) bool {
	return func(c net.Conn) bool {
		_, _ = io.WriteString(c, "HTTP/1.1 "+status+"\r\nContent-Length: 0\r\n\r\n")
		return false
	}
}

// hello reads the client's first record of TLS.
func hello(c *hung) {
	head := make([]byte, 5)
	_, _ = io.ReadFull(c, head)
	_, _ = io.CopyN(io.Discard, c, int64(head[3])<<8+int64(head[4]))
}

func alert(code byte) func(*hung) {
	return func(c *hung) { hello(c); _, _ = c.Write([]byte{21, 3, 3, 0, 2, 2, code}) }
}

func drip(text string) func(*hung, *http.Request) {
	return func(c *hung, _ *http.Request) {
		for i := range len(text) {
			if _, err := c.Write([]byte{text[i]}); err != nil {
				return
			}
			time.Sleep(time.Second)
		}
	}
}

func dripBody(c *hung, r *http.Request) {
	head, body, _ := strings.Cut(goodAnswer(r.URL.Path), "\r\n\r\n")
	_, _ = io.WriteString(c, head+"\r\n\r\n")
	drip(body)(c, r)
}

// TestNetworkTable plays each row of the table in docs/network.md, and the table has
// each way to break that is known here, in this order of columns: the exit code and
// the tries of a client's own grants, of a refresh and of a code; what a device's
// sign-in does; what the next process does.
func TestNetworkTable(t *testing.T) {
	rows := tableOf(t, "../docs/network.md", "## What breaks")
	all := breakages(t)
	for _, row := range rows {
		b, known := all[row[0]]
		if !known {
			t.Errorf("the page has a row %q that is not played", row[0])
			continue
		}
		delete(all, row[0])
		t.Run(row[0], func(t *testing.T) {
			t.Parallel()
			got := []string{row[0], machineGrants(t, b), refreshed(t, b), coded(t, b), polled(t, b), nextProcess(t, b)}
			if strings.Join(got, " | ") != strings.Join(row, " | ") {
				t.Errorf("it is\n| %s |\nand the page says\n| %s |", strings.Join(got, " | "), strings.Join(row, " | "))
			}
		})
	}
	for name := range all {
		t.Errorf("the page has no row %q", name)
	}
}

// tableOf reads the rows of the table below a heading.
func tableOf(t *testing.T, file, heading string) (rows [][]string) {
	t.Helper()
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), heading+"\n")
	rest, _, _ = strings.Cut(rest, "\n## ")
	for line := range strings.Lines(rest) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if len(cells) == 6 && !strings.HasPrefix(cells[0], "-") {
			rows = append(rows, cells)
		}
	}
	if len(rows) < 2 {
		t.Fatalf("no table below %q", heading)
	}
	return rows[1:]
}

// broken is a home on a network that breaks, in a bubble of its own. play runs
// there and says what came of it.
func broken(t *testing.T, b breakage, profile string, play func(h *home, w *wire) string) (said string) {
	t.Helper()
	w, roots := newWire(t, b)
	h := newHome(t, oauthtest.Options{})
	h.wire, h.env["HTTPS_PROXY"] = w, b.proxy
	h.env["SECRET"] = "s3cret"
	ca := h.dirs.Config + "/ca.pem"
	for path, content := range map[string]string{ca: roots, h.dirs.Profiles() + "/demo.toml": "client_id = \"client\"\nurl = \"https://api.example.com\"\ntoken_url = \"https://login.example.com/token\"\n" +
		"secret = [\"env\", \"SECRET\"]\nca_file = \"" + ca + "\"\n" + profile} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	h.inBubble(t, func() {
		said = play(h, w)
		time.Sleep(time.Minute) // what still waits for something ends
	})
	return said
}

// inBubble plays in a synctest bubble, where time passes only while everybody waits.
// The home's own clock goes on from where it stood.
func (h *home) inBubble(t *testing.T, play func()) {
	now := h.now()
	synctest.Test(t, func(*testing.T) {
		h.wait(now.Sub(h.now()))
		play()
		now = h.now()
	})
	h.wait(now.Sub(h.now()))
}

func outcome(err error, w *wire) string {
	return fmt.Sprintf("%d, %d", protocol.ExitCode(err), w.dialled.Load())
}

// machineGrants are client_credentials and token_exchange, which must not differ.
func machineGrants(t *testing.T, b breakage) string {
	var said [2]string
	for i, profile := range [...]string{"", "grant = \"token_exchange\"\nsubject_token = [\"env\", \"SECRET\"]\n"} {
		said[i] = broken(t, b, profile, func(h *home, w *wire) string {
			began := time.Now()
			_, err := h.get(named)
			if took := time.Since(began); took > 8*time.Second {
				t.Errorf("took %v", took)
			}
			return outcome(err, w)
		})
	}
	if said[0] != said[1] {
		t.Errorf("client_credentials: %s; token_exchange: %s", said[0], said[1])
	}
	return said[0]
}

const withBrowser = "grant = \"authorization_code\"\nauthorization_url = \"https://login.example.com/authorize\"\n"

func refreshed(t *testing.T, b breakage) string {
	return broken(t, b, withBrowser, func(h *home, w *wire) string {
		a := h.helper()
		p, err := a.Profile("demo")
		if err == nil {
			_, err = a.KeepSignIn(context.Background(), p, &oauth.Token{
				Access: secret.New("first"), Refresh: secret.New("r3fr3sh"), Sent: h.now(), Expires: h.now().Add(time.Hour),
			})
		}
		if err != nil {
			t.Fatal(err)
		}
		h.wait(2 * time.Hour)
		_, err = h.get(named)
		return outcome(err, w)
	})
}

// coded is the last step of a sign-in with a browser.
func coded(t *testing.T, b breakage) string {
	return broken(t, b, withBrowser, func(h *home, w *wire) string {
		a, p, client := signing(t, h)
		in, err := client.Begin(oauth.AuthorizationRequest{AuthorizationURL: p.AuthorizationURL, Redirect: "http://127.0.0.1:1/"})
		if err != nil {
			t.Fatal(err)
		}
		u, err := neturl.Parse(in.URL)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = in.Finish(context.Background(), neturl.Values{"state": {u.Query().Get("state")}, "code": {"c0de"}}); err != nil {
			err = a.SignInError(p, err)
		}
		return outcome(err, w)
	})
}

func signing(t *testing.T, h *home) (*helper.Helper, *config.Profile, *oauth.Client) {
	t.Helper()
	a := h.helper()
	p, err := a.Profile("demo")
	if err != nil {
		t.Fatal(err)
	}
	client, err := a.SignInClient(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	return a, p, client
}

// polled is a sign-in on another device whose first question breaks. The proxy is
// whole until then.
func polled(t *testing.T, b breakage) string {
	if strings.HasPrefix(b.proxy, `"`) {
		return "9" // nothing can begin
	}
	return broken(t, b, "grant = \"device_code\"\ndevice_url = \"https://login.example.com/device\"\n", func(h *home, w *wire) string {
		w.healthy.Store(true)
		a, p, client := signing(t, h)
		device, err := client.Device(context.Background(), p.DeviceURL)
		if err != nil {
			t.Fatal(err)
		}
		w.healthy.Store(false)
		before := w.dialled.Load()
		go func() {
			for w.dialled.Load() == before {
				time.Sleep(time.Millisecond)
			}
			time.Sleep(20 * time.Millisecond)
			w.healthy.Store(true) // for the second question
		}()
		if _, err = client.Poll(context.Background(), device); err != nil {
			return fmt.Sprint(protocol.ExitCode(a.SignInError(p, err)))
		}
		return "goes on"
	})
}

// nextProcess is what one does that asks a moment later, when all is well again.
func nextProcess(t *testing.T, b breakage) string {
	return broken(t, b, "", func(h *home, w *wire) string {
		if _, err := h.get(named); err == nil {
			return "has it"
		}
		w.healthy.Store(true)
		before := w.dialled.Load()
		if _, err := h.get(named); err != nil && w.dialled.Load() == before {
			return fmt.Sprintf("%d, unasked", protocol.ExitCode(err))
		}
		return "asks"
	})
}

// TestReach (G7): doctor asks sixteen hosts at a time, each once, and does not say of a
// host whose turn did not come that it failed.
func TestReach(t *testing.T) {
	broken(t, breakages(t)["no answer"], "", func(h *home, w *wire) string {
		demo, err := os.ReadFile(h.dirs.Profiles() + "/demo.toml")
		for i := range 40 {
			text := strings.Replace(string(demo), "login.example.com/", fmt.Sprintf("login.example.com:%d/", 1000+i%20), 1)
			err = errors.Join(err, os.WriteFile(fmt.Sprintf("%s/p%d.toml", h.dirs.Profiles(), i), []byte(text), 0o600))
		}
		all, problems := h.helper().Profiles()
		if err != nil || len(problems) > 0 || len(all) != 41 {
			t.Fatal(err, problems, len(all))
		}
		ctx, cancel := context.WithTimeout(context.Background(), 8*time.Second)
		defer cancel()
		began := time.Now()
		failed, untried := 0, 0
		for _, r := range h.helper().Reach(ctx, all) {
			switch {
			case r.Untried && r.Err == nil:
				untried++
			case errors.Is(r.Err, protocol.ErrUnreachable):
				failed++
			}
		}
		if failed != 16 || untried != 5 || w.dialled.Load() != 16 || time.Since(began) != 8*time.Second {
			t.Errorf("%d failed, %d were not asked, %d connections, %v", failed, untried, w.dialled.Load(), time.Since(began))
		}
		return ""
	})
}
