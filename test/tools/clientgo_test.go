//go:build tools

package tools

import (
	"net/http"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// TestClientGo: a long-running program that uses client-go runs the plugin again after a
// 401, and never otherwise before the expiry that it was told. So its second request
// reports a refusal (X1): the program continues with one more token, and no more than one.
func TestClientGo(t *testing.T) {
	w := newWorld(t)
	site := w.site("Bearer", cluster())
	w.profile("work", site.URL)
	w.kubeconfig(site, site)
	for _, entry := range w.env { // of this process, which client-go uses for the plugin
		name, value, _ := strings.Cut(entry, "=")
		t.Setenv(name, value)
	}
	config, err := clientcmd.BuildConfigFromFlags("", w.home+"/.kube/config")
	if err != nil {
		t.Fatal(err)
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	get := func() int {
		t.Helper()
		resp, err := client.Get(site.URL + "/version")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	for range 5 {
		if status := get(); status != http.StatusOK {
			t.Fatal(status)
		}
	}
	w.requests(1)

	w.revoke()
	if status := get(); status != http.StatusUnauthorized { // client-go does not repeat the request
		t.Errorf("after the revocation: %d", status)
	}
	for range 5 {
		if status := get(); status != http.StatusOK {
			t.Errorf("after a token was refused: %d", status)
		}
	}
	w.requests(2)
}
