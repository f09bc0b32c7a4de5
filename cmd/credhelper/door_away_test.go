//go:build linux

package main_test

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// away is another machine: a network namespace, at the other end of a cable to ours, with
// two addresses.
type away struct {
	t           *testing.T
	pid         int
	here        string // our address
	there, then string // its addresses

	here6, there6, then6 string // the same of IPv6
}

// newAway lays the cable; nil where this process may not.
func newAway(t *testing.T) *away {
	t.Helper()
	if os.Geteuid() != 0 || exec.Command("unshare", "--net", "ip", "link").Run() != nil {
		t.Log("not root, or no namespaces: there is no other machine")
		return nil
	}
	machine := exec.Command("unshare", "--net", "sh", "-c", "echo ready; exec sleep 1h")
	out, err := machine.StdoutPipe()
	if err == nil {
		err = machine.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = machine.Process.Kill(); _ = machine.Wait() })
	_, _ = out.Read(make([]byte, 8))
	a := &away{t: t, pid: machine.Process.Pid}
	net := fmt.Sprintf("198.18.%d.", a.pid%250) // RFC 2544: for tests of networks
	a.here, a.there, a.then = net+"1", net+"2", net+"3"
	net6 := fmt.Sprintf("fd00:7717:%x::", a.pid&0xffff)
	a.here6, a.there6, a.then6 = net6+"1", net6+"2", net6+"3"
	cable := "chtest" + strconv.Itoa(a.pid)
	a.must("ip", "link", "add", cable, "type", "veth", "peer", "name", "cable", "netns", strconv.Itoa(a.pid))
	a.must("ip", "address", "add", a.here+"/24", "dev", cable)
	a.must("ip", "address", "add", a.here6+"/64", "dev", cable, "nodad")
	a.must("ip", "link", "set", cable, "up")
	for _, words := range [][]string{{"address", "add", a.there + "/24", "dev", "cable"}, {"address", "add", a.then + "/24", "dev", "cable"},
		{"address", "add", a.there6 + "/64", "dev", "cable", "nodad"}, {"address", "add", a.then6 + "/64", "dev", "cable", "nodad"}, {"link", "set", "cable", "up"}} {
		a.must("nsenter", append([]string{"-t", strconv.Itoa(a.pid), "-n", "ip"}, words...)...)
	}
	return a
}

func (a *away) must(name string, args ...string) {
	a.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		a.t.Fatalf("%s %v: %s", name, args, out)
	}
}

// curl runs curl on the other machine.
func (a *away) curl(args ...string) result {
	return finish(a.t, exec.Command("nsenter", append([]string{"-t", strconv.Itoa(a.pid), "-n", need(a.t, "curl")}, args...)...))
}

// TestDoorAway (D1, D11): beyond this machine the door speaks TLS only, and only to the
// networks that a guest was lent for, whatever a request says of its sender. At an
// address of this machine that others reach, too, a process of another user gets nothing.
func TestDoorAway(t *testing.T) {
	a := newAway(t)
	if a == nil {
		return
	}
	d := newJamaDoor(t)
	d.close()
	if r := finish(t, d.home.Command("proxy", "--listen", a.here+":0")); r.code != 9 || !strings.Contains(r.stderr, "--tls") {
		t.Errorf("without TLS: %+v", r)
	}
	if r := finish(t, d.home.Command("proxy", "--listen", "0.0.0.0:0", "--tls")); r.code != 9 || !strings.Contains(r.stderr, "--name NAME") {
		t.Errorf("everywhere, without a name: %+v", r)
	}
	d.open(t, "--listen", "0.0.0.0:0", "--tls", "--name", a.here)
	if !strings.HasPrefix(d.url, "https://"+a.here+":") {
		t.Fatalf("the door is at %s", d.url)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte(d.trust(t)), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	ask := func(id, secret string, more ...string) []string {
		return append([]string{"-sS", "-m", "20", "--cacert", file, "-o", "/dev/null", "-w", "%{http_code}", "-u", id + ":" + secret, d.url + jamaUser}, more...)
	}
	check := func(what string, r result, want string) {
		t.Helper()
		if r.stdout != want {
			t.Errorf("%s: %+v, want %s", what, r, want)
		}
	}
	check("a guest without networks", a.curl(ask(d.id, d.secret)...), "000")
	check("that guest on this machine", finish(t, exec.Command("curl", ask(d.id, d.secret)...)), "200")

	id, secret := d.lend(t, "far", "--from", a.there+"/32")
	doorLooks()
	check("its network", a.curl(ask(id, secret)...), "200")
	check("a token", a.curl("-sS", "-m", "20", "--cacert", file, "-o", "/dev/null", "-w", "%{http_code}", "-u", id+":"+secret,
		"-d", url.Values{"grant_type": {"client_credentials"}}.Encode(), d.url+"/rest/oauth/token"), "200")
	check("another address", a.curl(ask(id, secret, "--interface", a.then)...), "000")
	check("the other guest, from there", a.curl(ask(d.id, d.secret)...), "401")
	check("the other guest, forwarded", a.curl(ask(d.id, d.secret, "-H", "X-Forwarded-For: 127.0.0.1", "-H", "Forwarded: for=127.0.0.1", "-H", "X-Real-IP: 127.0.0.1")...), "401")
	check("another address, by the PROXY protocol", a.curl(ask(id, secret, "--interface", a.then, "--haproxy-protocol")...), "000")
	check("the PROXY protocol", a.curl(ask(id, secret, "--haproxy-protocol")...), "000")
	check("in clear", a.curl("-sS", "-m", "20", "-o", "/dev/null", "-w", "%{http_code}", "-u", id+":"+secret, strings.Replace(d.url, "https:", "http:", 1)+jamaUser), "400")
	check("another Host", a.curl(ask(id, secret, "-H", "Host: evil.test")...), "421")
	check("that guest on this machine, which is none of its networks", finish(t, exec.Command("curl", ask(id, secret)...)), "401")

	other := exec.Command("curl", ask(d.id, d.secret)...)
	other.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	check("another user of this machine", finish(t, other), "000")

	d.run(t, "lend", "--revoke", "far")
	doorLooks()
	check("after revocation", a.curl(ask(id, secret)...), "000")
	if n := len(d.server.Calls()); n != 2 {
		t.Errorf("%d requests reached the API", n)
	}
}

// TestDoorAwayBoth (D1, D11): the same at a socket that speaks IPv6 and IPv4, whichever a
// peer uses.
func TestDoorAwayBoth(t *testing.T) {
	a := newAway(t)
	if a == nil {
		return
	}
	d := newJamaDoor(t)
	d.close()
	d.open(t, "--listen", "[::]:0", "--tls", "--name", a.here6, "--name", a.here)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte(d.trust(t)), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	id, secret := d.lend(t, "far", "--from", a.there+"/32", "--from", a.there6+"/128")
	doorLooks()
	port := d.url[strings.LastIndex(d.url, ":"):]
	for _, c := range []struct{ here, there, then string }{{a.here, a.there, a.then}, {"[" + a.here6 + "]", a.there6, a.then6}} {
		ask := func(id, secret string, more ...string) []string {
			return append([]string{"-sS", "-m", "20", "--cacert", file, "-o", "/dev/null", "-w", "%{http_code}", "-u", id + ":" + secret, "https://" + c.here + port + jamaUser}, more...)
		}
		other := exec.Command("curl", ask(d.id, d.secret)...)
		other.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		for what, got := range map[string]struct {
			result
			want string
		}{
			"its network":                  {a.curl(ask(id, secret, "--interface", c.there)...), "200"},
			"another address":              {a.curl(ask(id, secret, "--interface", c.then)...), "000"},
			"another guest, from there":    {a.curl(ask(d.id, d.secret, "--interface", c.there)...), "401"},
			"that guest on this machine":   {finish(t, exec.Command("curl", ask(d.id, d.secret)...)), "200"},
			"another user of this machine": {finish(t, other), "000"},
		} {
			if got.stdout != got.want {
				t.Errorf("%s: %s: %+v, want %s", c.here, what, got.result, got.want)
			}
		}
	}
}
