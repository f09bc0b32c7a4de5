package oauthtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// call answers one request to the API.
func (s *Server) call(path string, r Request) response {
	s.mu.Lock()
	s.called++
	n := s.called
	s.mu.Unlock()
	if s.options.OnCall != nil {
		s.options.OnCall(n, r)
	}
	answer := s.answerTo(path, r)
	s.mu.Lock()
	s.answered[answer.status]++
	s.mu.Unlock()
	return answer
}

func (s *Server) answerTo(path string, r Request) response {
	if after, is := s.throttledNow(); is {
		return s.product.tooMany(after)
	}
	if s.product.full {
		if answer, is := s.around(path, r); is {
			return answer
		}
	}
	return s.product.api(s, path, r)
}

// Answered is how many calls of the API got which status.
func (s *Server) Answered() map[int]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.answered)
}

// answeredLines is Answered for a script: "STATUS COUNT", one a line.
func (s *Server) answeredLines() string {
	answered := s.Answered()
	var lines []string
	for _, status := range slices.Sorted(maps.Keys(answered)) {
		lines = append(lines, fmt.Sprintf("%d %d", status, answered[status]))
	}
	return strings.Join(lines, "\n")
}

// Throttle makes the next call of the API a 429, once, in the product's own form:
// Retry-After has whole seconds, and Jama sends none whatever after is.
func (s *Server) Throttle(after time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.throttle = append(s.throttle, after)
}

func (s *Server) throttledNow() (after time.Duration, is bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.throttle) == 0 {
		return 0, false
	}
	after, s.throttle = s.throttle[0], s.throttle[1:]
	return after, true
}

// plainTooMany is RFC 6585 4.
func plainTooMany(after time.Duration) response {
	return response{429, [][2]string{{"Retry-After", seconds(after)}}, map[string]any{"message": "too many requests"}}
}

// seconds is delay-seconds of RFC 9110 10.2.3.
func seconds(d time.Duration) string { return fmt.Sprint(int64(d / time.Second)) }
