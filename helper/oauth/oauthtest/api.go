package oauthtest

import (
	"fmt"
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
			s.write(w, s.call(path, s.record(r, &s.calls)))
		}
	})
}

// bearer finds the token that an API call carries (RFC 6750 2.1) and its record.
func (s *Server) bearer(r Request) (record issue, given, good bool) {
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
	record, good = s.issued[token]
	return record, true, good && s.options.Now().Before(record.expires)
}

// tooFast reports whether more than n API calls came within the last second.
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

// control lets a script look and steer: GET /_/count, /_/calls, /_/answered,
// /_/issues, /_/faults, /_/trapped; POST /_/queue?name=N, /_/always?name=N,
// /_/quirks?name=N, /_/revoke, /_/end-sign-ins, /_/delay?ms=N,
// /_/throttle?seconds=N, /_/edit?item=ID, /_/secret?client=ID&secret=S.
func (s *Server) control(w http.ResponseWriter, r *http.Request) {
	answer, err := "", error(nil)
	switch r.Method + " " + r.URL.Path {
	case "GET /_/count":
		answer = strconv.Itoa(s.Count())
	case "GET /_/calls":
		answer = strconv.Itoa(len(s.Calls()))
	case "GET /_/answered":
		answer = s.answeredLines()
	case "GET /_/issues":
		answer = s.issueLines()
	case "GET /_/trapped":
		answer = strconv.Itoa(s.Trapped())
	case "GET /_/faults":
		answer = strings.Join(s.Faults(), "\n")
	default:
		var is bool
		if is, err = s.steer(r); !is {
			http.NotFound(w, r)
			return
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.write(w, response{200, [][2]string{{"Content-Type", "text/plain"}}, answer + "\n"})
}

// steer does what a script says.
func (s *Server) steer(r *http.Request) (is bool, err error) {
	query := r.URL.Query()
	name := query.Get("name")
	switch r.Method + " " + r.URL.Path {
	case "POST /_/queue":
		return true, s.Queue(strings.Split(name, ",")...)
	case "POST /_/always":
		return true, s.Always(name)
	case "POST /_/quirks":
		return true, s.SetQuirks(strings.FieldsFunc(name, func(r rune) bool { return r == ',' })...)
	case "POST /_/end-sign-ins":
		s.EndSignIns()
	case "POST /_/revoke":
		s.RevokeAll()
	case "POST /_/delay":
		d, err := time.ParseDuration(query.Get("ms") + "ms")
		if err == nil {
			s.SetDelay(d)
		}
		return true, err
	case "POST /_/throttle":
		d, err := time.ParseDuration(query.Get("seconds") + "s")
		if err == nil {
			s.Throttle(d)
		}
		return true, err
	case "POST /_/edit":
		id, err := strconv.Atoi(query.Get("item"))
		if err == nil {
			err = s.EditItem(id)
		}
		return true, err
	case "POST /_/secret":
		c, known := s.client(query.Get("client"))
		if !known {
			return true, fmt.Errorf("oauthtest: no client %q", query.Get("client"))
		}
		c.Secret = query.Get("secret")
		s.SetClient(c)
	default:
		return false, nil
	}
	return true, nil
}
