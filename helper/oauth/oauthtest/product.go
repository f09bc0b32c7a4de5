package oauthtest

import (
	"fmt"
	"strings"
	"time"
)

// Product is one system: its token endpoint and the calls of its API that a probe
// or a demonstration makes, with the quirks that the product's own file names.
type Product struct {
	Name string

	tokenPath func(s *Server) string
	isToken   func(path string) bool
	token     func(s *Server, a tokenRequest) response
	api       func(s *Server, path string, r Request) response
	apiPath   string                             // what the paths of the API begin with; "" for most
	tooMany   func(after time.Duration) response // its 429
	full      bool                               // has the endpoints of signin.go beside its token endpoint
}

// Products are all the systems that can be played. A new one is a file and a row.
var Products = [...]Product{
	plain, jama, jamaClassic, entra, entraV1, jakamo, jira, jiraCloud,
}

func findProduct(name string) (Product, error) {
	if name == "" {
		name = plain.Name
	}
	var names []string
	for _, p := range Products {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Product{}, fmt.Errorf("oauthtest: no product %q; there are %s", name, strings.Join(names, ", "))
}

// fixed is a product whose token endpoint has one path.
func fixed(path string) (func(*Server) string, func(string) bool) {
	return func(*Server) string { return path }, func(p string) bool { return p == path }
}
