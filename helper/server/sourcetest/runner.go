package sourcetest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
)

// Runner is the endpoint at which a job of GitHub Actions gets ID tokens.
type Runner struct {
	server *httptest.Server
	token  string

	mu     sync.Mutex
	issued int
	over   bool
}

// NewRunner starts the endpoint for one job, which has the request token; Close ends it.
func NewRunner(token string) *Runner {
	r := &Runner{token: token}
	r.server = httptest.NewServer(http.HandlerFunc(r.serve))
	return r
}

// Close ends the server.
func (r *Runner) Close() { r.server.Close() }

// URL is the value of ACTIONS_ID_TOKEN_REQUEST_URL.
func (r *Runner) URL() string { return r.server.URL + "/_apis/idtoken/job?api-version=2.0" }

// Count is how many ID tokens were issued.
func (r *Runner) Count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.issued
}

// End ends the job: its token is not valid any more.
func (r *Runner) End() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
}

func (r *Runner) serve(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	query := q.URL.Query()
	switch {
	case r.over || q.Header.Get("Authorization") != "Bearer "+r.token:
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"message":"the job is over, or is another one"}`)
	case q.Method != http.MethodGet || query.Get("api-version") != "2.0" || len(query["audience"]) != 1:
		w.WriteHeader(http.StatusBadRequest)
	default:
		r.issued++
		_ = json.NewEncoder(w).Encode(map[string]any{"count": 1, "value": fmt.Sprintf("id-token-%d-for-%s", r.issued, query.Get("audience"))})
	}
}
