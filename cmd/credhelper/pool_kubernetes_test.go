//go:build linux

package main_test

import (
	"encoding/pem"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/pool/kubernetes/kubetest"
)

const (
	poolSecret  = "team/credhelper-pool"
	keeperToken = "keeper.of.team"
	readerToken = "reader.of.team"
)

// newCluster starts an API server with an empty Secret, and fails if it is asked for what
// a Role for one Secret does not allow.
func newCluster(t testing.TB) *kubetest.Server {
	t.Helper()
	s := kubetest.New(true, nil)
	s.SetAccount(keeperToken, kubetest.Account{Name: "keeper", Secret: poolSecret, Verbs: verbs(t, "keeper")})
	s.SetAccount(readerToken, kubetest.Account{Name: "reader", Secret: poolSecret, Verbs: verbs(t, "reader")})
	s.Create(poolSecret, nil)
	t.Cleanup(func() {
		s.Close()
		for _, request := range s.Refused() {
			t.Error(request)
		}
	})
	return s
}

func readExample(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("../../examples/kubernetes/pool.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// verbs returns those of a Role in examples/kubernetes/pool.yaml.
func verbs(t testing.TB, role string) []string {
	t.Helper()
	_, rest, found := strings.Cut(readExample(t), "kind: Role\nmetadata:\n  name: credhelper-pool-"+role+"\n  namespace: team\n"+
		"rules:\n  - apiGroups: [\"\"]\n    resources: [secrets]\n    resourceNames: [credhelper-pool]\n    verbs: [")
	list, _, _ := strings.Cut(rest, "]")
	if !found || list == "" {
		t.Fatal("the example has no such Role for one Secret")
	}
	return strings.Split(list, ", ")
}

// TestPoolKubernetesPage: docs/pool.md shows the keepers' Role of the example.
func TestPoolKubernetesPage(t *testing.T) {
	rules := "rules:\n" + onPoolPage(t, "yaml\nrules:\n")
	if !strings.Contains(rules, "verbs: ["+strings.Join(verbs(t, "keeper"), ", ")+"]") || !strings.Contains(readExample(t), rules) {
		t.Errorf("%s", rules)
	}
}

// inSecret returns the lines of config.toml for a pool in that Secret.
func inSecret(t testing.TB, s kubetest.API, token string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string][]byte{"token": []byte(token), "ca.crt": s.RootsPEM()} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return fmt.Sprintf("[pool.ci]\nstore = [\"kubernetes\", %q]\naddress = %q\nca_file = %q\nauth = [\"file\", %q]",
		poolSecret, s.URL(), filepath.Join(dir, "ca.crt"), filepath.Join(dir, "token"))
}

// TestPoolKubernetesSees: the API server sees no token, secret, client or profile, and a
// miss that the pool answers is one request to it.
func TestPoolKubernetesSees(t *testing.T) {
	s := newCluster(t)
	f := newFleetAt(t, inSecret(t, s, keeperToken), 2, "")
	token := finish(t, f.homes[0].Command(patiently...)).token()
	s.Log()
	if r := finish(t, f.homes[1].Command(patiently...)); r.token() != token || token == "" {
		t.Errorf("%+v", r)
	}
	if log := s.Log(); len(log) != 1 {
		t.Errorf("%q", log)
	}
	dump := func() (all string) {
		for key, value := range s.Data(poolSecret) {
			all += key + "\n" + string(value) + "\n"
		}
		return all
	}
	before := dump()
	f.write(t, "secret", "wrong-secret-canary")
	data := s.Data(poolSecret)
	maps.DeleteFunc(data, func(key string, _ []byte) bool { return len(key) > len("ci.check") }) // the token
	s.SetData(poolSecret, data)
	if err := f.homes[0].Empty(); err != nil {
		t.Fatal(err)
	}
	if r := finish(t, f.homes[0].Command(patiently...)); r.code != 7 {
		t.Fatalf("%+v", r)
	}
	all := before + dump()
	if strings.Count(all, "CRP1") < 4 { // token, mark, two lines of the log
		t.Fatal("too few sealed values: the test is blind")
	}
	noTrace(t, all, token[:20], secretA, "wrong-secret-canary", "client", "jama", "api.example.com", f.URL)
}

// TestPoolKubernetesReader: a reader whose Role has the verb get alone takes the token of
// keepers, and needs no client secret.
func TestPoolKubernetesReader(t *testing.T) {
	s := newCluster(t)
	f := newFleetAt(t, inSecret(t, s, keeperToken), 1, "")
	keeper := *f
	f.where = inSecret(t, s, readerToken)
	reader := f.add(t, "pool.key.reader", "role = \"reader\"\nlost = \"fail\"")
	token := oneToken(t, keeper.together(t, patiently...))
	f.write(t, "secret", "")
	s.Log()
	if r := finish(t, reader.Command(patiently...)); r.token() != token || r.stderr != "" {
		t.Errorf("%+v", r)
	}
	if log := s.Log(); !slices.Equal(log, []string{"GET 200"}) {
		t.Errorf("%q", log)
	}
	if r := finish(t, reader.Command("doctor", "jama")); strings.Contains(r.stdout, "FAIL  pool") || !strings.Contains(r.stdout, "ok    pool") {
		t.Errorf("%+v", r)
	}
}

// TestPoolKubernetesClock: an API server whose clock is an hour behind, as after another
// one has taken over, costs one request, and nobody gets an older token than it has.
func TestPoolKubernetesClock(t *testing.T) {
	s := newCluster(t)
	f := newFleetAt(t, inSecret(t, s, keeperToken), 4, "")
	first := oneToken(t, f.together(t, patiently...))
	s.SetClock(-time.Hour)
	for _, h := range f.homes[1:] {
		if err := os.RemoveAll(h.Dirs.Run()); err != nil {
			t.Fatal(err)
		}
	}
	rest := *f
	rest.homes = f.homes[1:]
	next := oneToken(t, rest.together(t, patiently...))
	if n := f.requests(); n != 2 || next == first {
		t.Errorf("%d requests; another token: %v", n, next != first)
	}
	if r := finish(t, f.homes[0].Command(patiently...)); r.token() != first {
		t.Errorf("%+v", r)
	}
}

// TestPoolKubernetesLost: an API server that refuses connections, or is silent, is lost;
// one that is slow is not.
func TestPoolKubernetesLost(t *testing.T) {
	t.Parallel() // mostly waiting
	for _, c := range []struct {
		name  string
		lose  func(*kubetest.Server)
		alone bool // a host fetches for itself
	}{
		{"refuses", (*kubetest.Server).Close, true},
		{"silent", func(s *kubetest.Server) { s.Delay(time.Minute) }, true},
		{"slow", func(s *kubetest.Server) { s.Delay(150 * time.Millisecond) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newCluster(t)
			f := newFleetAt(t, inSecret(t, s, keeperToken), 2, "")
			f.configure(t, f.homes[1], "pool.key", `lost = "fail"`)
			c.lose(s)
			r := finish(t, f.homes[0].Command("token", "jama"))
			if alone := strings.Contains(r.stderr, "this host fetched a token for itself"); r.code != 0 || alone != c.alone {
				t.Errorf("%+v", r)
			}
			r = finish(t, f.homes[1].Command("token", "jama"))
			if lost := r.code == 8 && strings.Contains(r.stderr, "its store is lost"); lost != c.alone || !lost && r.code != 0 {
				t.Errorf("%+v", r)
			}
			if n := f.requests(); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// TestPoolKubernetesWrong: everything that can be wrong has a line of its own and an exit
// code, and doctor says the same.
func TestPoolKubernetesWrong(t *testing.T) {
	t.Parallel() // mostly waiting
	for _, c := range []struct {
		name string
		do   func(*kubetest.Server)
		code int
		says string
	}{
		{"no Secret", func(s *kubetest.Server) { s.Delete(poolSecret) }, 9, "there is no Secret " + poolSecret},
		{"an expired token", func(s *kubetest.Server) {
			s.SetAccount(keeperToken, kubetest.Account{Secret: poolSecret, Verbs: []string{"get", "patch"}, Ends: time.Now().Add(-time.Minute)})
		}, 9, "it does not accept the token (401)"},
		{"no role", func(s *kubetest.Server) { s.SetAccount(keeperToken, kubetest.Account{}) }, 9, "it does not allow to get the Secret"},
		{"a reader's role", func(s *kubetest.Server) {
			s.SetAccount(keeperToken, kubetest.Account{Secret: poolSecret, Verbs: []string{"get"}})
		}, 9, "it does not allow to patch the Secret"},
		{"immutable", func(s *kubetest.Server) { s.SetImmutable(poolSecret) }, 9, "is immutable"},
		{"full", func(s *kubetest.Server) {
			s.SetData(poolSecret, map[string][]byte{"other": make([]byte, 512<<10)})
		}, 8, "is full"},
		{"throttled", func(s *kubetest.Server) { s.Always(kubetest.Canned{Status: 429, After: 2}) }, 8, "it asks to wait (429)"},
		{"in trouble", func(s *kubetest.Server) { s.Always(kubetest.Canned{Status: 503}) }, 8, "it answers 503"},
		{"another release", func(s *kubetest.Server) {
			data := s.Data(poolSecret)
			data["ci.check"] = []byte(strings.ReplaceAll(string(data["ci.check"]), " 1\n", " 9\n"))
			s.SetData(poolSecret, data)
		}, 9, "a newer release"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newCluster(t)
			f := newFleetAt(t, inSecret(t, s, keeperToken), 1, `lost = "fail"`)
			h := f.homes[0]
			if r := finish(t, h.Command("token", "jama")); r.code != 0 {
				t.Fatalf("%+v", r)
			}
			// A store that can be read, and has a token, is good enough.
			s.SetData(poolSecret, map[string][]byte{"ci.check": s.Data(poolSecret)["ci.check"]})
			c.do(s)
			if err := h.Empty(); err != nil {
				t.Fatal(err)
			}
			r := finish(t, h.Command("token", "jama", "--refresh"))
			if sane(t, c.name, r); r.code != c.code || !strings.Contains(r.stderr, c.says) || strings.Contains(r.stderr, keeperToken) {
				t.Errorf("%+v", r)
			}
			if n := f.requests(); n != 1 {
				t.Errorf("%d requests", n)
			}
			if d := finish(t, h.Command("doctor", "jama")); d.code != 9 || !strings.Contains(d.stdout+d.stderr, c.says) {
				t.Errorf("doctor: %+v", d)
			}
		})
	}
}

// TestPoolInPod: in a pod the address is the environment's, and no proxy is between. An
// API server whose certificate cannot be trusted gets no token.
func TestPoolInPod(t *testing.T) {
	s := newCluster(t)
	f := newFleetAt(t, "", 1, "")
	h := f.homes[0]
	f.write(t, "token", keeperToken+"\n")
	f.write(t, "ca.crt", string(s.RootsPEM()))
	_, other := certificate(t)
	f.write(t, "other.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: other})))
	at, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	call := func(environ ...string) result {
		if err := h.Empty(); err != nil {
			t.Fatal(err)
		}
		cmd := h.Command("token", "jama", "--refresh")
		cmd.Env = append(cmd.Env, environ...)
		return finish(t, cmd)
	}
	pod := []string{"KUBERNETES_SERVICE_HOST=" + at.Hostname(), "KUBERNETES_SERVICE_PORT=" + at.Port(), "HTTPS_PROXY=http://127.0.0.1:1"}
	settings := func(authority string) {
		f.where = fmt.Sprintf("[pool.ci]\nstore = [\"kubernetes\", %q]\nauth = [\"file\", %q]\nca_file = %q", poolSecret, f.path("token"), f.path(authority))
		f.configure(t, h, "pool.key", `lost = "alone"`)
		asMounted(t, h.Dirs.Settings())
	}
	settings("other.crt")
	if r := call(pod...); r.code != 9 || !strings.Contains(r.stderr, "signed by an unknown CA") || len(s.Log()) != 0 {
		t.Errorf("%+v", r)
	}
	settings("ca.crt")
	if r := call(pod...); r.code != 0 || r.stderr != "" {
		t.Errorf("%+v", r)
	}
	if r := call(); r.code != 9 || !strings.Contains(r.stderr, "KUBERNETES_SERVICE_HOST is not set") || !strings.Contains(r.stderr, "address of [pool.ci]") {
		t.Errorf("%+v", r)
	}
	f.write(t, "token", "")
	if r := call(pod...); r.code == 0 || !strings.Contains(r.stderr, "pool ci: auth") {
		t.Errorf("%+v", r)
	}
}

// asMounted makes a file what it is in a volume: a link to one in a directory that a link
// names, with the mode of a ConfigMap.
func asMounted(t testing.TB, path string) {
	t.Helper()
	dir := filepath.Dir(path)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	version := filepath.Join(dir, "..2026_01_02_03_04_05.1")
	for _, err := range []error{os.RemoveAll(version), os.Mkdir(version, 0o755), os.WriteFile(filepath.Join(version, filepath.Base(path)), content, 0o644),
		os.RemoveAll(filepath.Join(dir, "..data")), os.Symlink(filepath.Base(version), filepath.Join(dir, "..data")),
		os.Remove(path), os.Symlink(filepath.Join("..data", filepath.Base(path)), path)} {
		if err != nil {
			t.Fatal(err)
		}
	}
}
