package wiring

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/protocol"
)

// TestSetupKubectlRecords: setup records the CA of each cluster that the profile owns, from
// the data or from the file, and of no other cluster (S17). A file that is no certificate's
// is not read.
func TestSetupKubectlRecords(t *testing.T) {
	place := testPlace(t)
	for name, content := range map[string]string{"ca.pem": "PEM of a file\n", "huge.pem": strings.Repeat("x", configLimit+1)} {
		if err := writeConfig(filepath.Join(place.home, ".kube", name), content); err != nil {
			t.Fatal(err)
		}
	}
	place.kubeClusters = func() string {
		return `[{"name":"a","cluster":{"server":"https://git.example.com","certificate-authority-data":"QUJD"}},
			{"name":"b","cluster":{"server":"https://git.example.com/b","certificate-authority":"ca.pem","proxy-url":"http://proxy:3128"}},
			{"name":"again","cluster":{"server":"https://git.example.com:443/","certificate-authority-data":"QUJD"}},
			{"name":"public","cluster":{"server":"https://eu.cdn.example.com"}},
			{"name":"stranger","cluster":{"server":"https://evil.test","certificate-authority-data":"RVZJTA=="}},
			{"name":"unchecked","cluster":{"server":"https://git.example.com","insecure-skip-tls-verify":true}},
			{"name":"gone","cluster":{"server":"https://git.example.com","certificate-authority":"/nowhere/ca.pem"}},
			{"name":"huge","cluster":{"server":"https://git.example.com","certificate-authority":"huge.pem"}}]`
	}
	plan, err := wireKubectl(place)
	if err != nil {
		t.Fatal(err)
	}
	shown := plan.edits[0].show
	for _, mark := range []string{protocol.ClusterMark("QUJD", "", ""), protocol.ClusterMark("UEVNIG9mIGEgZmlsZQo=", "", "http://proxy:3128")} {
		if strings.Count(shown, "--cluster, "+mark) != 1 {
			t.Errorf("%s is not there once:\n%s", mark, shown)
		}
	}
	if n := strings.Count(shown, "--cluster"); n != 2 || len(plan.next) != 1 {
		t.Errorf("%d marks, said %q:\n%s", n, plan.next, shown)
	}
	for _, said := range []string{"", "[]", "no JSON", `[{"cluster":{"server":"https://evil.test"}}]`} {
		place.kubeClusters = func() string { return said }
		if plan, err = wireKubectl(place); err != nil || len(plan.next) != 2 || strings.Contains(plan.edits[0].show, "--cluster") {
			t.Errorf("%q: %v %q", said, err, plan.next)
		}
	}
}
