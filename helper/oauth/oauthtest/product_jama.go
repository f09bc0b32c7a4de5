package oauthtest

import (
	"strings"
	"time"
)

// jamaPath is Jama Connect's token endpoint, below the context path if there is
// one.
const jamaPath = "/rest/oauth/token"

// jama is Jama Connect with its new authorization service (3.0.x): the answer has
// only what RFC 6749 wants. Source: support.jamasoftware.com, articles
// 20466885006861 and 28494782947085. The body of its 401 is not published; the
// one here is RFC 6749's.
var jama = func() Product {
	path, is := fixed(jamaPath)
	return Product{Name: "jama", tokenPath: path, isToken: is, token: jamaToken, api: jamaAPI, tooMany: jamaTooMany}
}()

// jamaClassic is Jama Connect before it: a lower-case type and members that are
// Jama's own (article 20466885006861 shows one).
var jamaClassic = func() Product {
	path, is := fixed(jamaPath)
	return Product{Name: "jama-classic", tokenPath: path, isToken: is, token: jamaClassicToken, api: jamaAPI, tooMany: jamaTooMany}
}()

func jamaToken(s *Server, a tokenRequest) response {
	c, refusal := s.usual(a, "basic")
	if refusal != nil {
		return *refusal
	}
	token, seconds := s.issue(c, "")
	return response{200, nil, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": seconds}}
}

func jamaClassicToken(s *Server, a tokenRequest) response {
	c, refusal := s.usual(a, "basic")
	if refusal != nil {
		return *refusal
	}
	token, seconds := s.issue(c, "token_information")
	return response{200, nil, map[string]any{
		"access_token": token, "token_type": "bearer", "expires_in": seconds, "scope": "token_information",
		"application_data": map[string]any{"JAMA_CORE": c.ID}, "tenant": "example", "jti": "9f1c7d3e-2c5b-4c1e-8a7e-0d6f0b6c2d11",
	}}
}

// jamaAPI has the calls that a probe and a demonstration make. Ten calls a second
// is the limit of an environment, and no Retry-After goes with its 429 (article
// 37036412486285); 403 is the list of users that may use the API (article
// 35189750361613).
func jamaAPI(s *Server, path string, r Request) response {
	record, _, good := s.bearer(r)
	switch {
	case s.tooFast(10):
		return jamaTooMany(0)
	case !good:
		return jamaError(401, "Unauthorized", "Unauthorized")
	case record.client.Barred:
		return jamaError(403, "Forbidden", "This user is not permitted to use the API")
	case strings.HasPrefix(path, "/rest/v1/users/current"):
		return response{200, nil, map[string]any{
			"meta": map[string]any{"status": "OK", "timestamp": s.options.Now().UTC().Format("2006-01-02T15:04:05.000-0700")},
			"data": map[string]any{
				"id": 17, "username": "james", "firstName": "James", "lastName": "Example",
				"email": "james@example.com", "type": "users", "licenseType": "NAMED", "active": true,
			},
		}}
	case path == "/rest/v1/items", strings.HasPrefix(path, "/rest/v1/items/"):
		return s.jamaItems(path, r)
	case strings.HasPrefix(path, "/rest/v1/projects"):
		return response{200, nil, map[string]any{
			"meta": map[string]any{"status": "OK", "pageInfo": map[string]any{"startIndex": 0, "resultCount": 1, "totalResults": 1}},
			"data": []any{map[string]any{"id": 1, "projectKey": "DEMO", "type": "projects", "fields": map[string]any{"name": "Demonstration"}}},
		}}
	}
	return jamaError(404, "Not Found", "Resource not found")
}

// jamaTooMany is without Retry-After: Jama asks for 3, 5, 8, 13 s instead.
func jamaTooMany(time.Duration) response {
	return jamaError(429, "Too Many Requests", "API rate limit exceeded")
}

func jamaError(status int, name, message string) response {
	return response{status, nil, map[string]any{"meta": map[string]any{"status": name, "message": message}}}
}
