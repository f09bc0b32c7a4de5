package oauthtest

// jira is Jira Data Center behind miniOrange's app, with the provider's token
// endpoint beside it. Three traps: a good token of a user that Jira does not know
// is 400, and asking for a new one does not help; a bad token is 200, as nobody,
// where anonymous reading is allowed; and only /myself tells the truth. Source:
// developers.miniorange.com, "OAuth Tokens"; jira-node/node-jira-client issue 255.
var jira = func() Product {
	path, is := fixed("/token")
	return Product{Name: "jira-miniorange", tokenPath: path, isToken: is, token: plainToken, api: jiraAPI, full: true}
}()

func jiraAPI(s *Server, path string, r Request) said {
	known, given, good := s.bearer(r)
	seraph := [2]string{"X-Seraph-LoginReason", "OUT"}
	switch {
	case good:
		seraph[1] = "OK"
	case given:
		seraph[1] = "AUTHENTICATED_FAILED"
	}
	header := [][2]string{seraph, {"X-RateLimit-Limit", "100"}, {"X-RateLimit-Remaining", "99"}}
	switch {
	case good && known.client.NoUser:
		return said{400, header, map[string]any{
			"error": map[string]any{"status": "ERROR", "message": "No user found with this username/email address"},
		}}
	case good && known.client.Barred:
		return said{403, header, map[string]any{"errorMessages": []string{"You do not have permission"}, "errors": map[string]any{}}}
	case path == "/rest/api/2/myself" && good, path == "/rest/api/3/myself" && good:
		return said{200, header, map[string]any{
			"name": "anna", "key": "JIRAUSER10100", "emailAddress": "anna@example.com", "displayName": "Anna Example", "active": true,
		}}
	case path == "/rest/api/2/myself", path == "/rest/api/3/myself":
		return said{401, header, map[string]any{"message": "Client must be authenticated to access this resource.", "status-code": 401}}
	case path == "/rest/api/2/project":
		return said{200, header, []any{}}
	case path == "/rest/api/2/serverInfo":
		return said{200, header, map[string]any{"version": "9.12.0", "deploymentType": "Server", "serverTitle": "Example"}}
	}
	return said{404, header, map[string]any{"errorMessages": []string{"null for uri"}}}
}
