package oauthtest

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The one project of the simulated Jama Connect and its items. Shapes, names and
// the limits of a page are those of Jama's REST API v1 (rest.jamasoftware.com,
// endpoint items: "If not set, this defaults to 20. This cannot be larger than
// 50"); a pick list's value, such as status, is the number of an option there. The
// texts of refusals are not published.
const (
	jamaProject  = 1
	firstItem    = 1001 // id of the first item; the others follow
	itemType     = 89009
	statusOption = 292
	usualPage    = 20
	longestPage  = 50
)

// items is how many items the project has.
func (s *Server) items() int {
	if s.options.Items == 0 {
		return 3
	}
	return s.options.Items
}

// EditItem changes the name and the date of the item with this id, as a user of
// Jama does.
func (s *Server) EditItem(id int) error {
	if id < firstItem || id >= firstItem+s.items() {
		return fmt.Errorf("oauthtest: no item %d", id)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.edits[id]++
	return nil
}

// jamaItem is one item as GET /items has it.
func (s *Server) jamaItem(id int) map[string]any {
	s.mu.Lock()
	edits := s.edits[id]
	s.mu.Unlock()
	number := id - firstItem + 1
	name := fmt.Sprintf("Requirement %d", number)
	if edits > 0 {
		name += fmt.Sprintf(", revision %d", edits+1)
	}
	created := time.Date(2026, time.January, 5, 9, 0, 0, 0, time.UTC).Add(time.Duration(number) * time.Minute)
	modified := created.Add(time.Duration(edits) * time.Hour)
	key, global := fmt.Sprintf("DEMO-REQ-%d", number), fmt.Sprintf("GID-%d", id)
	return map[string]any{
		"id": id, "documentKey": key, "globalId": global, "itemType": itemType, "project": jamaProject,
		"createdDate": jamaTime(created), "modifiedDate": jamaTime(modified), "lastActivityDate": jamaTime(modified),
		"createdBy": 17, "modifiedBy": 17, "type": "items",
		"location":  map[string]any{"sortOrder": number, "sequence": fmt.Sprintf("1.%d", number), "parent": map[string]any{"project": jamaProject}},
		"resources": map[string]any{"self": map[string]any{"allowed": []string{"GET", "PUT", "PATCH", "DELETE"}}},
		"fields": map[string]any{
			"documentKey": key, "globalId": global, "name": name, "status": statusOption,
			"description": fmt.Sprintf("<p>The system shall fulfil requirement %d.</p>", number),
		},
	}
}

// jamaItems answers /rest/v1/items and what is below it.
func (s *Server) jamaItems(path string, r Request) response {
	if r.Method != "GET" {
		return jamaError(405, "Method Not Allowed", "Method not allowed")
	}
	if id, one := strings.CutPrefix(path, "/rest/v1/items/"); one {
		n, err := strconv.Atoi(id)
		if err != nil || n < firstItem || n >= firstItem+s.items() {
			return jamaError(404, "Not Found", "Item not found")
		}
		return response{200, nil, map[string]any{"meta": s.jamaMeta(), "links": map[string]any{}, "data": s.jamaItem(n)}}
	}
	query := queryOf(r)
	project, err := strconv.Atoi(query.Get("project"))
	from, errFrom := number(query, "startAt", 0)
	most, errMost := number(query, "maxResults", usualPage)
	switch {
	case err != nil:
		return jamaError(400, "Bad Request", "Required parameter 'project' is not present.")
	case errFrom != nil || from < 0:
		return jamaError(400, "Bad Request", "startAt must not be negative")
	case errMost != nil || most < 1 || most > longestPage:
		return jamaError(400, "Bad Request", "maxResults must be between 1 and 50")
	case project != jamaProject:
		return jamaError(404, "Not Found", "Project not found")
	}
	data := []any{}
	for n := from; n < s.items() && len(data) < most; n++ {
		data = append(data, s.jamaItem(firstItem+n))
	}
	meta := s.jamaMeta()
	meta["pageInfo"] = map[string]any{"startIndex": from, "resultCount": len(data), "totalResults": s.items()}
	return response{200, nil, map[string]any{"meta": meta, "links": map[string]any{}, "data": data}}
}

func (s *Server) jamaMeta() map[string]any {
	return map[string]any{"status": "OK", "timestamp": jamaTime(s.options.Now())}
}

func jamaTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000-0700") }

// queryOf is the query of a request; one that cannot be read has as much as could.
func queryOf(r Request) url.Values {
	_, query, _ := strings.Cut(r.Target, "?")
	values, _ := url.ParseQuery(query)
	return values
}

// number reads a parameter that may be missing.
func number(query url.Values, name string, usual int) (int, error) {
	if !query.Has(name) {
		return usual, nil
	}
	return strconv.Atoi(query.Get(name))
}
