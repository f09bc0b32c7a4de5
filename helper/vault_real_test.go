//go:build realvault

package helper_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	neturl "net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/helper/server/sourcetest"
	"github.com/credhelper/credhelper/protocol"
)

// either is a Vault, the strict one or the real one, whose secrets, policies and logins are
// the same: kv/data/demo may be read by AppRole "role-1" and by one JWT of role "ci" and, as a pod
// of Kubernetes, of role "pod".
type either struct {
	url, standby string
	active       string // the node that the standby redirects to
	put          func(path string, data map[string]any)
	delete       func(path string)
	seal         func(bool)
	revoke       func()
}

const demoPolicy = `path "kv/data/demo" { capabilities = ["read"] }
path "old/*" { capabilities = ["read"] }
path "nope/*" { capabilities = ["read"] }`

func realEither(t *testing.T, key *ecdsa.PrivateKey) either {
	r, pair := sourcetest.StartReal(t), sourcetest.StartReal(t, "standby")
	for _, one := range []*sourcetest.Real{r, pair} {
		one.Mount(t, "kv", 2)
		one.AppRole(t, "role-1", "secret-id-1", demoPolicy, map[string]any{"token_ttl": "40s", "token_max_ttl": "1h"})
	}
	r.Mount(t, "old", 1)
	pair.Do(t, http.MethodPost, "kv/data/demo", map[string]any{"data": map[string]string{"client_secret": "secret"}})
	r.Do(t, http.MethodPost, "sys/auth/jwt", map[string]any{"type": "jwt"})
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	r.Do(t, http.MethodPost, "auth/jwt/config", map[string]any{"jwt_validation_pubkeys": []string{string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))}})
	r.Do(t, http.MethodPost, "auth/jwt/role/ci", map[string]any{"role_type": "jwt", "user_claim": "sub", "bound_audiences": "vault", "token_policies": "role-1", "token_ttl": "40s", "token_max_ttl": "1h"})
	reviewer := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"status": {"authenticated": true, "audiences": ["vault"], "user": {"username": "system:serviceaccount:ci:job", "uid": "u"}}}`)
	}))
	t.Cleanup(reviewer.Close)
	r.Do(t, http.MethodPost, "sys/auth/kubernetes", map[string]any{"type": "kubernetes"})
	r.Do(t, http.MethodPost, "auth/kubernetes/config", map[string]any{"kubernetes_host": reviewer.URL, "disable_local_ca_jwt": true, "token_reviewer_jwt": ciToken(t, key),
		"kubernetes_ca_cert": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: reviewer.Certificate().Raw}))})
	r.Do(t, http.MethodPost, "auth/kubernetes/role/pod", map[string]any{"bound_service_account_names": "job", "bound_service_account_namespaces": "ci", "token_policies": "role-1", "token_ttl": "40s"})
	return either{r.Address, pair.Standby, pair.Address,
		func(path string, data map[string]any) {
			body := data
			if strings.HasPrefix(path, "kv/data/") {
				body = map[string]any{"data": data}
			}
			r.Do(t, http.MethodPost, path, body)
		},
		func(path string) { r.Do(t, http.MethodDelete, path, nil) },
		func(sealed bool) { r.Seal(t, sealed) },
		func() {
			r.Do(t, http.MethodPut, "sys/leases/revoke-prefix/auth/approle/login", map[string]any{"sync": true})
		}}
}

func fakeEither(t *testing.T, h *home, jwt string) either {
	allowed := sourcetest.Policy{Read: []string{"kv/data/demo", "old/*", "nope/*"}}
	v := sourcetest.NewVault(sourcetest.VaultOptions{Now: h.now, Mounts: map[string]int{"kv": 2, "old": 1}, Logins: []sourcetest.Login{
		{Mount: "approle", Body: map[string]string{"role_id": "role-1", "secret_id": "secret-id-1"}, Policy: allowed, Lease: 40 * time.Second, Renewable: true, Longest: time.Hour},
		{Mount: "jwt", Body: map[string]string{"role": "ci", "jwt": jwt}, Policy: allowed, Lease: 40 * time.Second, Renewable: true, Longest: time.Hour},
		{Mount: "kubernetes", Body: map[string]string{"role": "pod", "jwt": jwt}, Policy: allowed, Lease: 40 * time.Second},
	}})
	t.Cleanup(v.Close)
	standby := sourcetest.NewVault(sourcetest.VaultOptions{Now: h.now})
	t.Cleanup(standby.Close)
	standby.Redirect(v.URL())
	return either{v.URL(), standby.URL(), v.URL(), v.Put, v.Delete, v.Seal, v.Revoke}
}

// listened is a proxy that notes what passes it.
type listened struct {
	*httptest.Server
	mu    sync.Mutex
	lines []string
}

func listen(t *testing.T, to string) *listened {
	target, err := neturl.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	l := &listened{}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: func(r *http.Response) error {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.lines = append(l.lines, fmt.Sprint(r.Request.Method, " ", strings.TrimPrefix(r.Request.URL.Path, "/v1/"), " ", r.StatusCode))
			return nil
		},
	}
	l.Server = httptest.NewServer(proxy)
	t.Cleanup(l.Close)
	return l
}

// ciToken returns a JWT for the logins of roles "ci" and "pod".
func ciToken(t *testing.T, key *ecdsa.PrivateKey) string {
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	text := part(map[string]string{"alg": "ES256", "typ": "JWT"}) + "." + part(map[string]any{"sub": "system:serviceaccount:ci:job", "aud": []string{"vault"}, "kubernetes.io": map[string]any{"namespace": "ci", "serviceaccount": map[string]string{"name": "job", "uid": "u"}}, "exp": time.Now().Add(time.Hour).Unix(), "nbf": time.Now().Add(-time.Minute).Unix()})
	digest := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

// TestRealVault: a source in Vault gets from the real server what it gets from the strict
// one, by the same requests, and says the same if it gets nothing. What happens is written
// down for both, and compared.
func TestRealVault(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	jwt := ciToken(t, key)
	var stories [2][]string
	for i, name := range []string{"strict", "real"} {
		h := newHome(t, oauthtest.Options{})
		var v either
		if name == "real" {
			v = realEither(t, key)
		} else {
			v = fakeEither(t, h, jwt)
		}
		s := &story{home: h, either: v, front: listen(t, v.url), back: listen(t, v.standby), jwt: jwt}
		s.tell(t)
		stories[i] = s.lines
	}
	if len(stories[0]) < 30 {
		t.Errorf("%d lines: the test is blind", len(stories[0]))
	}
	if !reflect.DeepEqual(stories[0], stories[1]) {
		t.Error("they differ")
	}
	for i := range max(len(stories[0]), len(stories[1])) {
		line := func(story []string) string {
			if i < len(story) {
				return story[i]
			}
			return ""
		}
		if strict, real := line(stories[0]), line(stories[1]); strict != real {
			t.Logf("strict: %s\n          real:   %s", strict, real)
		} else {
			t.Log(strict)
		}
	}
}

var seconds = regexp.MustCompile(`for [0-9]+ s`)

type story struct {
	*home
	either
	front, back *listened
	jwt         string
	lines       []string
}

// fetch asks for a token, and writes down what came of it.
func (s *story) fetch(what string) {
	for _, l := range []*listened{s.front, s.back} {
		l.mu.Lock()
		l.lines = nil
		l.mu.Unlock()
	}
	sealed, err := filepath.Glob(s.dirs.Run() + "/t-*")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, path := range sealed { // the logins are elsewhere
		if err := os.Remove(path); err != nil {
			s.t.Fatal(err)
		}
	}
	_, err = s.get(protocol.Request{Profile: "demo", Refresh: true})
	text := "a token"
	if err != nil {
		text = fmt.Sprintf("exit %d: %v", protocol.ExitCode(err), err)
		if known := new(protocol.Error); errors.As(err, &known) {
			text += "; " + known.Hint
		}
	}
	for _, l := range []*listened{s.back, s.front} {
		l.mu.Lock()
		for _, line := range l.lines {
			s.lines = append(s.lines, what+": "+line)
		}
		l.mu.Unlock()
	}
	for url, name := range map[string]string{s.active: "ACTIVE", s.front.URL: "VAULT", s.back.URL: "STANDBY", s.dirs.Config: "CONFIG"} {
		text = strings.ReplaceAll(text, url, name)
	}
	s.lines = append(s.lines, what+": "+seconds.ReplaceAllString(text, "for SOME s"))
}

// configure says where the secret is, and how to log in there.
func (s *story) configure(address, word, section string) {
	s.write(s.dirs.Settings(), fmt.Sprintf("keyring = \"file\"\n[vault.%q]\n%s\n", address, section))
	s.profile("demo", plain+fmt.Sprintf("secret = [\"vault\", %q, %q]\n", address, word))
}

func (s *story) tell(t *testing.T) {
	const demo = "kv/data/demo#client_secret"
	approle := fmt.Sprintf("auth = [\"approle\", \"role-1\", [\"file\", %q]]", s.dirs.Config+"/secret-id")
	s.write(s.dirs.Config+"/secret-id", "secret-id-1\n")
	at := s.front.URL
	s.put("kv/data/demo", map[string]any{"client_secret": "secret", "number": 1})
	s.put("old/demo", map[string]any{"client_secret": "secret"})

	s.configure(at, demo, approle)
	s.fetch("a login by AppRole")
	s.fetch("the kept login")
	s.wait(29 * time.Second)
	s.fetch("its renewal")
	s.wait(time.Hour)
	s.fetch("after its lease")
	s.revoke()
	s.wait(time.Minute)
	s.fetch("a kept login that was revoked, and is over")
	s.revoke()
	s.wait(5 * time.Second)
	s.fetch("a kept login that was revoked a moment ago")
	s.wait(31 * time.Second)
	for _, c := range [][2]string{
		{"a path that the policy does not allow", "kv/data/other#client_secret"}, {"no such mount", "nope/data/demo#client_secret"},
		{"no such field", "kv/data/demo#nothing"}, {"a field that is no string", "kv/data/demo#number"},
		{"a KV engine of version 1", "old/demo#client_secret"}, {"nothing in one of version 1", "old/data/demo#client_secret"},
	} {
		s.configure(at, c[1], approle)
		s.fetch(c[0])
	}
	s.configure(at, demo, approle)
	s.delete("kv/data/demo")
	s.fetch("a deleted version")
	s.put("kv/data/demo", map[string]any{"client_secret": "secret"})
	s.fetch("the next version")
	s.seal(true)
	s.fetch("sealed")
	s.wait(time.Hour)
	s.fetch("a login at a sealed one")
	s.seal(false)
	s.fetch("unsealed")

	s.wait(time.Hour)
	s.write(s.dirs.Config+"/secret-id", "another\n")
	s.fetch("a wrong secret id")
	s.fetch("the same again")
	s.write(s.dirs.Config+"/secret-id", "secret-id-1\n")
	s.configure(at, demo, strings.ReplaceAll(approle, "role-1", "role-2"))
	s.fetch("a wrong role id")
	s.configure(at, demo, approle+"\nmount = \"nope\"")
	s.fetch("no such auth method")
	s.configure(at, demo, `auth = ["jwt", "ci", ["env", "JWT"]]`)
	s.env["JWT"] = s.jwt
	s.fetch("a login by JWT")
	s.configure(at, demo, `auth = ["kubernetes", "pod", ["env", "JWT"]]`)
	s.fetch("a login as a pod of Kubernetes")
	s.configure(at, demo, `auth = ["jwt", "ci", ["env", "JWT"]]`)
	s.env["JWT"] = s.jwt[:len(s.jwt)-8] + "AAAAAAAA"
	s.wait(time.Hour)
	s.fetch("a JWT with another signature")
	s.configure(at, demo, `auth = ["token", ["env", "TOKEN"]]`)
	s.env["TOKEN"] = "hvs.unknown"
	s.fetch("an unknown token")

	s.configure(s.back.URL, demo, approle)
	s.fetch("a standby")
	s.configure(s.back.URL, demo, approle+fmt.Sprintf("\nnodes = [%q]", s.active))
	s.fetch("a standby whose active node is named")
	if _, err := os.Stat(s.dirs.Log()); err != nil {
		t.Fatal(err)
	}
}
