package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/credhelper/credhelper/protocol"
)

// jama reads a project of Jama Connect (REST API v1, rest.jamasoftware.com).
type jama struct {
	system
	project, size int
}

// item holds the fields that are used.
type item struct {
	ID     int    `json:"id"`
	Key    string `json:"documentKey"`
	Fields struct {
		Name string `json:"name"`
	} `json:"fields"`
}

// jamaPause keeps us below Jama's 10 calls a second, which all programs of an
// environment share, with room for a call that is repeated with a new token.
const jamaPause = time.Second / 8

func newJama(s settings, a protocol.Answerer) *jama {
	j := &jama{system: connect("Jama Connect", s.jama, "jama", a), project: s.project, size: s.page}
	j.pause = jamaPause
	return j
}

// who returns the user that the token belongs to.
func (j *jama) who(ctx context.Context) (string, error) {
	var answer struct {
		Data struct{ FirstName, LastName, Username string }
	}
	if _, err := j.call(ctx, http.MethodGet, "/rest/v1/users/current", nil, &answer); err != nil {
		return "", err
	}
	u := answer.Data
	return fmt.Sprintf("%s %s (%s)", u.FirstName, u.LastName, u.Username), nil
}

// page is the items from the nth on, and how many there are in all.
func (j *jama) page(ctx context.Context, from int) (items []item, total int, err error) {
	var answer struct {
		Meta struct {
			PageInfo struct{ TotalResults int }
		}
		Data []item
	}
	path := fmt.Sprintf("/rest/v1/items?project=%d&startAt=%d&maxResults=%d", j.project, from, j.size)
	_, err = j.call(ctx, http.MethodGet, path, nil, &answer)
	return answer.Data, answer.Meta.PageInfo.TotalResults, err
}

// address is where a person finds the item.
func (j *jama) address(i item) string {
	return j.base + "/perspective.req#/items/" + strconv.Itoa(i.ID) + "?projectId=" + strconv.Itoa(j.project)
}
