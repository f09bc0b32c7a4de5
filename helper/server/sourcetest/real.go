//go:build realvault

package sourcetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"
)

// Real is a HashiCorp Vault of test/vault, which scripts/test-vault builds.
type Real struct {
	Address string `json:"address"`
	Standby string `json:"standby"`
	Token   string `json:"token"`
	Key     []byte `json:"key"`
}

// StartReal starts one; words are "standby" for another node beside it. It ends with the
// test.
func StartReal(t testing.TB, words ...string) *Real {
	t.Helper()
	path := os.Getenv("TOOL_VAULT")
	if path == "" {
		t.Fatal("TOOL_VAULT is not set: scripts/test-vault builds Vault and sets it")
	}
	cmd := exec.Command(path, words...)
	stdin, err := cmd.StdinPipe() // it ends when this does
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	r := &Real{}
	if err := json.NewDecoder(stdout).Decode(r); err != nil {
		t.Fatal(err)
	}
	return r
}

// Do sends a request with the root token; an answer that is no success fails the test. It
// returns the member data.
func (r *Real) Do(t testing.TB, method, path string, body any) map[string]any {
	t.Helper()
	status, data := r.do(t, method, path, body)
	if status >= 300 {
		t.Fatalf("%s %s: %d: %v", method, path, status, data)
	}
	return data
}

func (r *Real) do(t testing.TB, method, path string, body any) (status int, data map[string]any) {
	t.Helper()
	content, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	q, err := http.NewRequest(method, r.Address+"/v1/"+path, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("X-Vault-Token", r.Token)
	resp, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	var answer struct {
		Data   map[string]any
		Errors []string
	}
	_ = json.Unmarshal(text, &answer)
	if answer.Errors != nil {
		answer.Data = map[string]any{"errors": answer.Errors}
	}
	return resp.StatusCode, answer.Data
}

// Mount mounts a KV engine, and waits until it has become one of its version.
func (r *Real) Mount(t testing.TB, mount string, version int) {
	t.Helper()
	r.Do(t, http.MethodPost, "sys/mounts/"+mount, map[string]any{"type": "kv", "options": map[string]string{"version": fmt.Sprint(version)}})
	for range 600 { // "Upgrading from non-versioned to versioned data"
		if status, _ := r.do(t, http.MethodGet, mount+"/data/none", nil); status == http.StatusNotFound {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("%s is not ready", mount)
}

// AppRole lets a role log in with this id and secret id. Its tokens have the policy, in
// Vault's own words.
func (r *Real) AppRole(t testing.TB, role, secretID, policy string, more map[string]any) {
	t.Helper()
	if status, _ := r.do(t, http.MethodGet, "auth/approle/role/x", nil); status == http.StatusNotFound || status == http.StatusForbidden {
		r.do(t, http.MethodPost, "sys/auth/approle", map[string]any{"type": "approle"}) // or it is there
	}
	r.Do(t, http.MethodPut, "sys/policies/acl/"+role, map[string]any{"policy": policy})
	settings := map[string]any{"token_policies": role, "token_ttl": "1h"}
	for key, value := range more {
		settings[key] = value
	}
	r.Do(t, http.MethodPost, "auth/approle/role/"+role, settings)
	r.Do(t, http.MethodPost, "auth/approle/role/"+role+"/role-id", map[string]any{"role_id": role})
	r.Do(t, http.MethodPost, "auth/approle/role/"+role+"/custom-secret-id", map[string]any{"secret_id": secretID})
}

// Seal seals or unseals it.
func (r *Real) Seal(t testing.TB, sealed bool) {
	t.Helper()
	if sealed {
		r.Do(t, http.MethodPut, "sys/seal", nil)
		return
	}
	r.Do(t, http.MethodPut, "sys/unseal", map[string]any{"key": fmt.Sprintf("%x", r.Key)})
	for range 600 {
		if status, _ := r.do(t, http.MethodGet, "sys/health", nil); status == http.StatusOK {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("it is not active again")
}
