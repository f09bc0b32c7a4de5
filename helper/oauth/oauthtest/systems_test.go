package oauthtest_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
)

// caller sends requests with a good token to a product's API.
type caller struct {
	t *testing.T
	*oauthtest.Server
	token string
}

func call(t *testing.T, o oauthtest.Options) *caller {
	t.Helper()
	o.Clients = []oauthtest.Client{{ID: "good", Secret: "secret", Auth: "either"}}
	o.Control = true
	s := start(t, o)
	return &caller{t, s, token(t, s, "good")}
}

func (c *caller) ask(method, path, body string) (status int, answer string) {
	c.t.Helper()
	status, answer, _ = send(c.t, method, c.APIURL()+path, body, "Authorization", "Bearer "+c.token, "Content-Type", "application/json")
	return status, answer
}

// TestJamaItems: pages of the size that was asked for, at most 50, all items once.
func TestJamaItems(t *testing.T) {
	now := time.Now()
	c := call(t, oauthtest.Options{Product: "jama", Items: 120, Now: func() time.Time { return now }, Fault: t.Errorf})
	var seen []int
	for from, size := 0, 50; from < 120; from += size {
		_, answer := c.ask("GET", fmt.Sprintf("/rest/v1/items?project=1&startAt=%d&maxResults=%d", from, size), "")
		var page struct {
			Meta struct {
				PageInfo struct{ StartIndex, ResultCount, TotalResults int }
			}
			Data []struct {
				ID          int
				DocumentKey string
				Fields      struct{ Name string }
			}
		}
		if err := json.Unmarshal([]byte(answer), &page); err != nil {
			t.Fatal(err)
		}
		info := page.Meta.PageInfo
		if info.StartIndex != from || info.ResultCount != len(page.Data) || info.TotalResults != 120 {
			t.Errorf("page from %d: %+v, %d items", from, info, len(page.Data))
		}
		for _, i := range page.Data {
			seen = append(seen, i.ID)
		}
	}
	if len(seen) != 120 || len(slices.Compact(slices.Clone(seen))) != 120 {
		t.Errorf("%d items: %v", len(seen), seen)
	}
	for _, bad := range []struct {
		path   string
		status int
	}{
		{"/rest/v1/items", 400}, {"/rest/v1/items?project=1&maxResults=51", 400}, {"/rest/v1/items?project=1&maxResults=0", 400},
		{"/rest/v1/items?project=1&startAt=-1", 400}, {"/rest/v1/items?project=2", 404}, {"/rest/v1/items/1", 404}, {"/rest/v1/items/x", 404},
		{"/rest/v1/items/1001", 200}, {"/rest/v1/items?project=1&startAt=500", 200},
	} {
		now = now.Add(time.Second)
		if status, answer := c.ask("GET", bad.path, ""); status != bad.status {
			t.Errorf("%s: %d %s, want %d", bad.path, status, answer, bad.status)
		}
	}
	now = now.Add(time.Minute)
	_, before := c.ask("GET", "/rest/v1/items/1002", "")
	if err := c.EditItem(1002); err != nil {
		t.Fatal(err)
	}
	_, after := c.ask("GET", "/rest/v1/items/1002", "")
	if !strings.Contains(before, `"name":"Requirement 2"`) || !strings.Contains(after, `"name":"Requirement 2, revision 2"`) {
		t.Errorf("before %s, after %s", before, after)
	}
	if c.EditItem(1) == nil {
		t.Error("an item that is not there was edited")
	}
}

const issue = `{"fields":{"project":{"key":"DEMO"},"issuetype":{"name":"Task"},"summary":"one","description":"d","labels":["jama-17"]}}`

// TestJiraIssues: made, found by label, changed, and refused as Jira refuses.
func TestJiraIssues(t *testing.T) {
	for _, product := range []string{"jira-miniorange", "jira-cloud"} {
		t.Run(product, func(t *testing.T) {
			c := call(t, oauthtest.Options{Product: product, Fault: t.Errorf})
			find := "/rest/api/2/search"
			if product == "jira-cloud" {
				if status, answer := c.ask("POST", find, `{"jql":"project = DEMO"}`); status != 410 {
					t.Errorf("the old search: %d %s", status, answer)
				}
				find += "/jql"
			}
			for _, step := range []struct {
				name, method, path, body string
				status                   int
				says                     string
			}{
				{"create", "POST", "/rest/api/2/issue", issue, 201, `"key":"DEMO-1"`},
				{"create another", "POST", "/rest/api/2/issue", strings.ReplaceAll(issue, "17", "18"), 201, `"key":"DEMO-2"`},
				{"no project", "POST", "/rest/api/2/issue", strings.ReplaceAll(issue, "DEMO", "NONE"), 400, "valid project is required"},
				{"no summary", "POST", "/rest/api/2/issue", strings.ReplaceAll(issue, "one", ""), 400, "You must specify a summary"},
				{"two lines", "POST", "/rest/api/2/issue", strings.ReplaceAll(issue, "one", `a\nb`), 400, "newline"},
				{"long summary", "POST", "/rest/api/2/issue", strings.ReplaceAll(issue, "one", strings.Repeat("x", 256)), 400, "255"},
				{"label with a blank", "POST", "/rest/api/2/issue", strings.ReplaceAll(issue, "jama-17", "a b"), 400, "spaces"},
				{"no JSON", "POST", "/rest/api/2/issue", "x", 400, "Unexpected character"},
				{"find one", "POST", find, `{"jql":"project = DEMO AND labels = \"jama-17\"","fields":["summary"]}`, 200, `"fields":{"summary":"one"}`},
				{"find two", "POST", find, `{"jql":"labels in (\"jama-17\", \"jama-18\") AND project = DEMO","fields":["labels"]}`, 200, `DEMO-2`},
				{"by GET", "GET", find + "?jql=project+%3D+DEMO&maxResults=1&fields=summary", "", 200, `DEMO-1`},
				{"unknown field", "POST", find, `{"jql":"colour = red"}`, 400, "does not exist"},
				{"unknown project", "POST", find, `{"jql":"project = NONE"}`, 400, "does not exist for the field"},
				{"cut query", "POST", find, `{"jql":"project ="}`, 400, "JQL"},
				{"open text", "POST", find, `{"jql":"labels = \"x"}`, 400, "quoted"},
				{"open list", "POST", find, `{"jql":"labels in (a, )"}`, 400, "list"},
				{"or", "POST", find, `{"jql":"labels = a OR labels = b"}`, 400, "AND"},
				{"change", "PUT", "/rest/api/2/issue/DEMO-1", `{"fields":{"summary":"two"}}`, 204, ""},
				{"look", "GET", "/rest/api/2/issue/DEMO-1", "", 200, `"summary":"two"`},
				{"look by id", "GET", "/rest/api/2/issue/10001", "", 200, `"summary":"two"`},
				{"nothing there", "GET", "/rest/api/2/issue/DEMO-9", "", 404, "Issue Does Not Exist"},
				{"change nothing", "PUT", "/rest/api/2/issue/DEMO-9", `{"fields":{}}`, 404, "Issue Does Not Exist"},
			} {
				status, answer := c.ask(step.method, step.path, step.body)
				if status != step.status || !strings.Contains(answer, step.says) {
					t.Errorf("%s: %d %s, want %d %s", step.name, status, answer, step.status, step.says)
				}
			}
			if got := c.Issues(); len(got) != 2 || got[0].Summary != "two" || got[0].Updates != 1 || !slices.Equal(got[1].Labels, []string{"jama-18"}) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestDeadTokens: what each Jira says to a token that it no longer knows; a search
// as nobody finds nothing and is 200.
func TestDeadTokens(t *testing.T) {
	for _, c := range []struct {
		product, quirk, path string
		status               int
	}{
		{"jira-miniorange", "", "/rest/api/2/search?jql=project=DEMO", 200},
		{"jira-miniorange", "", "/rest/api/2/issue/DEMO-1", 401},
		{"jira-miniorange", "", "/rest/api/2/myself", 401},
		{"jira-cloud", "", "/rest/api/2/myself", 404},
		{"jira-cloud", "", "/rest/api/2/search/jql?jql=project=DEMO", 404},
		{"jira-cloud", "gateway-403", "/rest/api/2/myself", 403},
	} {
		s := call(t, oauthtest.Options{Product: c.product, Fault: t.Errorf})
		s.ask("POST", "/rest/api/2/issue", issue)
		if err := s.SetQuirks(strings.Fields(c.quirk)...); err != nil {
			t.Fatal(err)
		}
		s.RevokeAll()
		status, answer := s.ask("GET", c.path, "")
		if status != c.status || strings.Contains(answer, "DEMO-1") {
			t.Errorf("%s %s %s: %d %s, want %d", c.product, c.quirk, c.path, status, answer, c.status)
		}
	}
}

// TestThrottle: one 429 in each product's form, and then all is well.
func TestThrottle(t *testing.T) {
	for product, retryAfter := range map[string]string{"plain": "2", "jama": "", "jira-miniorange": "2", "jira-cloud": "2"} {
		s := call(t, oauthtest.Options{Product: product})
		s.Throttle(2 * time.Second)
		for i, want := range []int{429, 0} {
			status, _, h := send(t, "GET", s.APIURL()+"/rest/v1/items/1001", "", "Authorization", "Bearer "+s.token)
			if (status == 429) != (want == 429) || i == 0 && h.Get("Retry-After") != retryAfter {
				t.Errorf("%s: call %d: %d, Retry-After %q", product, i+1, status, h.Get("Retry-After"))
			}
		}
		if got := s.Answered()[429]; got != 1 {
			t.Errorf("%s: %d answers are 429", product, got)
		}
	}
}

// TestOnCall: a test can break something before a certain call is answered.
func TestOnCall(t *testing.T) {
	var s *caller
	s = call(t, oauthtest.Options{OnCall: func(n int, r oauthtest.Request) {
		if n == 2 && r.Target == "/me" {
			s.RevokeAll()
		}
	}})
	for i, want := range []int{200, 401} {
		if status, _ := s.ask("GET", "/me", ""); status != want {
			t.Errorf("call %d: %d", i+1, status)
		}
	}
}

// TestSteerSystems: what a script can do to the systems and see of them.
func TestSteerSystems(t *testing.T) {
	s := call(t, oauthtest.Options{Product: "jira-miniorange", Items: 5})
	s.ask("POST", "/rest/api/2/issue", issue)
	for _, c := range []struct {
		method, path string
		status       int
		says         string
	}{
		{"GET", "/_/issues", 200, `"key":"DEMO-1"`}, {"GET", "/_/answered", 200, "201 1\n"},
		{"POST", "/_/throttle?seconds=1", 200, "\n"}, {"POST", "/_/throttle?seconds=x", 400, "invalid duration"},
		{"POST", "/_/edit?item=1005", 200, "\n"}, {"POST", "/_/edit?item=1006", 400, "no item 1006"},
		{"POST", "/_/secret?client=good&secret=new", 200, "\n"}, {"POST", "/_/secret?client=nobody&secret=new", 400, `no client "nobody"`},
	} {
		if status, answer, _ := send(t, c.method, s.URL()+c.path, ""); status != c.status || !strings.Contains(answer, c.says) {
			t.Errorf("%s %s: %d %q", c.method, c.path, status, answer)
		}
	}
}
