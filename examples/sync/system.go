package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/bearer"
)

// system is one API with its profile.
type system struct {
	name    string // for people
	base    string
	profile string
	pause   time.Duration // between two requests; 0: none
	http    *http.Client

	last time.Time
}

// connect makes a system whose every request carries the token that is good at
// that moment. bearer.Transport renews a refused token, waits after a 429, and
// sends nothing to another origin.
func connect(name, base, profile string, a protocol.Answerer) system {
	return system{name: name, base: base, profile: profile, http: &http.Client{
		Transport: &bearer.Transport{Answerer: a, Profile: profile},
		Timeout:   2 * time.Minute, // of which a minute may be patience
	}}
}

func (s *system) String() string { return s.name + " " + s.base }

// call sends in as JSON, if there is any, and reads the answer into out. Where
// credhelper itself cannot answer at the moment (it is being restarted, or its
// server cannot be reached) nothing was sent, so a POST is as safe to repeat as a
// GET.
func (s *system) call(ctx context.Context, method, path string, in, out any) (http.Header, error) {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return nil, err
		}
	}
	for try := 1; ; try++ {
		header, err := s.send(ctx, method, path, body, out)
		pause, later := worthAsking(err)
		if !later || try == 3 {
			return header, err
		}
		if err := wait(ctx, max(pause, time.Duration(try)*time.Second)); err != nil {
			return nil, err
		}
	}
}

// worthAsking reports whether credhelper may answer in a moment, and when.
func worthAsking(err error) (after time.Duration, later bool) {
	var refused *refusal
	if errors.As(err, &refused) || !errors.Is(err, protocol.ErrUnreachable) && !errors.Is(err, protocol.ErrBusy) {
		return 0, false
	}
	var e *protocol.Error
	if errors.As(err, &e) {
		after = time.Duration(e.RetryAfter) * time.Second
	}
	return after, after < 20*time.Second
}

func (s *system) send(ctx context.Context, method, path string, body []byte, out any) (http.Header, error) {
	if err := wait(ctx, time.Until(s.last.Add(s.pause))); err != nil {
		return nil, err
	}
	s.last = time.Now()
	request, err := http.NewRequestWithContext(ctx, method, s.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	answer, err := s.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(io.LimitReader(answer.Body, 16<<20))
	if err != nil {
		return nil, err
	}
	if answer.StatusCode >= 300 {
		return answer.Header, refusedBy(s, answer, content)
	}
	if out == nil || len(content) == 0 {
		return answer.Header, nil
	}
	if err := json.Unmarshal(content, out); err != nil {
		return nil, fmt.Errorf("the answer to %s is no JSON: %w", path, err)
	}
	return answer.Header, nil
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// plainly is an error without net/http's own words around it, in one line.
func plainly(err error) string {
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}
