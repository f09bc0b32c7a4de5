// Package kubetest has an API server of Kubernetes for tests, with Secrets alone. It is
// strict: a request that the real one would answer by chance, or by which a change of
// somebody else could be lost, is refused.
//
// Its rules are those of https://kubernetes.io/docs/reference/using-api/api-concepts and
// of the API conventions: authentication before authorization before the object; one
// resourceVersion for all objects, that only a change moves; 409 for an old one.
package kubetest

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"mime"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Account is whom a token is for.
type Account struct {
	Name   string
	Secret string   // NAMESPACE/NAME: its role names one Secret
	Verbs  []string // that the role has: "get", "patch"
	Ends   time.Time
}

// API is an API server with Secrets for the tests: the strict one, Server, or the real one, Real.
type API interface {
	URL() string
	RootsPEM() []byte
	Create(secret string, data map[string][]byte)
	Delete(secret string)
	SetImmutable(secret string)
	Data(secret string) map[string][]byte
	SetData(secret string, data map[string][]byte)
	Close()
}

// Server is an API server.
type Server struct {
	server *httptest.Server
	clock  func() time.Time

	mu       sync.Mutex
	accounts map[string]Account // by token
	secrets  map[string]*object
	version  int
	ahead    time.Duration
	delay    time.Duration
	answers  []Canned
	always   Canned // instead of all other answers, if it has a status
	log      []string
	refused  []string
}

// Canned is an answer that does not depend on the request.
type Canned struct {
	Status int
	After  int // seconds of Retry-After; 0: none
}

type object struct {
	data      map[string][]byte
	version   int
	immutable bool
}

// New starts a server on loopback, with TLS or without. now is its clock; nil: the real
// one.
func New(secured bool, now func() time.Time) *Server {
	if now == nil {
		now = time.Now
	}
	s := &Server{clock: now, accounts: map[string]Account{}, secrets: map[string]*object{}, version: 1000}
	s.server = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.server.Config.ErrorLog = log.New(io.Discard, "", 0) // of clients that do not trust it
	if secured {
		s.server.StartTLS()
	} else {
		s.server.Start()
	}
	return s
}

// Close ends the server: it refuses connections.
func (s *Server) Close() { s.server.CloseClientConnections(); s.server.Close() }

// URL is the server's address.
func (s *Server) URL() string { return s.server.URL }

// RootsPEM is the certificate to trust; only with TLS.
func (s *Server) RootsPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.server.Certificate().Raw})
}

// SetAccount lets a token in.
func (s *Server) SetAccount(token string, a Account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts[token] = a
}

// Create makes a Secret, as a person does; data may be nil.
func (s *Server) Create(secret string, data map[string][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	if data == nil {
		data = map[string][]byte{}
	}
	s.secrets[secret] = &object{data: data, version: s.version}
}

// Delete removes a Secret.
func (s *Server) Delete(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.secrets, secret)
}

// SetImmutable makes a Secret immutable.
func (s *Server) SetImmutable(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	s.secrets[secret].immutable, s.secrets[secret].version = true, s.version
}

// Data returns what a Secret has.
func (s *Server) Data(secret string) map[string][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.secrets[secret].data)
}

// SetData replaces what a Secret has, as somebody can who may write to it.
func (s *Server) SetData(secret string, data map[string][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	s.secrets[secret].data, s.secrets[secret].version = data, s.version
}

// SetClock lets the server's clock be ahead of the true one.
func (s *Server) SetClock(ahead time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead = ahead
}

// Delay makes each answer take that long.
func (s *Server) Delay(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = d
}

// Next makes the next requests be answered so, one each.
func (s *Server) Next(answers ...Canned) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers = answers
}

// Always makes all requests be answered so; its zero value ends that.
func (s *Server) Always(answer Canned) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.always = answer
}

// Log returns the requests, as "GET 200", and forgets them.
func (s *Server) Log() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.log = nil }()
	return s.log
}

// Refused returns why requests were refused that a good client does not send.
func (s *Server) Refused() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

// failure is a response of kind Status.
type failure struct {
	code    int
	reason  string
	message string
	ours    bool // a good client does not get it
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 3<<20))
	s.mu.Lock()
	delay := s.delay
	s.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Date", s.clock().Add(s.ahead).UTC().Format(http.TimeFormat))
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-cache, private")
	answer, f := map[string]any(nil), &failure{http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "limit is 3145728", false}
	if err == nil {
		answer, f = s.answer(w, r, body)
	}
	status := http.StatusOK
	if f != nil {
		status = f.code
		answer = map[string]any{"kind": "Status", "apiVersion": "v1", "metadata": map[string]any{}, "status": "Failure", "message": f.message, "reason": f.reason, "code": f.code}
		if f.ours {
			s.refused = append(s.refused, fmt.Sprintf("%s %s: %d %s", r.Method, r.URL, f.code, f.message))
		}
	}
	s.log = append(s.log, r.Method+" "+strconv.Itoa(status))
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, body []byte) (map[string]any, *failure) {
	if canned := s.always; canned.Status != 0 || len(s.answers) > 0 {
		if canned.Status == 0 {
			canned, s.answers = s.answers[0], s.answers[1:]
		}
		if canned.After > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(canned.After))
		}
		return nil, &failure{canned.Status, http.StatusText(canned.Status), "as the test wants", false}
	}
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if token == "" { // system:anonymous, whom no role allows anything
		return nil, &failure{http.StatusForbidden, "Forbidden", r.URL.Path + ` is forbidden: User "system:anonymous" cannot do that`, true}
	}
	account, known := s.accounts[token]
	if !bearer || !known || !account.Ends.IsZero() && s.clock().After(account.Ends) {
		return nil, &failure{http.StatusUnauthorized, "Unauthorized", "Unauthorized", false}
	}
	verbs := map[string]string{http.MethodGet: "get", http.MethodPatch: "patch", http.MethodPut: "update", http.MethodPost: "create", http.MethodDelete: "delete"}
	place := strings.Split(r.URL.Path, "/") // "", api, v1, namespaces, NAMESPACE, secrets, NAME
	if len(place) != 7 || strings.Join(place[:4], "/") != "/api/v1/namespaces" || place[5] != "secrets" {
		return nil, &failure{http.StatusForbidden, "Forbidden", "forbidden: " + account.Name + " cannot " + verbs[r.Method] + " path " + r.URL.Path, true}
	}
	secret := place[4] + "/" + place[6]
	if account.Secret != secret || !slices.Contains(account.Verbs, verbs[r.Method]) {
		return nil, &failure{http.StatusForbidden, "Forbidden", `secrets "` + place[6] + `" is forbidden: ` + account.Name + " cannot " + verbs[r.Method], false}
	}
	if accept := r.Header.Get("Accept"); accept != "application/json" {
		return nil, &failure{http.StatusNotAcceptable, "NotAcceptable", "only application/json is answered here, not " + accept, true}
	}
	o := s.secrets[secret]
	if o == nil {
		return nil, &failure{http.StatusNotFound, "NotFound", `secrets "` + place[6] + `" not found`, false}
	}
	query := r.URL.Query()
	switch {
	case r.Method == http.MethodGet && len(query) > 0:
		return nil, &failure{http.StatusBadRequest, "BadRequest", "a parameter that changes what is read", true}
	case r.Method == http.MethodPatch:
		if manager := query.Get("fieldManager"); manager == "" || len(query) != 1 {
			return nil, &failure{http.StatusBadRequest, "BadRequest", "who changes it is not said", true}
		}
		if f := s.patch(o, r.Header.Get("Content-Type"), body); f != nil {
			return nil, f
		}
	}
	return o.asJSON(place[4], place[6]), nil
}

// isDataKey reports whether data may have a key.
func isDataKey(key string) bool {
	const signs = "-._abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	return key != "" && len(key) <= 253 && strings.Trim(key, signs) == "" && key != "." && !strings.HasPrefix(key, "..")
}

// largest is the most bytes of the values of a Secret.
const largest = 1 << 20

// patch merges a document into a Secret (RFC 7396).
func (s *Server) patch(o *object, contentType string, body []byte) *failure {
	if media, _, _ := mime.ParseMediaType(contentType); media != "application/merge-patch+json" {
		return &failure{http.StatusUnsupportedMediaType, "UnsupportedMediaType", "the body of the request was in an unknown format: " + contentType, true}
	}
	var change struct {
		Metadata map[string]string  `json:"metadata"`
		Data     map[string]*string `json:"data"`
	}
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&change)
	if wrong := new(json.UnmarshalTypeError); errors.As(err, &wrong) && strings.HasPrefix(wrong.Field, "data") {
		return &failure{http.StatusUnprocessableEntity, "Invalid", "patch: Invalid value: " + wrong.Error(), true}
	}
	if err != nil || len(change.Metadata) != 1 || change.Metadata["resourceVersion"] == "" {
		return &failure{http.StatusBadRequest, "BadRequest", "a change that could undo another: no resourceVersion, or other members than data", true}
	}
	if _, err := strconv.ParseUint(change.Metadata["resourceVersion"], 10, 64); err != nil {
		return &failure{http.StatusInternalServerError, "", err.Error(), true}
	}
	if change.Metadata["resourceVersion"] != strconv.Itoa(o.version) {
		return &failure{http.StatusConflict, "Conflict", "the object has been modified; please apply your changes to the latest version and try again", false}
	}
	next, size := maps.Clone(o.data), 0
	for key, value := range change.Data {
		if value == nil {
			delete(next, key)
			continue
		}
		b, err := base64.StdEncoding.DecodeString(*value)
		if err != nil {
			return &failure{http.StatusUnprocessableEntity, "Invalid", "patch: Invalid value: illegal base64 data", true}
		}
		next[key] = b
	}
	for key, value := range next {
		size += len(value)
		if !isDataKey(key) {
			return &failure{http.StatusUnprocessableEntity, "Invalid", "data[" + key + "]: Invalid value: a valid config key must consist of alphanumeric characters, '-', '_' or '.'", true}
		}
	}
	changed := !maps.EqualFunc(next, o.data, slices.Equal)
	switch {
	case size > largest:
		return &failure{http.StatusUnprocessableEntity, "Invalid", "data: Too long: may not be more than 1048576 bytes", true}
	case changed && o.immutable:
		return &failure{http.StatusUnprocessableEntity, "Invalid", "data: Forbidden: field is immutable when `immutable` is set", true}
	case changed: // what changes nothing is no new version
		s.version++
		o.data, o.version = next, s.version
	}
	return nil
}

func (o *object) asJSON(namespace, name string) map[string]any {
	fields := map[string]any{".": map[string]any{}}
	for key := range o.data {
		fields["f:"+key] = map[string]any{}
	}
	v := map[string]any{"kind": "Secret", "apiVersion": "v1", "type": "Opaque", "metadata": map[string]any{
		"name": name, "namespace": namespace, "uid": "0b9a3c1e-7d52-4a1c-9a39-7a2f0f2f6f10", "resourceVersion": strconv.Itoa(o.version), "creationTimestamp": "2026-01-02T03:04:05Z",
		// What kubectl apply and people put there has lines, and other letters.
		"annotations": map[string]any{"kubectl.kubernetes.io/last-applied-configuration": "{\"apiVersion\":\"v1\",\"kind\":\"Secret\"}\n", "team.example/owner": "Zügel & Söhne"},
		"managedFields": []any{map[string]any{"manager": "credhelper", "operation": "Update", "apiVersion": "v1", "time": "2026-01-02T03:04:05Z",
			"fieldsType": "FieldsV1", "fieldsV1": map[string]any{"f:data": fields}}},
	}}
	if len(o.data) > 0 {
		v["data"] = o.data
	}
	if o.immutable {
		v["immutable"] = true
	}
	return v
}
