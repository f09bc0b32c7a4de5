//go:build realkubernetes

package kubernetes_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/pool"
	"github.com/credhelper/credhelper/helper/pool/kubernetes/kubetest"
	"github.com/credhelper/credhelper/helper/pool/pooltest"
)

// cluster is an API server, the strict one or the real one, with the accounts of a keeper
// and of a reader of one Secret.
type cluster struct {
	api            kubetest.API
	client         *http.Client
	keeper, reader string // their tokens
}

func trusting(t *testing.T, rootsPEM []byte) *http.Client {
	t.Helper()
	client, err := oauth.NewHTTPClient(oauth.HTTPOptions{RootsPEM: rootsPEM})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func realCluster(t *testing.T) *cluster {
	r := kubetest.StartReal(t)
	r.Create(place, nil)
	return &cluster{api: r, client: trusting(t, r.RootsPEM()),
		keeper: r.SetAccount(kubetest.Account{Name: "keeper", Secret: place, Verbs: []string{"get", "patch"}}),
		reader: r.SetAccount(kubetest.Account{Name: "reader", Secret: place, Verbs: []string{"get"}})}
}

func strictCluster(t *testing.T) *cluster {
	s := kubetest.New(true, nil)
	t.Cleanup(s.Close)
	s.Create(place, nil)
	s.SetAccount(keeper, kubetest.Account{Name: "keeper", Secret: place, Verbs: []string{"get", "patch"}})
	s.SetAccount(reader, kubetest.Account{Name: "reader", Secret: place, Verbs: []string{"get"}})
	return &cluster{api: s, client: trusting(t, s.RootsPEM()), keeper: keeper, reader: reader}
}

func (c *cluster) open(t *testing.T, name, token string) pool.Store {
	return openAt(&oauth.Client{Now: time.Now, HTTP: c.client, Timeout: 10 * time.Second}, c.api.URL(), name, token)
}

// TestRealKubernetes runs the tests of all stores on the real server, with a Role for one
// Secret, and all pools in it.
func TestRealKubernetes(t *testing.T) {
	c := realCluster(t)
	pooltest.Run(t, func(t *testing.T, name string) pool.Store { return c.open(t, name, c.keeper) }, time.Sleep)
}

// request is a request as a client could send it. VERSION in its body is the Secret's
// resourceVersion, OLD an earlier one.
type request struct {
	token, method, path, contentType, body string
}

const (
	merge  = "application/merge-patch+json"
	secret = "/api/v1/namespaces/team/secrets/credhelper-pool"
	named  = secret + "?fieldManager=credhelper"
)

// teller writes down what an API server does.
type teller struct {
	*testing.T
	*cluster
	last, older string // resourceVersions
	lines       []string
}

// answer is what came back.
type answer struct {
	status   int
	header   http.Header
	document struct {
		Kind, Reason string
		Metadata     struct{ ResourceVersion string }
		Data         map[string][]byte
	}
}

func (s *teller) send(r request) (a answer) {
	s.Helper()
	body := strings.NewReplacer("VERSION", s.last, "OLD", s.older).Replace(r.body)
	q, err := http.NewRequest(r.method, s.api.URL()+r.path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	q.Header.Set("Accept", "application/json")
	if r.token != "" {
		q.Header.Set("Authorization", "Bearer "+r.token)
	}
	if r.contentType != "" {
		q.Header.Set("Content-Type", r.contentType)
	}
	resp, err := s.client.Do(q)
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.Fatal(err)
	}
	a.status, a.header = resp.StatusCode, resp.Header
	if err := json.Unmarshal(text, &a.document); err != nil {
		s.Fatalf("%+v: %v: %.200q", r, err, text)
	}
	return a
}

// now returns the Secret's resourceVersion.
func (s *teller) now() string {
	return s.send(request{token: s.keeper, method: http.MethodGet, path: secret}).document.Metadata.ResourceVersion
}

// tell sends a request, and writes down the answer and whether the Secret has a new version.
func (s *teller) tell(what string, r request) {
	s.Helper()
	s.last = s.now()
	a := s.send(r)
	line := fmt.Sprint(what, ": ", a.status, " ", a.document.Kind, " ", a.document.Reason)
	if _, err := http.ParseTime(a.header.Get("Date")); err != nil {
		line += ", without a Date"
	}
	if a.document.Kind == "Secret" {
		line += fmt.Sprint(", data ", a.document.Data)
	}
	if next := s.now(); next != s.last {
		line += ", another version"
		s.older = s.last
	}
	s.lines = append(s.lines, line)
}

// patch changes the Secret as a keeper.
func (s *teller) patch(what, body string) {
	s.Helper()
	s.tell(what, request{s.keeper, http.MethodPatch, named, merge, body})
}

func change(version, data string) string {
	return fmt.Sprintf(`{"metadata":{"resourceVersion":%q},"data":%s}`, version, data)
}

func (s *teller) story() {
	get := func(token, path string) request { return request{token: token, method: http.MethodGet, path: path} }
	s.tell("an empty Secret", get(s.keeper, secret))
	s.tell("without a token", get("", secret))
	s.tell("with an unknown token", get("unknown", secret))
	s.tell("as a reader", get(s.reader, secret))
	s.tell("another Secret", get(s.keeper, "/api/v1/namespaces/team/secrets/other"))
	s.tell("another namespace", get(s.keeper, "/api/v1/namespaces/other/secrets/credhelper-pool"))
	s.tell("a reader's change", request{s.reader, http.MethodPatch, named, merge, change("VERSION", `{"ci.check":"eA=="}`)})
	s.tell("a keeper's deletion", request{token: s.keeper, method: http.MethodDelete, path: secret})
	s.tell("a keeper's replacement", request{s.keeper, http.MethodPut, named, "application/json", "{}"})

	s.patch("a change", change("VERSION", `{"ci.check":"eA=="}`))
	s.patch("the same again", change("VERSION", `{"ci.check":"eA=="}`))
	s.patch("a change of what was changed", change("OLD", `{"ci.check":"eQ=="}`))
	s.patch("no change of what was changed", change("OLD", `{"ci.check":"eA=="}`))
	s.patch("a change and a removal", change("VERSION", `{"ci.check":null,"ci.log":"eA=="}`))
	s.patch("a removal of nothing", change("VERSION", `{"ci.check":null}`))
	s.patch("a version of the future", change("99999999", `{"ci.log":"eQ=="}`))
	s.patch("a version that is no number", change("x", `{"ci.log":"eQ=="}`))
	s.patch("an empty value", change("VERSION", `{"ci.log":""}`))
	s.patch("a value that is no base64", change("VERSION", `{"ci.log":"*"}`))
	s.patch("a value that is no text", change("VERSION", `{"ci.log":1}`))
	for _, key := range []string{"a/b", "", ".", "..", "..a", ".a", "a..b", "ä", strings.Repeat("k", 253), strings.Repeat("k", 254)} {
		s.patch(fmt.Sprintf("the key %.10q of %d", key, len(key)), change("VERSION", fmt.Sprintf(`{%q:"eA=="}`, key)))
		s.patch("and its removal", change("VERSION", fmt.Sprintf(`{%q:null}`, key)))
	}
	s.patch("half a document", `{"metadata":`)
	s.tell("a change as JSON", request{s.keeper, http.MethodPatch, named, "application/json", change("VERSION", `{}`)})
	s.tell("a change of no type", request{s.keeper, http.MethodPatch, named, "", change("VERSION", `{}`)})
	for _, n := range []int{1<<20 - 10, 1 << 20, 1<<20 + 1, 3 << 20} {
		s.api.SetData(place, map[string][]byte{})
		s.patch(fmt.Sprint("bytes: ", n), change("VERSION", fmt.Sprintf(`{"k":%q}`, base64.StdEncoding.EncodeToString(make([]byte, n)))))
		s.lines[len(s.lines)-1] = fmt.Sprintf("%.60s", s.lines[len(s.lines)-1])
	}
	s.api.SetData(place, map[string][]byte{"k": []byte("v")})
	s.api.SetImmutable(place)
	s.tell("immutable", get(s.reader, secret))
	s.patch("a change of an immutable one", change("VERSION", `{"k":"eA=="}`))
	s.patch("no change of an immutable one", change("VERSION", `{"k":"dg=="}`))

	before := s.now()
	s.api.Delete(place)
	s.tell("deleted", get(s.keeper, secret))
	s.patch("a change of a deleted one", change(before, `{"k":"eA=="}`))
	s.api.Create(place, nil)
	s.patch("a change of one that was made again", change(before, `{"k":"eA=="}`))
}

// TestRealKubernetesRules: the strict server answers as the real one does, and goes by the
// same rules of versions: 409 for an old one, and no new one for what changes nothing.
func TestRealKubernetesRules(t *testing.T) {
	strict, real := &teller{T: t, cluster: strictCluster(t)}, &teller{T: t, cluster: realCluster(t)}
	strict.story()
	real.story()
	if len(strict.lines) < 30 {
		t.Errorf("%d lines: the test is blind", len(strict.lines))
	}
	for i, line := range strict.lines {
		if line != real.lines[i] {
			t.Errorf("strict: %s\n            real:   %s", line, real.lines[i])
		} else {
			t.Log(line)
		}
	}
}

// TestRealKubernetesStricter: what the strict server refuses although the real one does not.
// A client that sends it could undo what another one has done, or depends on a default.
func TestRealKubernetesStricter(t *testing.T) {
	strict, real := &teller{T: t, cluster: strictCluster(t)}, &teller{T: t, cluster: realCluster(t)}
	for what, r := range map[string]request{
		"a change without a version":    {"", http.MethodPatch, named, merge, `{"data":{"ci.log":"eQ=="}}`},
		"a change of other members":     {"", http.MethodPatch, named, merge, `{"metadata":{"resourceVersion":"VERSION","labels":{"a":"b"}}}`},
		"a change of nobody":            {"", http.MethodPatch, secret, merge, change("VERSION", `{"ci.log":"eA=="}`)},
		"a parameter of what is read":   {"", http.MethodGet, secret + "?resourceVersion=0", "", ""},
		"a parameter that nobody knows": {"", http.MethodGet, secret + "?nothing=1", "", ""},
	} {
		var got []int
		for _, s := range []*teller{strict, real} {
			s.last = s.now()
			r.token = s.keeper
			got = append(got, s.send(r).status)
		}
		if !reflect.DeepEqual(got, []int{http.StatusBadRequest, http.StatusOK}) {
			t.Errorf("%s: %v", what, got)
		}
	}
}

// TestRealKubernetesGone: a version that the server's history does not have any more is
// gone (410) for who lists by it. A change by it is a conflict, as with any old one, and a
// Secret that is asked for by its name is there: the store needs no rule for 410.
func TestRealKubernetesGone(t *testing.T) {
	r := kubetest.StartReal(t)
	r.Create(place, nil)
	s := &teller{T: t, cluster: &cluster{api: r, client: trusting(t, r.RootsPEM()), keeper: r.Token}}
	s.patch("a change", change("VERSION", `{"ci.check":"eA=="}`))
	list := request{token: r.Token, method: http.MethodGet, path: "/api/v1/namespaces/team/secrets?resourceVersionMatch=Exact&resourceVersion=" + s.older}
	for began := time.Now(); s.send(list).status != http.StatusGone; time.Sleep(200 * time.Millisecond) {
		if time.Since(began) > 5*time.Minute {
			t.Fatal("the history has no end")
		}
		s.api.SetData(place, map[string][]byte{"time": []byte(time.Now().String())})
	}
	if a := s.send(request{r.Token, http.MethodPatch, named, merge, change("OLD", `{"ci.check":"eQ=="}`)}); a.status != http.StatusConflict {
		t.Errorf("a change: %+v", a)
	}
	if a := s.send(request{token: r.Token, method: http.MethodGet, path: secret}); a.status != http.StatusOK {
		t.Errorf("%+v", a)
	}
}
