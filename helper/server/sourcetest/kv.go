package sourcetest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// entry is what a KV engine has at a path: of version 2, its versions.
type entry struct {
	number   int // of the current version; 0: there is metadata alone
	versions map[int]*version
	most     int // max_versions; 0: the usual number
}

type version struct {
	data          map[string]any // nil: deleted
	made, deleted time.Time
}

// usualVersions is how many versions are kept if nobody says so.
const usualVersions = 10

// put adds a version.
func (e *entry) put(data map[string]any, now time.Time) {
	if e.versions == nil {
		e.versions = map[int]*version{}
	}
	e.number++
	e.versions[e.number] = &version{data: data, made: now}
	most := e.most
	if most == 0 {
		most = usualVersions
	}
	for n := range e.versions {
		if n <= e.number-most {
			delete(e.versions, n)
		}
	}
}

// metadata describes the current version.
func (e *entry) metadata() map[string]any {
	v := e.versions[e.number]
	deleted := ""
	if v.data == nil {
		deleted = v.deleted.UTC().Format(time.RFC3339Nano)
	}
	return map[string]any{"created_time": v.made.UTC().Format(time.RFC3339Nano), "custom_metadata": nil, "deletion_time": deleted, "destroyed": false, "version": e.number}
}

// kv answers a request for a secret.
func (v *Vault) kv(r *http.Request, token *tokenState, path string) (int, any) {
	body, err := io.ReadAll(r.Body)
	write := r.Method == http.MethodPost || r.Method == http.MethodPut
	mount, rest, _ := strings.Cut(path, "/")
	engine, mounted := v.options.Mounts[mount]
	kind, name, _ := strings.Cut(rest, "/")
	switch {
	case err != nil, v.limit > 0 && len(body) > v.limit:
		return problems(http.StatusRequestEntityTooLarge, "error parsing JSON")
	case !token.allows(path, write):
		return problems(http.StatusForbidden, "1 error occurred:\n\t* permission denied\n\n")
	case !mounted:
		return problems(http.StatusNotFound, fmt.Sprintf("no handler for route %q. route entry not found.", path))
	case engine == 1:
		return v.first(r, path, body, write)
	case kind == "data" && r.Method == http.MethodGet:
		return v.read(path)
	case kind == "data" && write:
		return v.write(path, body)
	case kind == "metadata" && r.Method == http.MethodGet:
		return v.describe(mount + "/data/" + name)
	case kind == "metadata" && write:
		return v.configure(mount+"/data/"+name, body)
	}
	return problems(http.StatusMethodNotAllowed, "unsupported operation")
}

// allows reports whether the policy of a token allows a request.
func (t *tokenState) allows(path string, write bool) bool {
	paths := t.login.Policy.Read
	if write {
		paths = t.login.Policy.Write
	}
	for _, p := range paths {
		if prefix, is := strings.CutSuffix(p, "*"); p == path || is && strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}

// first is a KV engine of version 1, which keeps whatever it gets.
func (v *Vault) first(r *http.Request, path string, body []byte, write bool) (int, any) {
	e := v.secrets[path]
	var data map[string]any
	switch {
	case write && json.Unmarshal(body, &data) == nil:
		e = &entry{}
		e.put(data, v.options.Now())
		v.secrets[path] = e
		return http.StatusNoContent, nil
	case r.Method == http.MethodGet && e == nil:
		return problems(http.StatusNotFound)
	case r.Method == http.MethodGet:
		return http.StatusOK, answer(e.versions[e.number].data)
	}
	return problems(http.StatusMethodNotAllowed, "unsupported operation")
}

func answer(data any) map[string]any {
	return map[string]any{"request_id": "r", "lease_id": "", "renewable": false, "lease_duration": 0, "data": data, "wrap_info": nil, "warnings": nil, "auth": nil}
}

func (v *Vault) read(path string) (int, any) {
	e := v.secrets[path]
	if e == nil || e.number == 0 {
		return problems(http.StatusNotFound)
	}
	status, data := http.StatusOK, e.versions[e.number].data
	if data == nil {
		status = http.StatusNotFound
	}
	return status, answer(map[string]any{"data": data, "metadata": e.metadata()})
}

func (v *Vault) write(path string, body []byte) (int, any) {
	var request struct {
		Options struct {
			CAS *int `json:"cas"`
		} `json:"options"`
		Data map[string]any `json:"data"`
	}
	e := v.secrets[path]
	if e == nil {
		e = &entry{}
	}
	switch err := json.Unmarshal(body, &request); {
	case err != nil:
		return problems(http.StatusBadRequest, "error parsing JSON")
	case request.Data == nil:
		return problems(http.StatusBadRequest, "no data provided")
	case request.Options.CAS == nil && v.options.CASRequired:
		return problems(http.StatusBadRequest, "check-and-set parameter required for this call")
	case request.Options.CAS != nil && *request.Options.CAS != e.number:
		return problems(http.StatusBadRequest, "check-and-set parameter did not match the current version")
	}
	e.put(request.Data, v.options.Now())
	v.secrets[path] = e
	return http.StatusOK, answer(e.metadata())
}

// describe returns the metadata of what is at a path.
func (v *Vault) describe(path string) (int, any) {
	e := v.secrets[path]
	if e == nil {
		return problems(http.StatusNotFound)
	}
	return http.StatusOK, answer(map[string]any{"cas_required": false, "current_version": e.number, "max_versions": e.most})
}

// configure sets metadata.
func (v *Vault) configure(path string, body []byte) (int, any) {
	var request struct {
		Most int `json:"max_versions"`
	}
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.DisallowUnknownFields()
	if decoder.Decode(&request) != nil {
		return problems(http.StatusBadRequest, "error parsing JSON")
	}
	if v.secrets[path] == nil {
		v.secrets[path] = &entry{}
	}
	v.secrets[path].most = request.Most
	return http.StatusNoContent, nil
}
