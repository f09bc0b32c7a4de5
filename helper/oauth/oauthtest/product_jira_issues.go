package oauthtest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Issue is one issue of the simulated Jira.
type Issue struct {
	ID          int      `json:"id"`
	Key         string   `json:"key"`
	Project     string   `json:"project"` // its key
	Type        string   `json:"type"`
	Summary     string   `json:"summary"`
	Description string   `json:"description"`
	Labels      []string `json:"labels"`
	Updates     int      `json:"updates"` // how often it was changed after it was made
}

// Issues are all issues of the simulated Jira, in the order in which they were
// made.
func (s *Server) Issues() []Issue {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.issues)
}

// CopiedOnce is an error unless Jira has one issue for each of Jama's first items, by the
// label that names the item, and no other.
func (s *Server) CopiedOnce(items int) error {
	times := map[string]int{}
	for _, i := range s.Issues() {
		for _, l := range i.Labels {
			times[l]++
		}
	}
	for i := range items {
		if label := fmt.Sprint("jama-", firstItem+i); times[label] != 1 {
			return fmt.Errorf("%s is in Jira %d times", label, times[label])
		}
	}
	if len(times) != items {
		return fmt.Errorf("%d items are in Jira, want %d", len(times), items)
	}
	return nil
}

// issueLines is Issues for a script: a JSON object a line.
func (s *Server) issueLines() string {
	var lines []string
	for _, i := range s.Issues() {
		line, _ := json.Marshal(i) // texts and numbers always marshal
		lines = append(lines, string(line))
	}
	return strings.Join(lines, "\n")
}

const (
	jiraProject  = "DEMO"
	firstIssue   = 10000
	usualResults = 50
	longestLabel = 255
	longestText  = 255 // of a summary
)

// issueFields are the fields of a request that makes or changes an issue; nil is
// one that the request leaves alone.
type issueFields struct {
	Project *struct {
		Key string `json:"key"`
	} `json:"project"`
	Type *struct {
		Name string `json:"name"`
	} `json:"issuetype"`
	Summary     *string  `json:"summary"`
	Description *string  `json:"description"`
	Labels      []string `json:"labels"`
}

// jiraIssues answers a caller who is known about issues: the REST API 2 of Jira
// Data Center (docs.atlassian.com/software/jira/docs/api/REST, issue: createIssue,
// getIssue, editIssue; search: search, searchUsingSearchRequest). Jira Cloud's has
// the same shapes here; what it has not is in jiraCloudAPI.
func (s *Server) jiraIssues(path string, r Request) (answer response, is bool) {
	rest, found := strings.CutPrefix(path, "/rest/api/2/")
	if !found {
		return response{}, false
	}
	key, one := strings.CutPrefix(rest, "issue/")
	switch {
	case rest == "search" && (r.Method == "GET" || r.Method == "POST"):
		return s.searchIssues(r), true
	case rest == "issue" && r.Method == "POST":
		return s.createIssue(r), true
	case one && r.Method == "GET":
		return s.withIssue(key, func(i *Issue) response { return response{200, nil, s.issueBody(*i, nil)} }), true
	case one && r.Method == "PUT":
		return s.withIssue(key, func(i *Issue) response { return s.changeIssue(i, r) }), true
	}
	return response{}, false
}

// jiraErrors is an ErrorCollection.
func jiraErrors(status int, messages []string, fields map[string]string) response {
	if messages == nil {
		messages = []string{}
	}
	if fields == nil {
		fields = map[string]string{}
	}
	return response{status, nil, map[string]any{"errorMessages": messages, "errors": fields}}
}

// search is what both forms of a search ask for.
type search struct {
	JQL        string   `json:"jql"`
	StartAt    int      `json:"startAt"`
	MaxResults *int     `json:"maxResults"`
	Fields     []string `json:"fields"`
}

func readSearch(r Request) (q search, problem string) {
	if r.Method == "POST" {
		if err := json.Unmarshal([]byte(r.Body), &q); err != nil {
			return q, "Unexpected character in the request body"
		}
		return q, ""
	}
	query := queryOf(r)
	q.JQL = query.Get("jql")
	q.StartAt, _ = strconv.Atoi(query.Get("startAt"))
	if n, err := strconv.Atoi(query.Get("maxResults")); err == nil {
		q.MaxResults = &n
	}
	q.Fields = strings.FieldsFunc(query.Get("fields"), func(r rune) bool { return r == ',' })
	return q, ""
}

func (s *Server) searchIssues(r Request) response {
	q, problem := readSearch(r)
	if problem != "" {
		return jiraErrors(400, []string{problem}, nil)
	}
	found, problem := s.find(q)
	if problem != "" {
		return jiraErrors(400, []string{problem}, nil)
	}
	page := found[min(q.StartAt, len(found)):]
	page = page[:min(q.most(), len(page))]
	issues := []any{}
	for _, i := range page {
		issues = append(issues, s.issueBody(i, q.Fields))
	}
	return response{200, nil, map[string]any{
		"expand": "schema,names", "startAt": q.StartAt, "maxResults": q.most(), "total": len(found), "issues": issues,
	}}
}

func (q search) most() int {
	if q.MaxResults == nil || *q.MaxResults < 0 {
		return usualResults
	}
	return *q.MaxResults
}

func (s *Server) find(q search) (found []Issue, problem string) {
	query, problem := parseJQL(q.JQL)
	if problem != "" {
		return nil, problem
	}
	for _, c := range query {
		for _, v := range c.values {
			if c.field == "project" && v != jiraProject {
				return nil, "The value '" + v + "' does not exist for the field 'project'."
			}
		}
	}
	for _, i := range s.Issues() {
		if query.matches(i) {
			found = append(found, i)
		}
	}
	return found, ""
}

func (s *Server) createIssue(r Request) response {
	var body struct {
		Fields issueFields `json:"fields"`
	}
	if err := json.Unmarshal([]byte(r.Body), &body); err != nil {
		return jiraErrors(400, []string{"Unexpected character in the request body"}, nil)
	}
	f, wrong := body.Fields, map[string]string{}
	if f.Project == nil || f.Project.Key != jiraProject {
		wrong["project"] = "valid project is required"
	}
	if f.Type == nil || f.Type.Name == "" {
		wrong["issuetype"] = "valid issue type is required"
	}
	if f.Summary == nil || *f.Summary == "" {
		wrong["summary"] = "You must specify a summary of the issue."
	}
	if f.check(wrong); len(wrong) > 0 {
		return jiraErrors(400, nil, wrong)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.issues) + 1
	made := Issue{ID: firstIssue + n, Key: fmt.Sprintf("%s-%d", jiraProject, n), Project: jiraProject, Type: f.Type.Name}
	f.apply(&made)
	s.issues = append(s.issues, made)
	return response{201, nil, map[string]any{"id": strconv.Itoa(made.ID), "key": made.Key, "self": s.issueURL(made)}}
}

func (s *Server) changeIssue(i *Issue, r Request) response {
	var body struct {
		Fields issueFields `json:"fields"`
	}
	if err := json.Unmarshal([]byte(r.Body), &body); err != nil {
		return jiraErrors(400, []string{"Unexpected character in the request body"}, nil)
	}
	wrong := map[string]string{}
	if body.Fields.check(wrong); len(wrong) > 0 {
		return jiraErrors(400, nil, wrong)
	}
	body.Fields.apply(i)
	i.Updates++
	return response{204, nil, ""}
}

// check holds the values against Jira's limits.
func (f issueFields) check(wrong map[string]string) {
	if f.Summary != nil && len([]rune(*f.Summary)) > longestText {
		wrong["summary"] = "Summary can't exceed 255 characters."
	}
	if f.Summary != nil && strings.ContainsAny(*f.Summary, "\r\n") {
		wrong["summary"] = "The summary is invalid because it contains newline characters."
	}
	for _, l := range f.Labels {
		if strings.Contains(l, " ") || l == "" || len(l) > longestLabel {
			wrong["labels"] = "The label '" + l + "' contains spaces which is invalid."
		}
	}
}

func (f issueFields) apply(i *Issue) {
	if f.Summary != nil {
		i.Summary = *f.Summary
	}
	if f.Description != nil {
		i.Description = *f.Description
	}
	if f.Labels != nil {
		i.Labels = slices.Clone(f.Labels)
	}
}

// withIssue does something with the issue of this key or id.
func (s *Server) withIssue(key string, do func(*Issue) response) response {
	key, _ = url.PathUnescape(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := range s.issues {
		if s.issues[n].Key == key || strconv.Itoa(s.issues[n].ID) == key {
			return do(&s.issues[n])
		}
	}
	return jiraErrors(404, []string{"Issue Does Not Exist"}, nil)
}

func (s *Server) issueURL(i Issue) string {
	return s.APIURL() + "/rest/api/2/issue/" + strconv.Itoa(i.ID)
}

// issueBody is an issue as Jira writes it, with the fields that were asked for;
// nil is all.
func (s *Server) issueBody(i Issue, only []string) map[string]any {
	fields := map[string]any{
		"summary": i.Summary, "description": i.Description, "labels": i.Labels,
		"project": map[string]any{"key": i.Project}, "issuetype": map[string]any{"name": i.Type},
	}
	if len(only) > 0 && !slices.Contains(only, "*all") && !slices.Contains(only, "*navigable") {
		for name := range fields {
			if !slices.Contains(only, name) {
				delete(fields, name)
			}
		}
	}
	return map[string]any{"id": strconv.Itoa(i.ID), "key": i.Key, "self": s.issueURL(i), "fields": fields}
}
