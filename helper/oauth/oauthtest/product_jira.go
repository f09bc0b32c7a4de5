package oauthtest

import (
	"fmt"
	"strings"
	"time"
)

// jira is Jira Data Center behind miniOrange's app, with the provider's token
// endpoint beside it. Three traps: a good token of a user that Jira does not know
// is 400, and asking for a new one does not help; a bad token is 200, as nobody,
// where anonymous reading is allowed; and only /myself tells the truth. Source:
// developers.miniorange.com, "OAuth Tokens"; jira-node/node-jira-client issue 255;
// MrRefactoring/jira.js issue 418.
var jira = func() Product {
	path, is := fixed("/token")
	return Product{Name: "jira-miniorange", tokenPath: path, isToken: is, token: plainToken, api: jiraAPI, full: true, tooMany: jiraTooMany}
}()

func jiraAPI(s *Server, path string, r Request) response {
	record, given, good := s.bearer(r)
	seraph, user := "OUT", "anonymous"
	switch {
	case good:
		seraph, user = "OK", "anna"
	case given:
		seraph = "AUTHENTICATED_FAILED"
	}
	answer := jiraAnswer(s, path, r, record, good)
	answer.header = append(answer.header, [2]string{"X-Seraph-LoginReason", seraph}, [2]string{"X-AUSERNAME", user}, arequestID(s),
		[2]string{"X-RateLimit-Limit", "100"}, [2]string{"X-RateLimit-Remaining", "99"})
	return answer
}

func jiraAnswer(s *Server, path string, r Request, record issue, good bool) response {
	switch {
	case good && record.client.NoUser:
		return response{400, nil, map[string]any{
			"error": map[string]any{"status": "ERROR", "message": "No user found with this username/email address"},
		}}
	case good && record.client.Barred:
		return jiraErrors(403, []string{"You do not have permission"}, nil)
	case path == "/rest/api/2/myself" && good, path == "/rest/api/3/myself" && good:
		return response{200, nil, map[string]any{
			"name": "anna", "key": "JIRAUSER10100", "emailAddress": "anna@example.com", "displayName": "Anna Example", "active": true,
		}}
	case path == "/rest/api/2/myself", path == "/rest/api/3/myself":
		return response{401, nil, map[string]any{"message": "Client must be authenticated to access this resource.", "status-code": 401}}
	case path == "/rest/api/2/project":
		return response{200, nil, []any{}}
	case path == "/rest/api/2/serverInfo":
		return response{200, nil, map[string]any{"version": "9.12.0", "deploymentType": "Server", "serverTitle": "Example"}}
	case !good && path == "/rest/api/2/search":
		return response{200, nil, map[string]any{"expand": "schema,names", "startAt": 0, "maxResults": usualResults, "total": 0, "issues": []any{}}}
	case !good && strings.HasPrefix(path, "/rest/api/2/issue"):
		return jiraErrors(401, []string{"You do not have the permission to see the specified issue.", "Login Required"}, nil)
	}
	if answer, is := s.jiraIssues(path, r); is {
		return answer
	}
	return response{404, nil, map[string]any{"errorMessages": []string{"null for uri"}}}
}

// arequestID is the number by which an administrator finds a request in Jira's log:
// minute of the day, count, concurrent requests.
func arequestID(s *Server) [2]string {
	now := s.options.Now().UTC()
	s.mu.Lock()
	defer s.mu.Unlock()
	return [2]string{"X-AREQUESTID", fmt.Sprintf("%dx%dx1", now.Hour()*60+now.Minute(), s.called)}
}

// jiraTooMany is Atlassian's, Data Center ("Adjusting your code for rate
// limiting"). Its body is not published.
func jiraTooMany(after time.Duration) response {
	return response{429, [][2]string{
		{"Retry-After", seconds(after)}, {"X-RateLimit-Limit", "100"}, {"X-RateLimit-Remaining", "0"},
		{"X-RateLimit-Interval-Seconds", "1"}, {"X-RateLimit-FillRate", "10"},
	}, map[string]any{"message": "Rate limit exceeded"}}
}
