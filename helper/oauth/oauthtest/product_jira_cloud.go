package oauthtest

import (
	"strings"
	"time"
)

// CloudID is the site of the simulated Jira Cloud: its API is below
// /ex/jira/CloudID (Server.APIURL).
const CloudID = "11111111-aaaa-4bbb-8ccc-222222222222"

// jiraCloud is Jira Cloud behind api.atlassian.com, as a service account's OAuth
// 2.0 credential sees it. The gateway answers 404, or 403 with the quirk
// gateway-403, to a token that it no longer knows (n8n-io/n8n pull request 37776);
// bodies of these are not published. The old search is gone (410, Atlassian's
// CHANGE-2046).
var jiraCloud = func() Product {
	path, is := fixed("/oauth/token")
	return Product{
		Name: "jira-cloud", tokenPath: path, isToken: is, token: jiraCloudToken, api: jiraCloudAPI, tooMany: jiraCloudTooMany,
		apiPath: "/ex/jira/" + CloudID,
	}
}()

func jiraCloudToken(s *Server, a tokenRequest) response {
	c, refusal := s.usual(a, "post")
	if refusal != nil {
		return *refusal
	}
	token, life := s.issue(c, "read:jira-work write:jira-work read:jira-user")
	return response{200, nil, map[string]any{
		"access_token": token, "expires_in": life, "token_type": "Bearer", "scope": "read:jira-work write:jira-work read:jira-user",
	}}
}

func jiraCloudAPI(s *Server, path string, r Request) response {
	record, given, good := s.bearer(r)
	trace := [2]string{"Atl-Traceid", strings.ReplaceAll(arequestID(s)[1], "x", "0") + "5b10a2844c20165700ede21g"}
	below, ours := strings.CutPrefix(path, s.product.apiPath)
	answer := response{}
	switch {
	case !given:
		answer = response{401, nil, map[string]any{"code": 401, "message": "Unauthorized"}}
	case !good && s.odd("gateway-403"):
		answer = response{403, nil, map[string]any{"code": 403, "message": "Forbidden"}}
	case !good, !ours:
		answer = response{404, nil, map[string]any{"code": 404, "message": "Not Found"}}
	case record.client.Barred:
		answer = jiraErrors(403, []string{"You do not have permission"}, nil)
	default:
		answer = jiraCloudAnswer(s, below, r)
	}
	answer.header = append(answer.header, trace)
	return answer
}

func jiraCloudAnswer(s *Server, path string, r Request) response {
	switch path {
	case "/rest/api/2/myself", "/rest/api/3/myself":
		return response{200, nil, map[string]any{
			"accountId": "5b10a2844c20165700ede21g", "accountType": "app", "displayName": "Anna Example", "emailAddress": "anna@example.com", "active": true,
		}}
	case "/rest/api/2/search", "/rest/api/3/search":
		return jiraErrors(410, []string{"The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. A full migration guideline " +
			"is available at https://developer.atlassian.com/changelog/#CHANGE-2046"}, nil)
	case "/rest/api/2/search/jql":
		return s.searchCloud(r)
	}
	if answer, is := s.jiraIssues(path, r); is {
		return answer
	}
	return response{404, nil, map[string]any{"errorMessages": []string{"null for uri"}}}
}

// searchCloud is the new search: no total, and only ids where no fields are named.
// One page is enough for what is simulated.
func (s *Server) searchCloud(r Request) response {
	q, problem := readSearch(r)
	if problem == "" && q.JQL == "" {
		problem = "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
	}
	found, more := s.find(q)
	if problem == "" {
		problem = more
	}
	if problem != "" {
		return jiraErrors(400, []string{problem}, nil)
	}
	issues := []any{}
	for _, i := range found[:min(q.most(), len(found))] {
		body := s.issueBody(i, q.Fields)
		if len(q.Fields) == 0 {
			body = map[string]any{"id": body["id"]}
		}
		issues = append(issues, body)
	}
	return response{200, nil, map[string]any{"issues": issues, "isLast": len(issues) == len(found)}}
}

// jiraCloudTooMany is Atlassian's, Cloud (developer.atlassian.com, "Rate
// limiting").
func jiraCloudTooMany(after time.Duration) response {
	return response{429, [][2]string{
		{"Retry-After", seconds(after)}, {"RateLimit-Reason", "jira-quota-based"}, {"X-RateLimit-NearLimit", "true"},
	}, map[string]any{"errorMessages": []string{"Rate limit exceeded."}}}
}
