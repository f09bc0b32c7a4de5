package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/credhelper/credhelper/protocol"
)

// refusal is an API's answer that is no success, in an administrator's words.
type refusal struct {
	profile string
	status  int
	reason  string // by the API; "" if it said nothing that can be read
	id      string // by which the API's own log finds the request; "" if it gave none
}

// words are the meanings of statuses for the administrator. Other statuses only concern
// this program and the API.
var words = map[int]string{
	400: "the API does not understand us",
	401: "the API does not accept the token",
	403: "the API does not let this account do that",
	404: "there is nothing at this address",
	410: "the API has removed this call",
	429: "too many calls, and it would take too long to wait",
}

func (r *refusal) Error() string {
	text := words[r.status]
	switch {
	case text == "" && r.status >= 500:
		text = "the API is not well"
	case text == "":
		text = "the API refused"
	}
	text += fmt.Sprintf(" (HTTP %d)", r.status)
	if r.reason != "" {
		text += ": " + r.reason
	}
	if r.id != "" {
		text += " [" + r.id + "]"
	}
	return text
}

// Unwrap makes the exit code: 11 for the account, 8 for later.
func (r *refusal) Unwrap() error {
	switch {
	case r.status == 401 || r.status == 403:
		return protocol.ErrProbe
	case r.status == 429 || r.status >= 500:
		return protocol.ErrUnreachable
	}
	return nil
}

// next returns what to do about it. credhelper test asks the API in the same way and
// knows each product's usual causes.
func (r *refusal) next() string {
	if r.status == 429 || r.status >= 500 {
		return "try again later"
	}
	return "see why: credhelper test " + r.profile
}

// correlation are the fields in which APIs name a request: Jira Data Center, Jira
// Cloud, and the usual two.
var correlation = [...]string{"X-AREQUESTID", "Atl-Traceid", "X-Request-Id", "X-Correlation-Id"}

func refusedBy(s *system, answer *http.Response, content []byte) *refusal {
	r := &refusal{profile: s.profile, status: answer.StatusCode, reason: message(content)}
	for _, name := range correlation {
		if id := oneLine(answer.Header.Get(name), 64); id != "" {
			r.id = name + " " + id
			break
		}
	}
	return r
}

// message returns the API's error: Jama's meta.message, Jira's errorMessages and
// errors, error.message of miniOrange's app.
func message(content []byte) string {
	var body struct {
		Message       string                            `json:"message"`
		Meta          struct{ Message string }          `json:"meta"`
		ErrorMessages []string                          `json:"errorMessages"`
		Errors        map[string]string                 `json:"errors"`
		Error         struct{ Message json.RawMessage } `json:"error"`
	}
	_ = json.Unmarshal(content, &body) // what cannot be read says nothing
	parts := append([]string{body.Meta.Message, body.Message}, body.ErrorMessages...)
	for _, field := range slices.Sorted(maps.Keys(body.Errors)) {
		parts = append(parts, field+": "+body.Errors[field])
	}
	var text string
	if json.Unmarshal(body.Error.Message, &text) == nil {
		parts = append(parts, text)
	}
	return oneLine(strings.Join(parts, " "), 200)
}

// oneLine makes a text from outside fit for a log: without invisible characters, and
// not too long.
func oneLine(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(text, ""))
	text = strings.Join(strings.Fields(text), " ")
	if short := []rune(text); len(short) > most {
		text = string(short[:most]) + "..."
	}
	return text
}
