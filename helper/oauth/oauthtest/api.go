package oauthtest

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// routes are the product's endpoints.
func (s *Server) routes() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, inside := strings.CutPrefix(r.URL.Path, s.options.BasePath)
		switch {
		case s.options.Control && strings.HasPrefix(r.URL.Path, "/_/"):
			s.control(w, r)
		case !inside:
			s.record(r, &s.calls)
			http.NotFound(w, r)
		case s.product.isToken(path):
			s.token(w, r)
		default:
			got := s.record(r, &s.calls)
			answer, is := said{}, false
			if s.product.full {
				answer, is = s.around(path, got)
			}
			if !is {
				answer = s.product.api(s, path, got)
			}
			s.write(w, answer)
		}
	})
}

// bearer finds the token that an API call carries (RFC 6750 2.1) and what is
// known of it.
func (s *Server) bearer(r Request) (known issue, given, good bool) {
	authorization := r.Header.Get("Authorization")
	token, is := strings.CutPrefix(authorization, "Bearer ")
	if !is {
		return issue{}, authorization != "", false
	}
	if strings.Contains(r.Target, token) {
		s.fault("a token in a URL")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	known, good = s.issued[token]
	return known, true, good && s.options.Now().Before(known.expires)
}

// tooFast tells whether more than n API calls came within the last second.
func (s *Server) tooFast(n int) bool {
	from := s.options.Now().Add(-time.Second)
	s.mu.Lock()
	defer s.mu.Unlock()
	recent := 0
	for _, c := range s.calls {
		if c.Time.After(from) {
			recent++
		}
	}
	return recent > n
}

// control lets a script look and steer: GET /_/count, /_/calls, /_/faults,
// /_/trapped; POST /_/queue?name=N, /_/always?name=N, /_/quirks?name=N, /_/revoke,
// /_/end-sign-ins, /_/delay?ms=N.
func (s *Server) control(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("name")
	answer, err := "", error(nil)
	switch r.Method + " " + r.URL.Path {
	case "GET /_/count":
		answer = strconv.Itoa(s.Count())
	case "GET /_/calls":
		answer = strconv.Itoa(len(s.Calls()))
	case "GET /_/trapped":
		answer = strconv.Itoa(s.Trapped())
	case "GET /_/faults":
		answer = strings.Join(s.Faults(), "\n")
	case "POST /_/queue":
		err = s.Queue(strings.Split(name, ",")...)
	case "POST /_/always":
		err = s.Always(name)
	case "POST /_/quirks":
		err = s.SetQuirks(strings.FieldsFunc(name, func(r rune) bool { return r == ',' })...)
	case "POST /_/end-sign-ins":
		s.EndSignIns()
	case "POST /_/revoke":
		s.RevokeAll()
	case "POST /_/delay":
		var d time.Duration
		if d, err = time.ParseDuration(r.URL.Query().Get("ms") + "ms"); err == nil {
			s.SetDelay(d)
		}
	default:
		http.NotFound(w, r)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.write(w, said{200, [][2]string{{"Content-Type", "text/plain"}}, answer + "\n"})
}
