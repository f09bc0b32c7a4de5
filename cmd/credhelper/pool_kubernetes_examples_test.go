//go:build linux && realkubernetes

package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/pool/kubernetes/kubetest"
)

const examples = "../../examples/kubernetes/"

// manifest reads an example.
func manifest(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(examples + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// apply returns what kubectl says of a manifest.
func apply(r *kubetest.Real, manifest string, options ...string) (string, error) {
	cmd := r.Kubectl("kubectl", append([]string{"apply", "-n", "team", "--validate=strict", "-f", "-"}, options...)...)
	cmd.Stdin = strings.NewReader(manifest)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestRealKubernetesExamples: the API server takes each example as it is, without a member
// that it does not know, and none with a misspelt one.
func TestRealKubernetesExamples(t *testing.T) {
	r := kubetest.StartReal(t)
	paths, err := filepath.Glob(examples + "*.yaml")
	if err != nil || len(paths) < 3 {
		t.Fatalf("%v, %v", paths, err)
	}
	for _, path := range paths {
		text := manifest(t, filepath.Base(path))
		out, err := apply(r, text, "--dry-run=server")
		if objects := strings.Count(text, "\napiVersion: ") + strings.Count(text[:11], "apiVersion:"); err != nil || strings.Count(out, "(server dry run)") != objects || objects < 2 {
			t.Errorf("%s: %v: %s", path, err, out)
		}
		if strings.Contains(out, "Warning") {
			t.Errorf("%s: %s", path, out)
		}
	}
	for _, c := range [][3]string{
		{"pool.yaml", "resourceNames:", "resourceName:"}, {"pool.yaml", "defaultMode:", "mode:"}, {"pool.yaml", "verbs: [get]", "verb: [get]"},
		{"exchange.yaml", "readOnlyRootFilesystem", "readOnlyRootFileSystem"}, {"exchange.yaml", "expirationSeconds", "expiresSeconds"},
		{"sidecar.yaml", "restartPolicy: Always", "restartPolicy: Allways"}, {"sidecar.yaml", "fsGroup:", "fsgroup:"},
	} {
		text := strings.ReplaceAll(manifest(t, c[0]), c[1], c[2])
		if text == manifest(t, c[0]) {
			t.Fatalf("%s has no %s", c[0], c[1])
		}
		if out, err := apply(r, text, "--dry-run=server"); err == nil {
			t.Errorf("%s with %s: %s", c[0], c[2], out)
		}
	}
}

// runLine runs a line of a page in a directory, as a person does who may do everything.
func runLine(t *testing.T, r *kubetest.Real, dir, line string) {
	t.Helper()
	cmd := r.Kubectl("sh", "-c", line)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", line, err, out)
	}
}

// shared makes what examples/kubernetes/pool.yaml describes, a service account "reader"
// with its Role for readers, and hosts as those pods.
func shared(t *testing.T) (*kubetest.Real, *pods) {
	t.Helper()
	r := kubetest.StartReal(t)
	if out, err := apply(r, manifest(t, "pool.yaml")); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	runLine(t, r, ".", "kubectl -n team create serviceaccount reader && kubectl -n team create rolebinding reader --role=credhelper-pool-reader --serviceaccount=team:reader")
	p := newPods(t, mounted{r}, func(a kubetest.Account) string {
		name := map[string]string{"keeper": "sync", "reader": "reader"}[a.Name]
		token := r.Login("team", name)
		r.Await(token, a)
		return token
	}, r.Ended)
	return r, p
}

// mounted is an API server whose Secret somebody else has made.
type mounted struct{ *kubetest.Real }

func (mounted) Create(string, map[string][]byte) {}

// TestRealKubernetesPool: with what examples/kubernetes/pool.yaml makes, keepers and a
// reader share one token, and who applies it again takes nothing away. The commands in it
// make the Secrets that it mounts.
func TestRealKubernetesPool(t *testing.T) {
	r, p := shared(t)
	token := oneToken(t, p.together(t, patiently...))
	if n := p.requests(); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
	before := r.Data(poolSecret)
	if out, err := apply(r, manifest(t, "pool.yaml")); err != nil || !strings.Contains(out, "secret/credhelper-pool unchanged") {
		t.Errorf("%v: %s", err, out)
	}
	if !equalData(before, r.Data(poolSecret)) {
		t.Error("the token is gone")
	}
	lines := regexp.MustCompile(`# (kubectl .*)`).FindAllStringSubmatch(manifest(t, "pool.yaml"), -1)
	if len(lines) != 2 {
		t.Fatalf("%v", lines)
	}
	dir := t.TempDir()
	for _, name := range []string{"pool.key", "client_secret"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("content"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range lines {
		runLine(t, r, dir, line[1])
	}
	for secret, key := range map[string]string{"team/pool-key": "pool.key", "team/jama": "client_secret"} {
		if content := r.Data(secret)[key]; string(content) != "content" || !strings.Contains(manifest(t, "pool.yaml"), "/"+key+"\"]") {
			t.Errorf("%s: %q", secret, content)
		}
	}
	if again := oneToken(t, p.together(t, patiently...)); again != token {
		t.Error("another token")
	}
}

func equalData(a, b map[string][]byte) bool {
	for key, value := range a {
		if string(b[key]) != string(value) {
			return false
		}
	}
	return len(a) == len(b)
}

// TestRealKubernetesStolen is the section of docs/pool.md: a reader was stolen. With its
// service account nothing can be changed, and nothing else be read. After the three steps
// the thief has neither an account nor a key that are of use.
func TestRealKubernetesStolen(t *testing.T) {
	r, p := shared(t)
	thief := p.homes[2]
	stolen := oneToken(t, p.together(t, patiently...))
	for _, line := range []string{
		"patch secret credhelper-pool --type=merge -p '{\"data\":{\"ci.check\":null}}'", "delete secret credhelper-pool", "get secrets", "get secret other",
		"get configmap credhelper", "create secret generic other", "create serviceaccount other", "create token reader", "get secret credhelper-pool --namespace=default",
	} {
		cmd := r.Kubectl("sh", "-c", "kubectl -n team "+line)
		cmd.Env = append(cmd.Env, "KUBECONFIG="+asReader(t, p))
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "orbidden") {
			t.Errorf("%s: %v: %s", line, err, out)
		}
	}

	_, section, _ := strings.Cut(poolPage(t), "### A reader was stolen\n")
	section, _, _ = strings.Cut(section, "\n## ")
	lines := regexp.MustCompile("`(kubectl [^`]*)`").FindAllStringSubmatch(section, -1)
	if len(lines) != 2 {
		t.Fatalf("the section has %d commands of kubectl, want 2", len(lines))
	}
	step := func(i int) { runLine(t, r, ".", strings.Join(strings.Fields(lines[i][1]), " ")) }
	// 1. Another account.
	step(0)
	for began := time.Now(); ; time.Sleep(100 * time.Millisecond) { // the server remembers whom it knew for ten seconds
		got := finish(t, thief.Command("pool", "status"))
		if got.code == 9 && strings.Contains(got.stderr, "it does not accept the token (401)") {
			break
		}
		if time.Since(began) > 2*time.Minute {
			t.Fatalf("the thief's account: %+v", got)
		}
	}
	runLine(t, r, ".", "kubectl -n team create serviceaccount reader")
	// 2. Other keys, and no check value of the old one.
	if _, err := p.homes[0].Run("", "pool", "key", p.path("new.key")); err != nil {
		t.Fatal(err)
	}
	step(1)
	for i, settings := range []string{`lost = "fail"`, `lost = "alone"`} {
		p.where = p.settings(poolSecret, "keeper")
		p.configure(t, p.homes[i], "new.key", settings)
	}
	p.where = p.settings(poolSecret, "fresh")
	p.mount("fresh", r.Login("team", "reader"))
	r.Await(p.token("fresh"), kubetest.Account{Name: "reader", Secret: poolSecret, Verbs: []string{"get"}})
	p.homes = p.homes[:2]
	p.add(t, "new.key.reader", "role = \"reader\"\nlost = \"fail\"")
	// 3. Another token.
	before := p.requests()
	if out, err := p.homes[0].Run("", "pool", "renew", "jama"); err != nil {
		t.Fatalf("%s %v", out, err)
	}
	for _, h := range p.homes {
		if err := h.Empty(); err != nil {
			t.Fatal(err)
		}
	}
	if token := oneToken(t, p.together(t, patiently...)); token == stolen || p.requests() != before+1 {
		t.Errorf("%d requests, the old token: %v", p.requests()-before, token == stolen)
	}
	// The thief has the old account, or the new one with the old key.
	for account, says := range map[string]string{"reader": "it does not accept the token (401)", "fresh": "that of another pool"} {
		p.where = p.settings(poolSecret, account)
		p.configure(t, thief, "pool.key.reader", "role = \"reader\"\nlost = \"fail\"")
		if err := thief.Empty(); err != nil {
			t.Fatal(err)
		}
		if got := finish(t, thief.Command("token", "jama")); got.code != 9 || !strings.Contains(got.stderr, says) {
			t.Errorf("the thief: %+v", got)
		}
	}
}

// asReader writes what kubectl needs to be the reader.
func asReader(t *testing.T, p *pods) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	for _, args := range [][]string{
		{"config", "set-cluster", "real", "--server=" + p.api.URL(), "--certificate-authority=" + filepath.Join(p.dir, "ca.crt")},
		{"config", "set-credentials", "reader", "--token=" + p.token("reader")},
		{"config", "set-context", "real", "--cluster=real", "--user=reader"}, {"config", "use-context", "real"},
	} {
		cmd := exec.Command(filepath.Join(os.Getenv("TOOL_KUBERNETES"), "kubectl"), args...)
		cmd.Env = append(os.Environ(), "KUBECONFIG="+path)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	return path
}

// TestRealKubernetesHints: what a hint says to type helps.
func TestRealKubernetesHints(t *testing.T) {
	r := kubetest.StartReal(t)
	p := newPods(t, r, r.SetAccount, r.Ended)
	h := p.homes[0]
	for what, spoil := range map[string]func(string){"deleted": r.Delete, "immutable": r.SetImmutable} {
		spoil(poolSecret)
		got := finish(t, h.Command("pool", "status"))
		_, hint, _ := strings.Cut(got.stderr, "\n")
		_, line, typed := strings.Cut(hint, ": kubectl ")
		if sane(t, what, got); got.code != 9 || !typed {
			t.Fatalf("%s: %+v", what, got)
		}
		runLine(t, r, ".", "kubectl "+line)
		if got := finish(t, h.Command("pool", "status")); got.code != 0 {
			t.Errorf("%s: %+v", what, got)
		}
	}
}
