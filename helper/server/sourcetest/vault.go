// Package sourcetest has the servers that sources of secrets ask, for tests: Vault with a
// KV engine of version 2 and its logins, and the runner of an Actions job. They are
// strict: a request that the real server would answer by chance is refused.
package sourcetest

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"
)

// Login is one login that a Vault takes: POST auth/MOUNT/login with exactly these members.
type Login struct {
	Mount     string            // such as "approle"
	Body      map[string]string // such as role_id and secret_id
	Policy    Policy            // of its tokens
	Lease     time.Duration
	Renewable bool
	Longest   time.Duration // until when renewals lengthen a token; 0: for ever
}

// Policy is what a token may do. A path may end in "*".
type Policy struct{ Read, Write []string }

// VaultOptions are the settings of a Vault.
type VaultOptions struct {
	Now       func() time.Time // nil: the real clock
	TLS       bool
	Namespace string // that every request has to name
	Logins    []Login
	Tokens    map[string]Policy // tokens that nobody logged in for

	Mounts      map[string]int // KV engines and their versions; nil: "kv", of version 2
	CASRequired bool           // nothing is written without check-and-set
	Echo        bool           // refusals repeat what was sent, which the real one does not
}

// Vault is a server that answers as HashiCorp Vault and OpenBao do.
type Vault struct {
	server  *httptest.Server
	options VaultOptions

	mu       sync.Mutex
	secrets  map[string]*entry
	tokens   map[string]*tokenState
	sealed   bool
	active   string
	delay    time.Duration
	limit    int // of a request's body, in bytes; 0: none
	trouble  int // the status of all answers; 0: none
	requests []Request
	made     int
}

// Request is one that came.
type Request struct {
	Method, Path, Token string
	Status              int
}

type tokenState struct {
	login Login
	since time.Time
	ends  time.Time // zero: never
}

// NewVault starts a Vault on the loopback; Close ends it.
func NewVault(o VaultOptions) *Vault {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Mounts == nil {
		o.Mounts = map[string]int{"kv": 2}
	}
	v := &Vault{options: o, secrets: map[string]*entry{}, tokens: map[string]*tokenState{}}
	for token, policy := range o.Tokens {
		v.tokens[token] = &tokenState{login: Login{Policy: policy}}
	}
	v.server = httptest.NewUnstartedServer(http.HandlerFunc(v.serve))
	if o.TLS {
		v.server.StartTLS()
	} else {
		v.server.Start()
	}
	return v
}

// Close ends the server.
func (v *Vault) Close() { v.server.Close() }

// URL is the server's address.
func (v *Vault) URL() string { return v.server.URL }

// RootsPEM is the certificate to trust; nil without TLS.
func (v *Vault) RootsPEM() []byte {
	if v.server.Certificate() == nil {
		return nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: v.server.Certificate().Raw})
}

// Put stores the next version of a secret; path has its mount: "kv/data/jama".
func (v *Vault) Put(path string, data map[string]any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.secrets[path] == nil {
		v.secrets[path] = &entry{}
	}
	v.secrets[path].put(data, v.options.Now())
}

// Flush forgets all secrets.
func (v *Vault) Flush() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.secrets = map[string]*entry{}
}

// Save returns a function that puts what the engines have now in place of what they have
// then, as a backup does.
func (v *Vault) Save() (restore func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	saved := copied(v.secrets)
	return func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.secrets = copied(saved)
	}
}

func copied(secrets map[string]*entry) map[string]*entry {
	all := map[string]*entry{}
	for path, e := range secrets {
		own := *e
		own.versions = maps.Clone(e.versions)
		all[path] = &own
	}
	return all
}

// Kept is all that the engines keep, also of earlier versions, by path.
func (v *Vault) Kept() map[string][]string {
	v.mu.Lock()
	defer v.mu.Unlock()
	all := map[string][]string{}
	for path, e := range v.secrets {
		for _, one := range e.versions {
			text, _ := json.Marshal(one.data)
			all[path] = append(all[path], string(text))
		}
	}
	return all
}

// Trouble makes the server answer everything with a status, such as 429; 0 ends it.
func (v *Vault) Trouble(status int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.trouble = status
}

// Limit is the size of a request's body from which on it is refused.
func (v *Vault) Limit(bytes int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.limit = bytes
}

// Delete deletes the latest version of a secret.
func (v *Vault) Delete(path string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	current := v.secrets[path].versions[v.secrets[path].number]
	current.data, current.deleted = nil, v.options.Now()
}

// Seal seals or unseals the server.
func (v *Vault) Seal(sealed bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sealed = sealed
}

// Redirect makes this a standby that redirects to the active node; "" makes it active.
func (v *Vault) Redirect(active string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.active = active
}

// Delay makes each answer take that long.
func (v *Vault) Delay(d time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.delay = d
}

// SetLogins replaces the logins that are taken.
func (v *Vault) SetLogins(logins ...Login) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.options.Logins = logins
}

// Revoke ends every token of a login.
func (v *Vault) Revoke() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.tokens = map[string]*tokenState{}
}

// Requests are those that came, in their order.
func (v *Vault) Requests() []Request {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.requests)
}

// Count is how many requests came whose path has that end: "login", "renew-self", or
// that of a secret.
func (v *Vault) Count(end string) (n int) {
	for _, r := range v.Requests() {
		if strings.HasSuffix(r.Path, end) {
			n++
		}
	}
	return n
}

// Tokens are those that logins got.
func (v *Vault) Tokens() (all []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for token := range v.tokens {
		all = append(all, token)
	}
	return all
}

func (v *Vault) serve(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	delay := v.delay
	v.mu.Unlock()
	time.Sleep(delay)
	v.mu.Lock()
	defer v.mu.Unlock()
	status, answer := v.answer(w, r)
	v.requests = append(v.requests, Request{r.Method, strings.TrimPrefix(r.URL.Path, "/v1/"), r.Header.Get("X-Vault-Token"), status})
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Date", v.options.Now().UTC().Format(http.TimeFormat))
	w.WriteHeader(status)
	if answer != nil {
		_ = json.NewEncoder(w).Encode(answer)
	}
}

func problems(status int, text ...string) (int, any) {
	if text == nil {
		text = []string{}
	}
	return status, map[string]any{"errors": text}
}

func (v *Vault) answer(w http.ResponseWriter, r *http.Request) (int, any) {
	path, isV1 := strings.CutPrefix(r.URL.Path, "/v1/")
	switch {
	case v.trouble != 0:
		return problems(v.trouble, "in trouble")
	case v.active != "":
		w.Header().Set("Location", v.active+r.URL.RequestURI())
		return http.StatusTemporaryRedirect, nil
	case v.sealed:
		return problems(http.StatusServiceUnavailable, "Vault is sealed")
	case !isV1 || r.URL.RawQuery != "":
		return problems(http.StatusNotFound)
	case r.Header.Get("X-Vault-Request") != "true":
		return problems(http.StatusPreconditionFailed, "missing X-Vault-Request header")
	case r.Header.Get("X-Vault-Namespace") != v.options.Namespace:
		return problems(http.StatusForbidden, "no handler for route in this namespace")
	}
	if mount, is := strings.CutSuffix(path, "/login"); is {
		return v.logIn(strings.TrimPrefix(mount, "auth/"), r)
	}
	token := v.tokens[r.Header.Get("X-Vault-Token")]
	if token == nil || !token.ends.IsZero() && !v.options.Now().Before(token.ends) {
		return problems(http.StatusForbidden, "permission denied", "invalid token")
	}
	if path == "auth/token/renew-self" {
		return v.renew(r, token)
	}
	return v.kv(r, token, path)
}

func (v *Vault) logIn(mount string, r *http.Request) (int, any) {
	var body map[string]string
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("X-Vault-Token") != "" {
		return problems(http.StatusMethodNotAllowed, "unsupported operation")
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return problems(http.StatusBadRequest, "failed to parse JSON input")
	}
	text, mounted := "", false
	for _, l := range v.options.Logins {
		if l.Mount != mount {
			continue
		}
		mounted = true
		if fmt.Sprint(l.Body) != fmt.Sprint(body) {
			text = l.refusal(body)
			continue
		}
		v.made++
		token, now := fmt.Sprintf("hvs.CANARYofVault%d", v.made), v.options.Now()
		made := &tokenState{login: l, since: now}
		if l.Lease > 0 { // 0: it never ends
			made.ends = now.Add(l.Lease)
		}
		v.tokens[token] = made
		return http.StatusOK, auth(token, l.Lease, l.Renewable)
	}
	if !mounted { // who has not logged in is not told what is mounted
		return problems(http.StatusForbidden, "permission denied")
	}
	if v.options.Echo {
		text += fmt.Sprintf(" %q", body["secret_id"]+body["jwt"])
	}
	return problems(http.StatusBadRequest, text)
}

// refusal is what is said of a body that is not the login's.
func (l Login) refusal(body map[string]string) string {
	switch {
	case l.Body["jwt"] != "":
		return "error validating token: error verifying token signature: no known key successfully validated the token signature"
	case l.Body["role_id"] != body["role_id"]:
		return "invalid role ID"
	}
	return "invalid secret id"
}

func auth(token string, lease time.Duration, renewable bool) any {
	return map[string]any{"data": nil, "lease_duration": 0, "renewable": false, "auth": map[string]any{
		"client_token": token, "accessor": "a", "policies": []string{"default"}, "token_policies": []string{"default"},
		"lease_duration": int64(lease / time.Second), "renewable": renewable, "token_type": "service",
	}}
}

func (v *Vault) renew(r *http.Request, token *tokenState) (int, any) {
	if r.Method != http.MethodPost && r.Method != http.MethodPut {
		return problems(http.StatusMethodNotAllowed, "unsupported operation")
	}
	if !token.login.Renewable {
		return problems(http.StatusBadRequest, "lease is not renewable")
	}
	end := v.options.Now().Add(token.login.Lease)
	if last := token.since.Add(token.login.Longest); token.login.Longest > 0 && end.After(last) {
		end = last
	}
	token.ends = end
	return http.StatusOK, auth(r.Header.Get("X-Vault-Token"), end.Sub(v.options.Now()), true)
}
