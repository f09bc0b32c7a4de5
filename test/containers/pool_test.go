//go:build containers

package containers

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/helper/pool/kubernetes/kubetest"
)

// shared is what examples/kubernetes/pool.yaml describes.
type shared struct {
	secret  corev1.Secret
	roles   map[string]rbacv1.Role
	binding rbacv1.RoleBinding
	account corev1.ServiceAccount
	config  corev1.ConfigMap
	pods    appsv1.Deployment
}

// readShared reads it. A member that Kubernetes does not know is an error.
func readShared(t *testing.T) (m shared) {
	t.Helper()
	content, err := os.ReadFile("../../examples/kubernetes/pool.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m.roles = map[string]rbacv1.Role{}
	for part := range bytes.SplitSeq(content, []byte("\n---\n")) {
		var kind struct{ Kind string }
		if err := yaml.Unmarshal(part, &kind); err != nil {
			t.Fatal(err)
		}
		var role rbacv1.Role
		into, known := map[string]any{"Secret": &m.secret, "Role": &role, "RoleBinding": &m.binding,
			"ServiceAccount": &m.account, "ConfigMap": &m.config, "Deployment": &m.pods}[kind.Kind]
		if !known {
			t.Fatalf("pool.yaml has a %q", kind.Kind)
		}
		if err := yaml.UnmarshalStrict(part, into); err != nil {
			t.Fatal(err)
		}
		if kind.Kind == "Role" {
			m.roles[role.Name] = role
		}
	}
	return m
}

// apiServer is what a pod sees of its cluster.
type apiServer interface {
	URL() string
	RootsPEM() []byte
}

// TestPool plays examples/kubernetes/pool.yaml. What the pods may do with the Secret is what
// the Role says.
func TestPool(t *testing.T) {
	m := readShared(t)
	api := kubetest.New(true, nil)
	defer api.Close()
	api.Create(m.secret.Namespace+"/"+m.secret.Name, nil)
	role := m.roles[m.binding.RoleRef.Name]
	if len(role.Rules) != 1 || m.binding.Subjects[0].Name != m.account.Name || m.pods.Spec.Template.Spec.ServiceAccountName != m.account.Name {
		t.Fatalf("%+v", m)
	}
	rule := role.Rules[0]
	api.SetAccount("token-of-sync", kubetest.Account{Name: m.account.Name, Secret: role.Namespace + "/" + rule.ResourceNames[0], Verbs: rule.Verbs})
	m.play(t, api, "token-of-sync")
	for _, request := range api.Refused() {
		t.Error(request)
	}
}

// play lets two pods, each with a home of its own and the token of its service account where
// the kubelet puts it, ask for a token: they make one request.
func (m shared) play(t *testing.T, api apiServer, account string) {
	t.Helper()
	s := oauthtest.Start(t, oauthtest.Options{Product: "jama", Clients: []oauthtest.Client{{ID: "abc123", Secret: "s3cret"}}})
	key := makeKey(t)
	var tokens []string
	for range 2 {
		c := newContainer(t)
		args := append(m.lay(c, s, api, account, key), "keys=refused", "65532:65532", credhelper, "token", "jama")
		tokens = append(tokens, c.check(0, "", c.run(args...)[0]).Stdout)
	}
	if tokens[0] != tokens[1] || len(strings.TrimSpace(tokens[0])) < 20 || s.Count() != 1 {
		t.Errorf("%q, %d requests", tokens, s.Count())
	}
}

// makeKey returns a key of a pool.
func makeKey(t *testing.T) string {
	t.Helper()
	c := newContainer(t)
	c.volume("/data", "0777")
	c.environ = append(c.environ, "HOME=/data")
	made := c.run("keys=refused", randomUser, credhelper, "pool", "key", "/data/pool.key", "next", randomUser, "cat", "/data/pool.key")
	if made[0].Code != 0 {
		t.Fatalf("%+v", made)
	}
	return made[1].Stdout
}

// lay gives a container what the kubelet gives to a pod of the Deployment. It returns the
// options for contained.
func (m shared) lay(c *container, s *oauthtest.Server, api apiServer, token, key string) (options []string) {
	c.t.Helper()
	at, err := url.Parse(api.URL())
	if err != nil {
		c.t.Fatal(err)
	}
	pod := m.pods.Spec.Template.Spec
	group := *pod.SecurityContext.FSGroup
	c.environ = append(c.environ, "KUBERNETES_SERVICE_HOST="+at.Hostname(), "KUBERNETES_SERVICE_PORT="+at.Port())
	for _, variable := range pod.Containers[0].Env {
		c.environ = append(c.environ, variable.Name+"="+variable.Value)
	}
	const account = "/var/run/secrets/kubernetes.io/serviceaccount"
	c.mounted(account, "token", token, group)
	c.mounted(account, "ca.crt", string(api.RootsPEM()), group)
	files := map[string]map[string]string{"pool": {"pool.key": key}, "secret": {"client_secret": "s3cret"}}
	for _, volume := range pod.Volumes {
		if volume.ConfigMap != nil {
			files[volume.Name] = map[string]string{}
			for _, item := range volume.ConfigMap.Items {
				files[volume.Name][item.Path] = strings.ReplaceAll(m.config.Data[item.Key], "https://example.jamacloud.com", s.URL())
			}
		}
	}
	for _, mount := range pod.Containers[0].VolumeMounts {
		if len(files[mount.Name]) == 0 {
			c.volume(mount.MountPath, "2777")
			options = append(options, "own="+mount.MountPath+":0:65532")
			continue
		}
		for name, content := range files[mount.Name] {
			c.mounted(mount.MountPath, name, content, group)
		}
		c.mounts = append(c.mounts, "--ro-bind", filepath.Join(c.image, mount.MountPath), mount.MountPath)
	}
	return options
}
