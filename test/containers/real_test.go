//go:build containers && realkubernetes

package containers

import (
	"os"
	"testing"

	"github.com/credhelper/credhelper/helper/pool/kubernetes/kubetest"
)

// TestRealKubernetes plays examples/kubernetes/pool.yaml with the API server of Kubernetes,
// which made what the manifest describes, and signed the token of the service account.
func TestRealKubernetes(t *testing.T) {
	m := readShared(t)
	content, err := os.ReadFile("../../examples/kubernetes/pool.yaml")
	if err != nil {
		t.Fatal(err)
	}
	api := kubetest.StartReal(t)
	api.Apply(string(content))
	token := api.Login(m.account.Namespace, m.account.Name)
	rule := m.roles[m.binding.RoleRef.Name].Rules[0]
	api.Await(token, kubetest.Account{Name: m.account.Name, Secret: m.secret.Namespace + "/" + rule.ResourceNames[0], Verbs: rule.Verbs})
	m.play(t, api, token)
}
