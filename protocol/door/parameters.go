package door

import (
	"net/url"
	"strings"

	"github.com/credhelper/credhelper/protocol"
)

// Parameters are those of a form or a query. Each name comes once.
type Parameters []parameter

type parameter struct{ name, value string }

// mostParameters is the maximum number of parameters; clients send five.
const mostParameters = 64

// Get returns the value of a parameter; "" if it was not sent.
func (p Parameters) Get(name string) string {
	for _, one := range p {
		if one.name == name {
			return one.value
		}
	}
	return ""
}

func (p Parameters) has(name string) bool {
	for _, one := range p {
		if one.name == name {
			return true
		}
	}
	return false
}

// single parses a form in which each name comes once (RFC 6749 3.2). It reads what
// url.ParseQuery does, without a map.
func single(text string) (Parameters, error) {
	all := make(Parameters, 0, 4)
	for text != "" {
		var pair string
		if pair, text, _ = strings.Cut(text, "&"); pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		switch {
		case err != nil, err2 != nil, strings.Contains(pair, ";"):
			return nil, protocol.Malformed("the parameters are not encoded like those of a form")
		case all.has(name):
			return nil, protocol.Malformed("a parameter is repeated")
		case len(all) == mostParameters:
			return nil, protocol.Malformed("there are too many parameters")
		}
		all = append(all, parameter{name, value})
	}
	return all, nil
}
