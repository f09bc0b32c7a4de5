//go:build containers

package containers

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
)

// manifest is what an example in examples/kubernetes describes.
type manifest struct {
	config corev1.ConfigMap
	pod    corev1.PodSpec
}

// readManifest reads an example. A member that Kubernetes does not know is an error.
func readManifest(t *testing.T, name string) (m manifest) {
	t.Helper()
	content, err := os.ReadFile("../../examples/kubernetes/" + name)
	if err != nil {
		t.Fatal(err)
	}
	for part := range bytes.SplitSeq(content, []byte("\n---\n")) {
		var kind struct{ Kind string }
		if err := yaml.Unmarshal(part, &kind); err != nil {
			t.Fatal(err)
		}
		switch kind.Kind {
		case "ConfigMap":
			err = yaml.UnmarshalStrict(part, &m.config)
		case "Pod":
			var pod corev1.Pod
			err = yaml.UnmarshalStrict(part, &pod)
			m.pod = pod.Spec
		case "Job":
			var job batchv1.Job
			err = yaml.UnmarshalStrict(part, &job)
			m.pod = job.Spec.Template.Spec
		default:
			t.Fatalf("%s has a %q", name, kind.Kind)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(m.config.Data) == 0 || len(m.pod.InitContainers) == 0 || len(m.pod.Volumes) == 0 {
		t.Fatalf("%s: %+v", name, m)
	}
	return m
}

// lay gives a container what the kubelet gives to the pod: the files of the ConfigMap, those
// of its secrets, and its empty volumes. It returns the options for contained.
func (m manifest) lay(c *container, replace *strings.Replacer, files map[string]string) (options []string) {
	c.t.Helper()
	mounts := m.pod.InitContainers[0].VolumeMounts
	group := *m.pod.SecurityContext.FSGroup
	for _, volume := range m.pod.Volumes {
		i := slices.IndexFunc(mounts, func(mount corev1.VolumeMount) bool { return mount.Name == volume.Name })
		if i < 0 {
			c.t.Fatalf("the volume %s is not mounted", volume.Name)
		}
		path := mounts[i].MountPath
		switch {
		case volume.EmptyDir != nil:
			c.volume(path, "2777")
			options = append(options, fmt.Sprintf("own=%s:0:%d", path, group))
		case volume.ConfigMap != nil:
			for name, content := range m.config.Data {
				c.mounted(path, name, replace.Replace(content), group)
			}
		default:
			for name, content := range files {
				c.mounted(path, name, content, group)
			}
		}
	}
	return options
}

// mounted puts a file where the kubelet mounts it: a link to one in a directory with the time
// in its name, which is a link, too, and is replaced at each change.
func (c *container) mounted(path, name, content string, group int64) {
	c.t.Helper()
	real := filepath.Join(path, "..2026_11_28", name)
	c.write(real, content, 0o440)
	if err := os.Chown(filepath.Join(c.image, real), 0, int(group)); err != nil {
		c.t.Fatal(err)
	}
	_ = os.Symlink("..2026_11_28", filepath.Join(c.image, path, "..data"))
	if err := os.Symlink("..data/"+name, filepath.Join(c.image, path, name)); err != nil {
		c.t.Fatal(err)
	}
}

// who is the user of a container of the pod.
func (m manifest) who(container corev1.Container) string {
	user, group := m.pod.SecurityContext.RunAsUser, m.pod.SecurityContext.RunAsGroup
	if own := container.SecurityContext; own != nil && own.RunAsUser != nil {
		user, group = own.RunAsUser, own.RunAsGroup
	}
	return fmt.Sprintf("%d:%d:%d", *user, *group, *m.pod.SecurityContext.FSGroup)
}

// command is what a container of our image executes.
func (m manifest) command(c *container, container corev1.Container) []string {
	for _, variable := range container.Env {
		c.environ = append(c.environ, variable.Name+"="+variable.Value)
	}
	return append([]string{m.who(container), credhelper}, container.Args...)
}

// TestSidecar plays examples/kubernetes/sidecar.yaml: the init container writes the token,
// the sidecar keeps it, and the application, another user, reads it; a user outside the
// group does not.
func TestSidecar(t *testing.T) {
	c := newContainer(t)
	m := readManifest(t, "sidecar.yaml")
	s := oauthtest.Start(t, oauthtest.Options{Product: "jama", Clients: []oauthtest.Client{{ID: "abc123", Secret: "s3cret"}}})
	options := m.lay(c, strings.NewReplacer("https://example.jamacloud.com", s.URL()), map[string]string{"client_secret": "s3cret"})
	const token = "/shared/credhelper/token"
	args := append([]string{"keys=refused"}, options...)
	args = append(append(args, m.command(c, m.pod.InitContainers[0])...), "next", "&")
	args = append(append(args, m.command(c, m.pod.InitContainers[1])...), "next", m.who(m.pod.Containers[0]), "cat", token)
	args = append(args, "next", "1002:1002", "cat", token)
	a := c.run(args...)
	c.check(0, "", a[0])
	read := c.check(0, "", a[2])
	c.check(99, "permission denied", a[3])
	if len(strings.TrimSpace(read.Stdout)) < 20 || s.Count() != 1 {
		t.Errorf("%q, %d requests", read.Stdout, s.Count())
	}
}

// TestExchange plays examples/kubernetes/exchange.yaml: a pod without a secret, whose
// service account's token is exchanged.
func TestExchange(t *testing.T) {
	c := newContainer(t)
	m := readManifest(t, "exchange.yaml")
	s := oauthtest.Start(t, oauthtest.Options{Clients: []oauthtest.Client{{ID: "jobs", Auth: "none"}}})
	options := m.lay(c, strings.NewReplacer("https://login.example.com/token", s.TokenURL()), map[string]string{"api": "subject-of-the-account"})
	args := append([]string{"keys=refused"}, options...)
	args = append(append(args, m.command(c, m.pod.InitContainers[0])...), "next", m.who(m.pod.Containers[0]), "cat", "/shared/credhelper/token")
	a := c.run(args...)
	c.check(0, "", a[0])
	if read := c.check(0, "", a[1]); len(strings.TrimSpace(read.Stdout)) < 20 || s.Count() != 1 {
		t.Errorf("%q, %d requests", read.Stdout, s.Count())
	}
}

// TestVolumes: where sink may write in a volume that everybody can write to.
func TestVolumes(t *testing.T) {
	c := newContainer(t)
	c.newServer()
	c.volume("/data", "0777")
	c.volume("/shared", "0777")
	c.environ = append(c.environ, "HOME=/data")
	sink := func(args ...string) []string {
		return append([]string{randomUser, credhelper, "sink", "jama", "--once"}, args...)
	}
	var args []string
	for i, command := range [][]string{
		sink("--file", "/shared/token"),
		sink("--file", "/shared/sub/token"),
		sink("--file", "/shared/sub/token", "--make-dir"),
		{"1002:1002", "cat", "/shared/sub/token"},
		{"1002:0", "cat", "/shared/sub/token"}, // the same group
	} {
		if i > 0 {
			args = append(args, "next")
		}
		args = append(args, command...)
	}
	a := c.run(append([]string{"keys=refused"}, args...)...)
	c.check(9, "name a file in a directory below it, which --make-dir creates", a[0])
	c.check(9, "create it with mode 0700, or add --make-dir", a[1])
	c.check(0, "", a[2])
	c.check(99, "permission denied", a[3])
	c.check(99, "permission denied", a[4])
	other := c.run(append([]string{"keys=refused", "own=/shared:4242:4242"}, sink("--file", "/shared/sub/token", "--make-dir")...)...)
	c.check(9, "/shared belongs to uid 4242, neither root nor you", other[0])
}
