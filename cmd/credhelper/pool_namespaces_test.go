//go:build linux && namespaces

package main_test

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/pool/pooltest"
	"github.com/credhelper/credhelper/internal/program"
)

// A host of these tests is a home in a network namespace of its own, behind a bridge. In
// each, socat listens on the loopback addresses of the server and the store, because
// credhelper speaks to no others without TLS.

const bridge, gateway = "credhelper-br", "10.213.77.1"

// networked is a fleet whose hosts have a network each.
type networked struct {
	*fleet
	store string // port of the store on the bridge
}

func sh(t testing.TB, line string) {
	t.Helper()
	words := strings.Fields(line)
	if out, err := exec.Command(need(t, words[0]), words[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s (this test has to be root)", line, err, out)
	}
}

func newNetworked(t *testing.T) *networked {
	hosts, _ := fewHosts()
	f := newFleet(t, pooltest.StartServer(t), hosts, "")
	remove := func() {
		for i := range hosts {
			_ = exec.Command("ip", "netns", "del", space(i)).Run()
		}
		_ = exec.Command("ip", "link", "del", bridge).Run()
	}
	remove()
	t.Cleanup(remove)
	sh(t, "ip link add "+bridge+" type bridge")
	sh(t, "ip addr add "+gateway+"/24 dev "+bridge)
	sh(t, "ip link set "+bridge+" up")
	server, err := url.Parse(f.URL)
	if err != nil {
		t.Fatal(err)
	}
	n := &networked{fleet: f, store: forward(t, "127.0.0.1:"+f.store.Port)}
	serverPort := forward(t, server.Host)
	for i := range hosts {
		for _, line := range []string{
			"ip netns add NS", "ip link add vHOST type veth peer name eth0 netns NS", "ip link set vHOST master " + bridge, "ip link set vHOST up",
			"ip -n NS link set lo up", "ip -n NS addr add " + fmt.Sprintf("10.213.77.%d", i+10) + "/24 dev eth0", "ip -n NS link set eth0 up",
		} {
			sh(t, strings.ReplaceAll(strings.ReplaceAll(line, "NS", space(i)), "vHOST", fmt.Sprint("vch", i)))
		}
		for here, there := range map[string]string{f.fleetPort(): n.store, server.Port(): serverPort} {
			cmd := exec.Command("ip", "netns", "exec", space(i), need(t, "socat"), "TCP-LISTEN:"+here+",bind=127.0.0.1,fork,reuseaddr", "TCP:"+gateway+":"+there)
			cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		}
	}
	for i := range hosts {
		for range 1000 {
			if exec.Command("ip", "netns", "exec", space(i), "socat", "-u", "OPEN:/dev/null", "TCP:127.0.0.1:"+f.fleetPort()).Run() == nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return n
}

func space(i int) string { return fmt.Sprint("credhelper-", i) }

func (f *fleet) fleetPort() string { return f.store.Port }

// forward listens on the bridge for an address of this machine, and returns the port.
func forward(t testing.TB, to string) string {
	l, err := net.Listen("tcp", gateway+":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer in.Close()
				out, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer out.Close()
				go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
				_, _ = io.Copy(in, out)
			}()
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// inside runs a call on each host, in its namespace, and returns the results and how many
// requests they made.
func (n *networked) inside(t testing.TB, args ...string) (results []result, requests int) {
	t.Helper()
	before := n.requests()
	results = make([]result, len(n.homes))
	n.each(func(i int, h *program.Home) {
		inner := h.Command(args...)
		cmd := exec.Command("ip", append([]string{"netns", "exec", space(i)}, inner.Args...)...)
		cmd.Env, cmd.Dir = inner.Env, inner.Dir
		results[i] = finish(t, cmd)
	})
	return results, n.requests() - before
}

func (n *networked) empty(t testing.TB) {
	t.Helper()
	n.each(func(_ int, h *program.Home) {
		if err := os.RemoveAll(h.Dirs.Run()); err != nil {
			t.Error(err)
		}
	})
}

// nextCall lets hosts that were cut off, and lost their tokens since, ask again: they
// remember that the store is lost. The figure is what that takes more than a call of a
// profile without a pool.
func (n *networked) nextCall(t *testing.T, cut int) {
	t.Helper()
	off := networked{fleet: &fleet{server: n.server, homes: n.homes[:cut]}}
	for _, h := range off.homes {
		err := h.AddProfile(program.Profile{Name: "alone", Origin: "https://alone.example.com", TokenURL: n.URL + "/token", ClientID: "client",
			More: fmt.Sprintf("secret = [\"file\", %q]", n.path("secret"))})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Empty(); err != nil {
			t.Fatal(err)
		}
	}
	results, requests := off.inside(t, "token", "jama")
	without, _ := off.inside(t, "token", "alone")
	if alone := answered(t, results); alone != cut || requests != cut {
		t.Errorf("%d cut off, the next call: %d alone, %d requests", cut, alone, requests)
	}
	var longer []time.Duration
	for i := range results {
		longer = append(longer, results[i].took-without[i].took)
	}
	figure(t, fmt.Sprintf("%d cut off: their next call, longer than without a pool", cut), 50*time.Millisecond, longer...)
}

// answered fails unless all hosts got a token. Those that were alone say so.
func answered(t testing.TB, results []result) (alone int) {
	t.Helper()
	for i, r := range results {
		if r.code != 0 {
			t.Errorf("host %d: %+v", i, r)
		}
		if strings.Contains(r.stderr, "for itself") {
			alone++
		}
	}
	return alone
}

// TestNamespaces: hosts with a network each share a token: cold, with caches lost, with
// some cut off from the store, without the store, when it is back, emptied, or restored
// to an earlier state.
func TestNamespaces(t *testing.T) {
	n := newNetworked(t)
	n.slow(50 * time.Millisecond)
	hosts := len(n.homes)
	results, requests := n.inside(t, patiently...)
	if oneToken(t, results); requests != 1 {
		t.Errorf("cold: %d requests", requests)
	}
	figure(t, fmt.Sprintf("%d namespaces, cold, server 50 ms: answers", hosts), time.Second, took(results)...)
	n.empty(t)
	results, requests = n.inside(t, patiently...)
	if oneToken(t, results); requests != 0 {
		t.Errorf("caches lost: %d requests", requests)
	}
	key := ""
	for _, k := range strings.Fields(n.fleet.store.Do(t, "--raw", "KEYS", "credhelper:ci:{*}")) {
		key = k
	}
	n.fleet.store.Do(t, "COPY", key, "earlier")

	_, cut := fewHosts()
	for i := range cut {
		sh(t, "ip netns exec "+space(i)+" iptables -A OUTPUT -p tcp -d "+gateway+" --dport "+n.store+" -j DROP")
	}
	n.fleet.store.Do(t, "DEL", key)
	n.empty(t)
	results, requests = n.inside(t, "token", "jama")
	if alone := answered(t, results); alone != cut || requests != 1+cut {
		t.Errorf("%d of %d cut off: %d alone, %d requests", cut, hosts, alone, requests)
	}
	figure(t, fmt.Sprintf("%d of %d cut off: their answers", cut, hosts), 6*time.Second, took(results[:cut])...)
	n.nextCall(t, cut)
	for i := range cut {
		sh(t, "ip netns exec "+space(i)+" iptables -F OUTPUT")
	}

	n.fleet.store.Signal(syscall.SIGSTOP)
	n.empty(t) // and what they remember of a lost store
	results, requests = n.inside(t, "token", "jama")
	if alone := answered(t, results); alone != hosts || requests != hosts {
		t.Errorf("no store: %d alone, %d requests", alone, requests)
	}
	n.fleet.store.Signal(syscall.SIGCONT)
	time.Sleep(11 * time.Second) // until the hosts try it again
	results, requests = n.inside(t, "token", "jama", "--refresh", "--timeout", "120")
	if oneToken(t, results); requests > 1 {
		t.Errorf("the store is back: %d requests", requests)
	}
	for what, change := range map[string][]string{"emptied": {"DEL", key}, "restored": {"COPY", "earlier", key, "REPLACE"}} {
		n.fleet.store.Do(t, change...)
		results, requests = n.inside(t, "token", "jama", "--refresh", "--timeout", "120")
		if token := oneToken(t, results); requests != 1 || !n.knows(token) {
			t.Errorf("%s: %d requests", what, requests)
		}
	}
}
