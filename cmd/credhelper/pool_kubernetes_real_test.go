//go:build linux && realkubernetes

package main_test

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/pool/kubernetes/kubetest"
)

// pods are hosts that share tokens in a Secret: a keeper that fails without the store, one
// that goes on alone, and a reader. What they say is written down.
type pods struct {
	*testing.T
	*fleet
	api     kubetest.API
	account func(kubetest.Account) (token string)
	ended   func(token string) string // a token that is over
	limit   func() (end func())       // lets the server ask to wait
	dir     string                    // with what is mounted
	lines   []string
}

func newPods(t *testing.T, api kubetest.API, account func(kubetest.Account) string, ended func(string) string) *pods {
	t.Helper()
	p := &pods{T: t, api: api, account: account, ended: ended, dir: t.TempDir()}
	api.Create(poolSecret, nil)
	p.mount("ca.crt", string(api.RootsPEM()))
	p.mount("keeper", account(kubetest.Account{Name: "keeper", Secret: poolSecret, Verbs: verbs(t, "keeper")}))
	p.mount("reader", account(kubetest.Account{Name: "reader", Secret: poolSecret, Verbs: verbs(t, "reader")}))
	p.fleet = newFleetAt(t, p.settings(poolSecret, "keeper"), 1, `lost = "fail"`)
	p.add(t, "pool.key", `lost = "alone"`)
	p.where = p.settings(poolSecret, "reader")
	p.add(t, "pool.key.reader", "role = \"reader\"\nlost = \"fail\"")
	return p
}

// mount lets a file have another content, as the kubelet does: a link to it moves.
func (p *pods) mount(name, content string) {
	p.Helper()
	version := fmt.Sprintf("..%s_%d", name, time.Now().UnixNano())
	path := filepath.Join(p.dir, name)
	for _, err := range []error{os.Mkdir(filepath.Join(p.dir, version), 0o755),
		os.WriteFile(filepath.Join(p.dir, version, name), []byte(content), 0o644),
		os.Symlink(version, path+".next"), os.Rename(path+".next", filepath.Join(p.dir, "..data_"+name))} {
		if err != nil {
			p.Fatal(err)
		}
	}
	_ = os.Symlink(filepath.Join("..data_"+name, name), path) // or it is there
}

func (p *pods) settings(secret, account string) string {
	return fmt.Sprintf("[pool.ci]\nstore = [\"kubernetes\", %q]\naddress = %q\nca_file = %q\nauth = [\"file\", %q]",
		secret, p.api.URL(), filepath.Join(p.dir, "ca.crt"), filepath.Join(p.dir, account))
}

var (
	clockTime = regexp.MustCompile(`[0-9]{2}:[0-9]{2}:[0-9]{2}`)
	timing    = regexp.MustCompile(`answered in .*?;|; its clock less ours .*`)
	checked   = regexp.MustCompile(`\b[0-9a-f]{16}\b`)
)

// note writes down what a command came to, without what differs from run to run.
func (p *pods) note(what, text string) {
	text = strings.TrimSpace(text)
	for part, name := range map[string]string{p.api.URL(): "API", strings.TrimPrefix(p.api.URL(), "https://"): "API", p.dir: "MOUNTED", p.fleet.dir: "FILES", p.URL: "SERVER"} {
		text = strings.ReplaceAll(text, part, name)
	}
	p.lines = append(p.lines, what+": "+checked.ReplaceAllString(timing.ReplaceAllString(clockTime.ReplaceAllString(text, "TIME"), ""), "CHECK"))
}

// all lets each of the pods ask for a token that it has not, and then look at the store.
func (p *pods) all(what string) {
	p.Helper()
	for i, name := range []string{"keeper", "keeper that goes on alone", "reader"} {
		h := p.homes[i]
		if err := os.RemoveAll(h.Dirs.Run()); err != nil { // and what it remembers of the store
			p.Fatal(err)
		}
		before := p.requests()
		r := finish(p, h.Command("token", "jama"))
		text := r.stderr
		if r.code == 0 {
			text += fmt.Sprintf("a token of %d requests", p.requests()-before)
		} else {
			sane(p, what, r)
		}
		p.note(fmt.Sprintf("%s, %s", what, name), fmt.Sprintf("exit %d: %s", r.code, text))
		r = finish(p, h.Command("pool", "status"))
		p.note(fmt.Sprintf("%s, %s: pool status", what, name), fmt.Sprintf("exit %d: %s", r.code, r.stderr))
		r = finish(p, h.Command("doctor", "jama"))
		for line := range strings.Lines(r.stdout) {
			if strings.Contains(line, " pool ") {
				p.note(fmt.Sprintf("%s, %s: doctor", what, name), fmt.Sprintf("exit %d: %s", r.code, line))
			}
		}
		for _, token := range []string{"keeper", "reader"} {
			content, err := os.ReadFile(filepath.Join(p.dir, token))
			if err != nil {
				p.Fatal(err)
			}
			if strings.Contains(r.stdout+r.stderr+text, string(content)) {
				p.Errorf("%s: %s says the token", what, name)
			}
		}
	}
}

// where lets all pods have their store elsewhere.
func (p *pods) at(secret string) {
	for i, account := range []string{"keeper", "keeper", "reader"} {
		p.where = p.settings(secret, account)
		p.configure(p, p.homes[i], []string{"pool.key", "pool.key", "pool.key.reader"}[i], []string{`lost = "fail"`, `lost = "alone"`, "role = \"reader\"\nlost = \"fail\""}[i])
	}
}

// fresh makes the Secret again.
func (p *pods) fresh() { p.api.Create(poolSecret, nil) }

func (p *pods) story() {
	rights := kubetest.Account{Name: "keeper", Secret: poolSecret, Verbs: verbs(p, "keeper")}
	p.all("an empty Secret")
	p.all("a Secret with a token")
	good := p.token("keeper")

	p.mount("keeper", p.token("reader"))
	p.all("a keeper with a reader's token")
	p.fresh()
	p.all("a keeper with a reader's token, in an empty Secret")
	p.mount("keeper", "unknown.token")
	p.all("an unknown token")
	p.mount("keeper", p.ended(good))
	p.all("a token that is over")
	p.mount("keeper", good)
	p.all("the token was renewed")
	none := rights
	none.Verbs = nil
	p.account(none)
	p.all("a keeper without a role")
	p.mount("keeper", p.account(rights))
	p.all("its role is back")

	p.at("other/credhelper-pool")
	p.all("another namespace")
	p.at("team/other")
	p.all("another Secret")
	p.at(poolSecret)

	p.api.Delete(poolSecret)
	p.all("the Secret was deleted")
	p.fresh()
	p.all("the Secret was made again")
	data := p.api.Data(poolSecret)
	p.api.SetImmutable(poolSecret)
	p.all("immutable, with a token")
	p.fresh()
	p.api.SetImmutable(poolSecret)
	p.all("immutable and empty")
	p.fresh()
	for _, n := range []int{512 << 10, 1 << 20} {
		p.api.SetData(poolSecret, map[string][]byte{"other": make([]byte, n)})
		p.all(fmt.Sprint("of others in the Secret, bytes: ", n))
	}
	data["ci.check"] = []byte(strings.ReplaceAll(string(data["ci.check"]), " 1\n", " 9\n"))
	p.api.SetData(poolSecret, data)
	p.all("a newer release")
	p.api.SetData(poolSecret, map[string][]byte{"ci.check": []byte("other 1\n")})
	p.all("another key")
	p.fresh()
	_, der := certificate(p.T)
	p.mount("ca.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	p.all("an authority that is not to be trusted")
	p.mount("ca.crt", string(p.api.RootsPEM()))
	end := p.limit()
	p.all("throttled")
	end()
	p.all("not throttled any more")
	p.api.Close()
	p.all("the API server is down")
}

// token returns a token that is mounted.
func (p *pods) token(account string) string {
	content, err := os.ReadFile(filepath.Join(p.dir, account))
	if err != nil {
		p.Fatal(err)
	}
	return string(content)
}

// TestRealKubernetes: whatever is wrong with a Secret, an account, a role or the server, the
// executables say the same, and end the same, with the real API server and the strict one.
func TestRealKubernetes(t *testing.T) {
	s := kubetest.New(true, nil)
	t.Cleanup(s.Close)
	strict := newPods(t, s, func(a kubetest.Account) string {
		token := a.Name + ".of.team"
		s.SetAccount(token, a)
		return token
	}, func(string) string {
		s.SetAccount("over.of.team", kubetest.Account{Name: "keeper", Ends: time.Now().Add(-time.Minute)})
		return "over.of.team"
	})
	strict.limit = func() func() {
		s.Always(kubetest.Canned{Status: http.StatusTooManyRequests, After: 1})
		return func() { s.Always(kubetest.Canned{}) }
	}
	strict.story()
	r := kubetest.StartReal(t)
	real := newPods(t, r, r.SetAccount, r.Ended)
	real.limit = func() func() { return r.Throttle("team", "keeper", "reader") }
	real.story()
	if len(strict.lines) < 100 {
		t.Errorf("%d lines: the test is blind", len(strict.lines))
	}
	for i := range max(len(strict.lines), len(real.lines)) {
		switch {
		case i >= len(strict.lines), i >= len(real.lines):
			t.Fatalf("%d and %d lines", len(strict.lines), len(real.lines))
		case strict.lines[i] != real.lines[i]:
			t.Errorf("strict: %s\n            real:   %s", strict.lines[i], real.lines[i])
		default:
			t.Log(strict.lines[i])
		}
	}
}

// TestRealKubernetesFleet runs the tests of all stores, with hosts that are executables, on
// the real server. Each has a Secret of its own.
func TestRealKubernetesFleet(t *testing.T) {
	r := kubetest.StartReal(t)
	before, opens := stores, atomic.Int32{}
	t.Cleanup(func() { stores = before }) // after those that are parallel
	stores = []storeKind{{"real", func(t testing.TB) opened {
		account := kubetest.Account{Name: fmt.Sprint("keeper-", opens.Add(1)), Verbs: verbs(t, "keeper")}
		account.Secret = "team/" + account.Name
		r.Create(account.Secret, nil)
		o := inAPIServer(t, ownSecret{r, account.Secret}, r.SetAccount(account))
		o.where = strings.ReplaceAll(o.where, poolSecret, account.Secret)
		return o
	}}}
	t.Run("one request", TestPoolOneRequest)
	t.Run("refused", TestPoolRefused)
	t.Run("reported", TestPoolReported)
	t.Run("reader", TestPoolReader)
	t.Run("leader", TestPoolLeader)
	t.Run("store fails", TestPoolStoreFails)
	t.Run("added", TestPoolAdded)
	t.Run("rotated", TestPoolRotated)
}

// ownSecret is an API server with another Secret in place of that of the tests.
type ownSecret struct {
	*kubetest.Real
	name string
}

func (o ownSecret) Data(string) map[string][]byte           { return o.Real.Data(o.name) }
func (o ownSecret) SetData(_ string, all map[string][]byte) { o.Real.SetData(o.name, all) }

// TestRealKubernetesRestart: while the server is down, a host with a token goes on, and one
// that goes on alone fetches one; when it is back the hosts share again.
func TestRealKubernetesRestart(t *testing.T) {
	r := kubetest.StartReal(t)
	p := newPods(t, r, r.SetAccount, r.Ended)
	first := oneToken(t, p.together(t, patiently...))
	p.api.Close()
	if token := oneToken(t, p.together(t, patiently...)); token != first {
		t.Error("another token while the server is down")
	}
	for _, h := range p.homes {
		if err := h.Empty(); err != nil {
			t.Fatal(err)
		}
	}
	for i, code := range []int{8, 0, 8} {
		if got := finish(t, p.homes[i].Command("token", "jama")); got.code != code || !strings.Contains(got.stderr, "connection refused") {
			t.Errorf("host %d: %+v", i, got)
		}
	}
	r.Restart()
	for _, h := range p.homes {
		if err := h.Empty(); err != nil {
			t.Fatal(err)
		}
		if got := finish(t, h.Command("pool", "status")); got.code != 0 { // it tries a store that was lost
			t.Errorf("%+v", got)
		}
		if got := finish(t, h.Command("token", "jama", "--timeout", "120")); got.code != 0 || got.token() != first {
			t.Errorf("%+v", got)
		}
	}
	if n := p.requests(); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}
