package protocol

import (
	"strings"

	"github.com/credhelper/credhelper/protocol/origin"
)

// appendGitInclude writes a file for git's include.path: the header for the profile's
// hosts only. Before 2.46 this is the only way for git to use a server that accepts
// only Bearer, because helpers can only answer with a password.
//
// followRedirects is off for these hosts: git follows the first redirect to any host,
// and would send the header there (O10).
func appendGitInclude(b []byte, _ Request, c Credential) ([]byte, error) {
	header := gitQuoted(headerName(c) + ": " + headerValue(c))
	places := gitPlaces(c)
	if len(places) == 0 {
		return nil, Policy("git needs a host: the profile lists no https origin")
	}
	for _, place := range places {
		b = append(b, "[http "+gitQuoted(place)+"]\n\textraHeader = "+header+"\n\tfollowRedirects = false\n"...)
	}
	return b, nil
}

// gitPlaces returns the web origins, more specific ones first: if a more specific
// section follows a less specific one, git combines them and sends the header twice; in
// the other order it uses only the first.
func gitPlaces(c Credential) (places []string) {
	var all []origin.Origin
	for _, text := range c.allOrigins() {
		o, err := origin.Parse(text)
		if scheme, _, _ := strings.Cut(o.String(), "://"); err == nil && (scheme == "https" || scheme == "http") {
			all = append(all, o)
		}
	}
	before := func(a, b origin.Origin) bool {
		_, wildA := a.Wildcard()
		_, wildB := b.Wildcard()
		if wildA != wildB {
			return wildB
		}
		return len(a.Path()) > len(b.Path())
	}
	for i := range all { // they are few, and a sort for one more type takes 8 KB of the front
		for ; i > 0 && before(all[i], all[i-1]); i-- {
			all[i], all[i-1] = all[i-1], all[i]
		}
	}
	for _, o := range all {
		places = append(places, o.String())
	}
	return places
}

// gitQuoted quotes a value for git's configuration, where ; and # begin comments.
func gitQuoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
