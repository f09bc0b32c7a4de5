//go:build tools

package tools

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// cluster answers as an API server does, as far as a client's first requests go.
func cluster() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/version":
			fmt.Fprintln(w, `{"major":"1","minor":"32","gitVersion":"v1.32.0"}`)
		case "/api":
			fmt.Fprintln(w, `{"kind":"APIVersions","versions":["v1"]}`)
		case "/apis":
			fmt.Fprintln(w, `{"kind":"APIGroupList","apiVersion":"v1","groups":[]}`)
		case "/api/v1":
			fmt.Fprintln(w, `{"kind":"APIResourceList","groupVersion":"v1","resources":[{"name":"pods","namespaced":true,"kind":"Pod","verbs":["list"]}]}`)
		case "/api/v1/namespaces/default/pods":
			fmt.Fprintln(w, `{"kind":"PodList","apiVersion":"v1","items":[{"metadata":{"name":"pod-one"}}]}`)
		default:
			http.NotFound(w, r)
		}
	})
}

// kubeconfig names two clusters with the same user.
func (w *world) kubeconfig(ours, stranger *site) {
	w.t.Helper()
	w.setenv("PATH=" + w.bin + ":" + suite + ":/usr/bin:/bin")
	entry := func(kind, name, body string) string { return "- name: " + name + "\n  " + kind + ":\n" + body }
	clusterOf := func(s *site) string {
		return "    server: " + s.URL + "\n    certificate-authority: " + authorityFile() + "\n"
	}
	contextOf := func(name string) string { return "    cluster: " + name + "\n    user: credhelper-work\n" }
	w.write(".kube/config", "apiVersion: v1\nkind: Config\ncurrent-context: ours\n"+
		"clusters:\n"+entry("cluster", "ours", clusterOf(ours))+entry("cluster", "stranger", clusterOf(stranger))+
		"contexts:\n"+entry("context", "ours", contextOf("ours"))+entry("context", "stranger", contextOf("stranger"))+
		"users:\n")
	w.setup("kubectl", "work")
}

// ourCluster is a world where a kubeconfig has a cluster of the profile work.
func ourCluster(t *testing.T) (*world, *site) {
	t.Helper()
	w := newWorld(t)
	site := w.site("Bearer", cluster())
	w.profile("work", site.URL)
	w.kubeconfig(site, site)
	return w, site
}

// TestKubectl: both versions of the protocol, and nothing for a cluster that no profile
// owns.
func TestKubectl(t *testing.T) {
	for _, version := range []string{"v1", "v1beta1"} {
		t.Run(version, func(t *testing.T) {
			w := newWorld(t)
			site, stranger := w.site("Bearer", cluster()), w.stranger("Bearer", cluster())
			w.profile("work", site.URL)
			w.kubeconfig(site, stranger)
			w.edit(".kube/config", "client.authentication.k8s.io/v1\n", "client.authentication.k8s.io/"+version+"\n")
			t.Log(strings.TrimSpace(w.ok(nil, "kubectl", "version", "--client")))

			if out := w.ok(nil, "kubectl", "get", "--raw", "/version"); !strings.Contains(out, "v1.32.0") {
				t.Errorf("version: %s", out)
			}
			if out := w.ok(nil, "kubectl", "get", "pods", "-o", "name"); !strings.Contains(out, "pod/pod-one") {
				t.Errorf("pods: %s", out)
			}
			site.served(t)
			if n := site.refused(); n != 0 {
				t.Errorf("%d requests came without the token", n)
			}
			w.requests(1)

			r := w.fails(nil, "kubectl", "--context", "stranger", "get", "--raw", "/version")
			r.shows(t, "credhelper: ")
			w.requests(1)
		})
	}
}

// TestKubectlForeignCluster: a cluster of somebody else's kubeconfig, with our server's
// address and user but a CA of its own, gets nothing (S17).
func TestKubectlForeignCluster(t *testing.T) {
	w, site := ourCluster(t)
	w.ok(nil, "kubectl", "get", "--raw", "/version")
	foreign := "apiVersion: v1\nkind: Config\nclusters:\n- name: foreign\n  cluster:\n    server: " + site.URL + "\n    certificate-authority: " + authorityFile() + "\n"
	context := "contexts:\n- name: foreign\n  context:\n    cluster: foreign\n    user: credhelper-work\n"
	w.setenv("KUBECONFIG=" + w.home + "/.kube/config:" + w.home + "/theirs")
	for _, more := range []string{"    proxy-url: http://127.0.0.1:9\n", "    tls-server-name: localhost\n"} {
		w.write("theirs", foreign+more+context)
		r := w.fails(nil, "kubectl", "--context", "foreign", "get", "--raw", "/version")
		r.shows(t, "is not recorded")
	}
	w.write("theirs", foreign+context) // the very same CA
	w.ok(nil, "kubectl", "--context", "foreign", "get", "--raw", "/version")
	w.requests(1)
}

// TestKubectlUnchecked: a cluster whose certificate is not verified may be anybody's.
func TestKubectlUnchecked(t *testing.T) {
	w, site := ourCluster(t)
	w.edit(".kube/config", "    certificate-authority: "+authorityFile()+"\n", "    insecure-skip-tls-verify: true\n")
	r := w.fails(nil, "kubectl", "get", "--raw", "/version")
	r.shows(t, "insecure-skip-tls-verify")
	site.gotNothing(t)
}

// TestKubectlStaleToken: after a 401 client-go runs the plugin again, but does not say so
// and does not repeat the request. A refresh by hand repairs that at once.
func TestKubectlStaleToken(t *testing.T) {
	w, _ := ourCluster(t)
	w.ok(nil, "kubectl", "get", "--raw", "/version")
	w.auth.RevokeAll()
	w.fails(nil, "kubectl", "get", "--raw", "/version")
	w.ok(nil, "credhelper", "token", "work", "--refresh")
	w.ok(nil, "kubectl", "get", "--raw", "/version")
	w.requests(2)
}
