//go:build realkubernetes

package kubetest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Real is an API server of Kubernetes, of test/kubernetes, which scripts/test-kubernetes
// builds. Its methods are those of Server.
type Real struct {
	Address string `json:"address"`
	CAFile  string `json:"ca_file"`
	Token   string `json:"token"` // of an administrator

	t      testing.TB
	dir    string
	client *http.Client
	cmd    *exec.Cmd
	stdin  io.Closer
}

// StartReal starts one, which ends with the test.
func StartReal(t testing.TB) *Real {
	t.Helper()
	r := &Real{t: t, dir: t.TempDir()}
	t.Cleanup(r.Close)
	r.start()
	r.writeKubeconfig()
	for _, object := range []string{`{"kind":"Namespace","apiVersion":"v1","metadata":{"name":"team"}}`,
		`{"kind":"ServiceAccount","apiVersion":"v1","metadata":{"name":"default","namespace":"team"}}`} { // which a controller makes
		r.Apply(object)
	}
	return r
}

// tool returns the path of a program that scripts/test-kubernetes builds.
func (r *Real) tool(name string) string {
	dir := os.Getenv("TOOL_KUBERNETES")
	if dir == "" {
		r.t.Fatal("TOOL_KUBERNETES is not set: scripts/test-kubernetes builds the server and sets it")
	}
	return filepath.Join(dir, name)
}

func (r *Real) start() {
	r.t.Helper()
	args := []string{r.dir}
	if r.Address != "" { // it was started before
		at, err := url.Parse(r.Address)
		if err != nil {
			r.t.Fatal(err)
		}
		args = append(args, at.Port())
	}
	r.cmd = exec.Command(r.tool("kubernetes"), args...)
	said, err := os.OpenFile(filepath.Join(r.dir, "stderr"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = said.Close() }()
	r.cmd.Stderr = said
	stdin, err := r.cmd.StdinPipe() // it ends when this does
	if err != nil {
		r.t.Fatal(err)
	}
	r.stdin = stdin
	stdout, err := r.cmd.StdoutPipe()
	if err == nil {
		err = r.cmd.Start()
	}
	if err != nil {
		r.t.Fatal(err)
	}
	if err := json.NewDecoder(stdout).Decode(r); err != nil {
		text, _ := os.ReadFile(said.Name())
		r.t.Fatalf("%v: %s", err, text[max(0, len(text)-4000):])
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(r.RootsPEM())
	r.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
}

// Close ends the server: it refuses connections.
func (r *Real) Close() {
	if r.cmd == nil {
		return
	}
	_ = r.stdin.Close()
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
	r.cmd = nil
	r.client.CloseIdleConnections()
}

// Restart ends the server and starts it at the same address, with what it had stored.
func (r *Real) Restart() {
	r.t.Helper()
	r.Close()
	r.start()
}

// URL is the server's address.
func (r *Real) URL() string { return r.Address }

// RootsPEM is the certificate to trust.
func (r *Real) RootsPEM() []byte {
	content, err := os.ReadFile(r.CAFile)
	if err != nil {
		r.t.Fatal(err)
	}
	return content
}

// Do sends a request with a token and returns the status and the document of the answer.
func (r *Real) Do(token, method, path, contentType string, body []byte) (status int, answer map[string]any) {
	r.t.Helper()
	q, err := http.NewRequest(method, r.Address+path, bytes.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer "+token)
	q.Header.Set("Accept", "application/json")
	if contentType != "" {
		q.Header.Set("Content-Type", contentType)
	}
	resp, err := r.client.Do(q)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	_ = json.Unmarshal(text, &answer)
	return resp.StatusCode, answer
}

// asAdmin sends a request of the administrator, which has to succeed unless its status is
// one of these.
func (r *Real) asAdmin(method, path, contentType string, body any, besides ...int) map[string]any {
	r.t.Helper()
	var content []byte
	if body != nil {
		var err error
		if content, err = json.Marshal(body); err != nil {
			r.t.Fatal(err)
		}
	}
	status, answer := r.Do(r.Token, method, path, contentType, content)
	if status >= 300 && !slices.Contains(besides, status) {
		r.t.Fatalf("%s %s: %d: %v", method, path, status, answer["message"])
	}
	return answer
}

// Kubectl returns a command of the administrator. Its kubectl is first in the PATH.
func (r *Real) Kubectl(name string, args ...string) *exec.Cmd {
	r.t.Helper()
	cmd := exec.Command(name, args...)
	if name == "kubectl" {
		cmd = exec.Command(r.tool(name), args...)
	}
	cmd.Env = append(os.Environ(), "KUBECONFIG="+filepath.Join(r.dir, "kubeconfig"), "HOME="+r.dir, "PATH="+r.tool("")+":"+os.Getenv("PATH"))
	return cmd
}

// writeKubeconfig writes what kubectl needs to be the administrator.
func (r *Real) writeKubeconfig() {
	r.t.Helper()
	settings := map[string]any{"kind": "Config", "apiVersion": "v1", "current-context": "real",
		"clusters": []any{map[string]any{"name": "real", "cluster": map[string]string{"server": r.Address, "certificate-authority": r.CAFile}}},
		"users":    []any{map[string]any{"name": "administrator", "user": map[string]string{"token": r.Token}}},
		"contexts": []any{map[string]any{"name": "real", "context": map[string]string{"cluster": "real", "user": "administrator"}}}}
	content, err := json.Marshal(settings)
	if err == nil {
		err = os.WriteFile(filepath.Join(r.dir, "kubeconfig"), content, 0o600)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// Apply makes what a manifest describes, in YAML or JSON, as kubectl does. A member that
// Kubernetes does not know is an error.
func (r *Real) Apply(manifest string, options ...string) {
	r.t.Helper()
	cmd := r.Kubectl("kubectl", append([]string{"apply", "--validate=strict", "-f", "-"}, options...)...)
	cmd.Stdin = strings.NewReader(manifest)
	if out, err := cmd.CombinedOutput(); err != nil {
		r.t.Fatalf("%v: %s", err, out)
	}
}

// SetAccount lets a service account have a role for one Secret, with these verbs alone, and
// returns a token of it. What it had before is forgotten.
func (r *Real) SetAccount(a Account) (token string) {
	r.t.Helper()
	namespace, secret, _ := strings.Cut(a.Secret, "/")
	meta := func(kind, group string) string {
		return fmt.Sprintf(`{"kind":%q,"apiVersion":%q,"metadata":{"name":%q,"namespace":%q}`, kind, group, a.Name, namespace)
	}
	const rbac = "rbac.authorization.k8s.io"
	verbs, _ := json.Marshal(append([]string{}, a.Verbs...))
	rules := "[]"
	if len(a.Verbs) > 0 {
		rules = fmt.Sprintf(`[{"apiGroups":[""],"resources":["secrets"],"resourceNames":[%q],"verbs":%s}]`, secret, verbs)
	}
	r.Apply(`{"kind":"List","apiVersion":"v1","items":[` + strings.Join([]string{
		meta("ServiceAccount", "v1") + "}",
		meta("Role", rbac+"/v1") + `,"rules":` + rules + "}",
		meta("RoleBinding", rbac+"/v1") + fmt.Sprintf(`,"roleRef":{"apiGroup":%q,"kind":"Role","name":%q},"subjects":[{"kind":"ServiceAccount","name":%q,"namespace":%q}]}`, rbac, a.Name, a.Name, namespace),
	}, ",") + "]}")
	token = r.Login(namespace, a.Name)
	r.Await(token, a)
	return token
}

// Login returns a new token of a service account.
func (r *Real) Login(namespace, account string) (token string) {
	r.t.Helper()
	answer := r.asAdmin(http.MethodPost, "/api/v1/namespaces/"+namespace+"/serviceaccounts/"+account+"/token", "application/json",
		map[string]any{"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "spec": map[string]any{"expirationSeconds": 3600}})
	status, _ := answer["status"].(map[string]any)
	token, _ = status["token"].(string)
	if token == "" {
		r.t.Fatalf("no token: %v", answer)
	}
	return token
}

// Ended returns a token of the server that is over: this one with an earlier end.
func (r *Real) Ended(token string) string {
	r.t.Helper()
	part := strings.Split(token, ".")
	content, err := base64.RawURLEncoding.DecodeString(part[1])
	if err != nil {
		r.t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(content, &claims); err != nil {
		r.t.Fatal(err)
	}
	began := time.Now().Add(-2 * time.Hour)
	claims["iat"], claims["nbf"], claims["exp"] = began.Unix(), began.Unix(), began.Add(time.Hour).Unix()
	if content, err = json.Marshal(claims); err != nil {
		r.t.Fatal(err)
	}
	text := part[0] + "." + base64.RawURLEncoding.EncodeToString(content)
	file, err := os.ReadFile(filepath.Join(r.dir, "accounts.key"))
	if err != nil {
		r.t.Fatal(err)
	}
	block, _ := pem.Decode(file)
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		r.t.Fatal(err)
	}
	digest := sha256.Sum256([]byte(text))
	a, b, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		r.t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(append(a.FillBytes(make([]byte, 32)), b.FillBytes(make([]byte, 32))...))
}

// Await waits until the server goes by the role that it has stored: it watches itself.
func (r *Real) Await(token string, a Account) {
	r.t.Helper()
	namespace, secret, _ := strings.Cut(a.Secret, "/")
	for range 600 {
		same := true
		for _, verb := range []string{"get", "patch"} {
			body, _ := json.Marshal(map[string]any{"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "spec": map[string]any{
				"resourceAttributes": map[string]string{"namespace": namespace, "resource": "secrets", "name": secret, "verb": verb}}})
			_, answer := r.Do(token, http.MethodPost, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "application/json", body)
			status, _ := answer["status"].(map[string]any)
			allowed, known := status["allowed"].(bool)
			same = same && known && allowed == slices.Contains(a.Verbs, verb)
		}
		if same {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	r.t.Fatalf("the role of %s has no effect", a.Name)
}

// Throttle lets the server tell these service accounts to wait, whatever they ask, until the
// function is called. They share one seat, which a request has whose body does not end.
func (r *Real) Throttle(namespace string, accounts ...string) (end func()) {
	r.t.Helper()
	const flow = "flowcontrol.apiserver.k8s.io/v1"
	var subjects []string
	for _, account := range accounts {
		subjects = append(subjects, fmt.Sprintf(`{"kind":"ServiceAccount","serviceAccount":{"name":%q,"namespace":%q}}`, account, namespace))
	}
	r.Apply(fmt.Sprintf(`{"kind":"List","apiVersion":"v1","items":[
		{"kind":"PriorityLevelConfiguration","apiVersion":%q,"metadata":{"name":"throttled"},"spec":{"type":"Limited","limited":{"nominalConcurrencyShares":0,"lendablePercent":0,"borrowingLimitPercent":0,"limitResponse":{"type":"Reject"}}}},
		{"kind":"FlowSchema","apiVersion":%q,"metadata":{"name":"throttled"},"spec":{"matchingPrecedence":2,"priorityLevelConfiguration":{"name":"throttled"},"rules":[
			{"subjects":[%s],"resourceRules":[{"verbs":["*"],"apiGroups":["*"],"resources":["*"],"namespaces":["*"],"clusterScope":true}]}]}}]}`, flow, flow, strings.Join(subjects, ",")))
	token := r.Login(namespace, accounts[0])
	for range 600 {
		body, stop := io.Pipe()
		q, err := http.NewRequest(http.MethodPost, r.Address+"/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body)
		if err != nil {
			r.t.Fatal(err)
		}
		q.Header.Set("Authorization", "Bearer "+token)
		q.Header.Set("Content-Type", "application/json")
		go func() {
			if resp, err := r.client.Do(q); err == nil {
				_ = resp.Body.Close()
			}
		}()
		for range 10 {
			if status, _ := r.Do(token, http.MethodGet, "/api/v1/namespaces/"+namespace+"/secrets/none", "", nil); status == http.StatusTooManyRequests {
				return func() {
					r.asAdmin(http.MethodDelete, "/apis/"+flow+"/flowschemas/throttled", "", nil)
					_ = stop.Close()
				}
			}
			time.Sleep(20 * time.Millisecond)
		}
		_ = stop.Close() // it had a seat before the schema counted
	}
	r.t.Fatal("it does not go by the flow schema")
	return nil
}

// path is that of a Secret, NAMESPACE/NAME.
func path(secret string) string {
	namespace, name, _ := strings.Cut(secret, "/")
	return "/api/v1/namespaces/" + namespace + "/secrets/" + name
}

// Create makes a Secret, as a person does; one that is there is made again. data may be nil.
func (r *Real) Create(secret string, data map[string][]byte) {
	r.t.Helper()
	r.asAdmin(http.MethodDelete, path(secret), "", nil, http.StatusNotFound)
	namespace, name, _ := strings.Cut(secret, "/")
	r.asAdmin(http.MethodPost, filepath.Dir(path(secret)), "application/json",
		map[string]any{"kind": "Secret", "apiVersion": "v1", "metadata": map[string]string{"name": name, "namespace": namespace}, "data": data})
}

// Delete removes a Secret.
func (r *Real) Delete(secret string) {
	r.t.Helper()
	r.asAdmin(http.MethodDelete, path(secret), "", nil)
}

// SetImmutable makes a Secret immutable.
func (r *Real) SetImmutable(secret string) {
	r.t.Helper()
	r.asAdmin(http.MethodPatch, path(secret), "application/merge-patch+json", map[string]bool{"immutable": true})
}

// Data returns what a Secret has.
func (r *Real) Data(secret string) map[string][]byte {
	r.t.Helper()
	data := map[string][]byte{}
	members, _ := r.asAdmin(http.MethodGet, path(secret), "", nil)["data"].(map[string]any)
	for key, value := range members {
		b, err := base64.StdEncoding.DecodeString(value.(string))
		if err != nil {
			r.t.Fatal(err)
		}
		data[key] = b
	}
	return data
}

// SetData replaces what a Secret has, as somebody can who may write to it.
func (r *Real) SetData(secret string, data map[string][]byte) {
	r.t.Helper()
	r.asAdmin(http.MethodPatch, path(secret), "application/json-patch+json",
		[]any{map[string]any{"op": "add", "path": "/data", "value": data}})
}
