package wiring

import (
	"cmp"
	"encoding/json"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
)

// wireKubectl adds a user to the kubeconfig, with arguments that identify the profile's
// clusters.
func wireKubectl(p *Place) (Plan, error) {
	user := "credhelper-" + p.name
	args, next := "kubectl, --profile, "+p.name, []string{"use it in a context: kubectl config set-context --current --user=" + user}
	file := p.under(".kube", "config")
	if list := filepath.SplitList(p.env("KUBECONFIG")); len(list) > 0 && filepath.IsAbs(list[0]) {
		file = list[0]
	}
	recorded, found := p.clusterMarks(filepath.Dir(file))
	for _, mark := range recorded {
		args += ", --cluster, " + mark
	}
	if !found {
		next = append(next, "kubectl shows no cluster of this profile yet: when it is there, run this again, which records its certificate authority")
	}
	lines := "- name: " + user + "\n" +
		"  user:\n" +
		"    exec:\n" +
		"      apiVersion: client.authentication.k8s.io/v1\n" +
		"      command: " + quoted(p.credhelper) + "\n" +
		"      args: [" + args + "]\n" +
		"      interactiveMode: Never\n" +
		"      provideClusterInfo: true\n"
	edit := blockEdit(file, p.id("kubectl"), lines, underUsers(user))
	edit.show = "users:\n" + lines
	begin, end := marks(p.id("kubectl"))
	edit.drop = func(text string) (string, error) { return cutUser(cutBlock(text, begin, end), user), nil }
	return Plan{
		about: "a kubeconfig user that gets its token from profile " + p.name,
		edits: []fileEdit{edit},
		next:  next,
	}, nil
}

// kubeCluster is a cluster in the output of kubectl config view --raw.
type kubeCluster struct {
	Cluster struct {
		Server        string `json:"server"`
		Authority     string `json:"certificate-authority-data"`
		AuthorityFile string `json:"certificate-authority"`
		ServerName    string `json:"tls-server-name"`
		Proxy         string `json:"proxy-url"`
		Insecure      bool   `json:"insecure-skip-tls-verify"`
	} `json:"cluster"`
}

// clusterMarks returns the fingerprints of the profile's clusters in the kubeconfig, in
// order; found reports whether the profile has a cluster there at all. Relative paths
// are resolved against dir.
func (p *Place) clusterMarks(dir string) (marks []string, found bool) {
	var clusters []kubeCluster
	if p.profile == nil || p.kubeClusters == nil || json.Unmarshal([]byte(p.kubeClusters()), &clusters) != nil {
		return nil, false
	}
	for _, c := range clusters {
		u, reason := origin.ParseURL(c.Cluster.Server)
		if reason != origin.Release || c.Cluster.Insecure {
			continue
		}
		if at, _ := origin.Best(p.profile.Origins, u); at < 0 {
			continue
		}
		authority, err := c.authority(dir)
		if err != nil {
			continue // client-go would fail before it asks
		}
		found = true
		if mark := protocol.ClusterMark(authority, c.Cluster.ServerName, c.Cluster.Proxy); mark != "" {
			marks = append(marks, mark)
		}
	}
	slices.Sort(marks)
	return slices.Compact(marks), found
}

// authority returns the CA as client-go passes it to a plugin, which includes reading a
// file.
func (c kubeCluster) authority(dir string) (string, error) {
	path := c.Cluster.AuthorityFile
	if path == "" || c.Cluster.Authority != "" {
		return c.Cluster.Authority, nil
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	content, exists, err := readConfig(path) // which a kubeconfig of somebody else may name
	if err != nil || !exists {
		return "", cmp.Or(err, fs.ErrNotExist)
	}
	b, err := json.Marshal([]byte(content)) // in Base64
	return strings.Trim(string(b), `"`), err
}
