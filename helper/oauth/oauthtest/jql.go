package oauthtest

import (
	"slices"
	"strings"
)

// jql is a query of the part of JQL that a synchronisation needs: clauses about
// project and labels, joined by AND. Atlassian, "Advanced search reference", JQL
// fields and operators (=, IN).
type jql []clause

type clause struct {
	field  string
	values []string
}

// matches reports whether an issue fulfils every clause.
func (q jql) matches(i Issue) bool {
	for _, c := range q {
		found := false
		for _, v := range c.values {
			found = found || c.field == "project" && v == i.Project || c.field == "labels" && slices.Contains(i.Labels, v)
		}
		if !found {
			return false
		}
	}
	return true
}

const jqlError = "Error in the JQL Query: "

// parseJQL reads a query, or says what Jira would say of it.
func parseJQL(text string) (query jql, problem string) {
	words, problem := jqlWords(text)
	for problem == "" {
		var c clause
		if c, words, problem = parseClause(words); problem != "" {
			break
		}
		query = append(query, c)
		if len(words) == 0 {
			return query, ""
		}
		if !strings.EqualFold(words[0], "and") {
			return nil, jqlError + "Expecting 'AND' but got '" + words[0] + "'."
		}
		words = words[1:]
	}
	return nil, problem
}

func parseClause(words []string) (c clause, rest []string, problem string) {
	if len(words) < 3 {
		return c, nil, jqlError + "The query ends too early."
	}
	c.field = strings.ToLower(words[0])
	if c.field != "project" && c.field != "labels" {
		return c, nil, "Field '" + words[0] + "' does not exist or you do not have permission to view it."
	}
	operator, words := strings.ToLower(words[1]), words[2:]
	switch {
	case operator == "=":
		c.values = []string{strings.Trim(words[0], `"`)}
		return c, words[1:], ""
	case operator != "in" || words[0] != "(":
		return c, nil, jqlError + "The operator '" + operator + "' is not known here."
	}
	end := slices.Index(words, ")")
	for i := 1; i < end; i++ {
		if comma := i%2 == 0; comma != (words[i] == ",") {
			return c, nil, jqlError + "The list is not understood."
		} else if !comma {
			c.values = append(c.values, strings.Trim(words[i], `"`))
		}
	}
	if end < 2 || words[end-1] == "," {
		return c, nil, jqlError + "The list is not understood."
	}
	return c, words[end+1:], ""
}

// jqlWords cuts a query into names, texts in quotes, and signs.
func jqlWords(text string) (words []string, problem string) {
	for {
		text = strings.TrimLeft(text, " ")
		if text == "" {
			return words, ""
		}
		n := strings.IndexAny(text, ` =(),"`)
		switch {
		case text[0] == '"':
			if n = strings.IndexByte(text[1:], '"') + 2; n < 2 {
				return nil, jqlError + "The quoted string has not been completed."
			}
		case n == 0:
			n = 1
		case n < 0:
			n = len(text)
		}
		words, text = append(words, text[:n]), text[n:]
	}
}
