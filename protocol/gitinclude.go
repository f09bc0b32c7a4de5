package protocol

import (
	"slices"
	"strings"

	"github.com/credhelper/credhelper/protocol/origin"
)

// appendGitInclude writes a file for git's include.path: the header for the
// profile's hosts and no other. It is the only way to a server that takes nothing
// but Bearer for a git before 2.46, whose helpers can only answer with a password.
//
// followRedirects is off there: git follows the first redirect wherever it leads,
// and from then on sends the header to that host (O10).
func appendGitInclude(b []byte, _ Request, c Credential) ([]byte, error) {
	header := gitQuoted(headerName(c) + ": " + headerValue(c))
	places := gitPlaces(c)
	if len(places) == 0 {
		return nil, policy("git needs a host: the profile lists no https origin")
	}
	for _, place := range places {
		b = append(b, "[http "+gitQuoted(place)+"]\n\textraHeader = "+header+"\n\tfollowRedirects = false\n"...)
	}
	return b, nil
}

// gitPlaces are the web origins, the more special ones first: git takes a more
// special section after a less special one as an addition, and sends the header
// twice; the other way round it takes the first alone.
func gitPlaces(c Credential) (places []string) {
	var all []origin.Origin
	for _, text := range c.allOrigins() {
		o, err := origin.Parse(text)
		if scheme, _, _ := strings.Cut(o.String(), "://"); err == nil && (scheme == "https" || scheme == "http") {
			all = append(all, o)
		}
	}
	slices.SortStableFunc(all, func(a, b origin.Origin) int {
		_, wildA := a.Wildcard()
		_, wildB := b.Wildcard()
		switch {
		case wildA && !wildB:
			return 1
		case wildB && !wildA:
			return -1
		}
		return len(b.Path()) - len(a.Path())
	})
	for _, o := range all {
		places = append(places, o.String())
	}
	return places
}

// gitQuoted is a value in git's configuration, where ; and # begin comments.
func gitQuoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
