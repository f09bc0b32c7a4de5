package main

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/credhelper/credhelper/protocol"
)

// jira writes to a project of Jira: REST API 2 of Data Center and of Cloud
// (docs.atlassian.com/software/jira/docs/api/REST).
type jira struct {
	system
	key string
}

// issue is one, with the label that ties it to an item.
type issue struct {
	Key    string `json:"key,omitempty"`
	Fields fields `json:"fields"`
}

type fields struct {
	Project     *reference `json:"project,omitempty"`
	Type        *reference `json:"issuetype,omitempty"`
	Summary     string     `json:"summary"`
	Description string     `json:"description"`
	Labels      []string   `json:"labels,omitempty"`
}

// reference names a project or a type of issue.
type reference struct {
	Key  string `json:"key,omitempty"`
	Name string `json:"name,omitempty"`
}

func newJira(s settings, a protocol.Answerer) *jira {
	return &jira{system: connect("Jira", s.jira, "jira", a), key: s.key}
}

// who returns the user that the token belongs to. Only this call shows whether a token
// is valid: others answer 200 to an invalid one, as to an anonymous user.
func (j *jira) who(ctx context.Context) (string, error) {
	var answer struct{ DisplayName, Name, AccountID string }
	if _, err := j.call(ctx, http.MethodGet, "/rest/api/2/myself", nil, &answer); err != nil {
		return "", err
	}
	return answer.DisplayName + " (" + answer.Name + answer.AccountID + ")", nil
}

// search returns the path of a search. Cloud has removed the old one (Atlassian's
// CHANGE-2046), and Data Center does not have the new one. Cloud's may not include new
// issues at once: leave a minute between two runs.
func (j *jira) search() string {
	if strings.Contains(j.base, "/ex/jira/") {
		return "/rest/api/2/search/jql"
	}
	return "/rest/api/2/search"
}

// find returns the issues that have one of the labels, by label. With a token that has
// just expired the search would find nothing, with 200, and every issue would be
// created a second time: so the response must not be an anonymous one.
func (j *jira) find(ctx context.Context, labels []string) (map[string]issue, error) {
	quoted := make([]string, len(labels))
	for n, l := range labels {
		quoted[n] = strconv.Quote(l)
	}
	query := map[string]any{
		"jql":        "project = " + strconv.Quote(j.key) + " AND labels in (" + strings.Join(quoted, ", ") + ")",
		"fields":     []string{"summary", "description", "labels"},
		"maxResults": 2 * len(labels),
	}
	for try := 1; ; try++ {
		var answer struct{ Issues []issue }
		header, err := j.call(ctx, http.MethodPost, j.search(), query, &answer)
		if err != nil {
			return nil, err
		}
		if !nobody(header) {
			return byLabel(answer.Issues), nil
		}
		if try == 2 {
			return nil, &refusal{profile: j.profile, status: http.StatusUnauthorized, reason: "it answers as to nobody"}
		}
		if _, err := j.who(ctx); err != nil { // 401 renews the token
			return nil, err
		}
	}
}

// nobody reports whether Jira treated the request as anonymous.
func nobody(h http.Header) bool {
	return h.Get("X-Seraph-LoginReason") == "AUTHENTICATED_FAILED" || h.Get("X-AUSERNAME") == "anonymous"
}

func byLabel(issues []issue) map[string]issue {
	found := map[string]issue{}
	for _, i := range issues {
		for _, l := range i.Fields.Labels {
			found[l] = i
		}
	}
	return found
}

// create makes an issue with a label.
func (j *jira) create(ctx context.Context, summary, description, label string) error {
	made := issue{Fields: fields{
		Project: &reference{Key: j.key}, Type: &reference{Name: "Task"}, Summary: summary, Description: description, Labels: []string{label},
	}}
	_, err := j.call(ctx, http.MethodPost, "/rest/api/2/issue", made, nil)
	return err
}

// update changes the two fields that are ours.
func (j *jira) update(ctx context.Context, key, summary, description string) error {
	_, err := j.call(ctx, http.MethodPut, "/rest/api/2/issue/"+key, issue{Fields: fields{Summary: summary, Description: description}}, nil)
	return err
}
