package server

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// inPod returns Servers of a process with these variables.
func inPod(env map[string]string) *Servers {
	return New(nil, Config{Now: time.Now, HTTP: oauth.NewHTTPClient, Explain: func(string) {}, Env: func(name string) string { return env[name] }})
}

// TestCluster: the address of the API server is the pool's, else the pod's; what the pod's
// variables may not be is told without being repeated.
func TestCluster(t *testing.T) {
	const is = "KUBERNETES_SERVICE_HOST "
	for _, c := range []struct{ host, port, want string }{
		{"10.96.0.1", "443", "https://10.96.0.1:443"},
		{"10.96.0.1", "", "https://10.96.0.1:443"},
		{"fd00::1", "6443", "https://[fd00::1]:6443"},
		{"kubernetes.default.svc", "443", "https://kubernetes.default.svc:443"},
		{"", "443", "this is no pod of Kubernetes: KUBERNETES_SERVICE_HOST is not set"},
		{"user:c4n4ry@evil.example", "443", is + "is not an absolute URL"},
		{"user@evil.example", "443", is + "holds a user or password"},
		{"evil.example/c4n4ry", "443", is + "or KUBERNETES_SERVICE_PORT holds a path or query"},
		{"evil.example#c4n4ry", "443", is + "holds a fragment"},
		{"evil.example?c4n4ry", "443", is},
		{"a\r\nX-Evil: c4n4ry", "443", is + "is not an absolute URL"},
		{"10.96.0.1", "443/c4n4ry", is + "or KUBERNETES_SERVICE_PORT holds a path or query"},
		{"10.96.0.1", "443@evil.example", is},
		{"10.96.0.1", "port-c4n4ry", is + "is not an absolute URL"},
	} {
		ss := inPod(map[string]string{"KUBERNETES_SERVICE_HOST": c.host, "KUBERNETES_SERVICE_PORT": c.port})
		got, err := ss.cluster(config.Pool{Name: "ci"})
		switch {
		case strings.HasPrefix(c.want, "https://"):
			if err != nil || got != c.want {
				t.Errorf("%q %q: %s, %v", c.host, c.port, got, err)
			}
		case protocol.ExitCode(err) != 9 || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "c4n4ry"):
			t.Errorf("%q %q: %q, %v; want %q", c.host, c.port, got, err, c.want)
		}
		own, _ := url.Parse("https://api.example:6443/")
		if got, err := ss.cluster(config.Pool{Name: "ci", Address: own}); got != "https://api.example:6443" || err != nil {
			t.Errorf("a pool's own address: %s, %v", got, err)
		}
	}
}

// TestAskKubernetes: a token that no header can carry, or an authority that is none, is
// exit 9, and nobody is asked.
func TestAskKubernetes(t *testing.T) {
	ss := inPod(map[string]string{"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "1"})
	junk := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(junk, []byte("c4n4ry"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ token, ca, says string }{
		{"", "", "auth: what is there is no token"},
		{"c4n4ry\r\nX-Evil: 1", "", "auth: what is there is no token"},
		{"c4n4 ry", "", "auth: what is there is no token"},
		{"c4n4ryü", "", "auth: what is there is no token"},
		{"c4n4ry\x00", "", "auth: what is there is no token"},
		{strings.Repeat("c4n4ry", 1<<17), "", "auth: what is there is no token"},
		{"token", junk, "ca_file: "},
		{"token", junk + ".none", "ca_file: "},
		{"token", filepath.Dir(junk), "ca_file: "},
	} {
		_, err := ss.StoreAsker(config.Pool{Name: "ci", Kind: config.StoreKubernetes, CAFile: c.ca}, secret.New(c.token))
		if protocol.ExitCode(err) != 9 || !strings.HasPrefix(err.Error(), c.says) || strings.Contains(err.Error(), "c4n4ry") {
			t.Errorf("%.20q, %q: %v", c.token, c.ca, err)
		}
	}
}
