package protocol

import (
	"slices"
	"strings"
)

// Narrowing is what a request leaves of what its profile allows: a token for fewer
// scopes, or for another audience. It never adds anything (config.Profile.Narrow). The
// zero value is the profile's whole token.
type Narrowing struct {
	Scope    string // scope tokens (RFC 6749 3.3) in ascending order, separated by spaces; "": all of the profile's
	Audience string // "": the profile's
}

// longestNarrowing limits each member, in bytes.
const longestNarrowing = 4096

// AddScope adds scopes, separated by spaces. A text without any is an error: a script
// whose variable is empty must not get the whole token.
func (n *Narrowing) AddScope(text string) error {
	list := strings.Split(n.Scope+" "+text, " ")
	list = slices.DeleteFunc(list, func(s string) bool { return s == "" })
	if strings.Trim(text, " ") == "" || !scopes(text) {
		return Malformed("scope is not one or more scopes, separated by spaces (RFC 6749 3.3)")
	}
	slices.Sort(list)
	n.Scope = strings.Join(slices.Compact(list), " ")
	if len(n.Scope) > longestNarrowing {
		return Malformed("scope is too long")
	}
	return nil
}

// scopes reports whether a text has only spaces and the characters of a scope token.
func scopes(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// SetAudience sets the audience. Two different ones are an error, not a choice.
func (n *Narrowing) SetAudience(text string) error {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return Malformed("audience is printable ASCII without spaces")
		}
	}
	if text == "" || len(text) > longestNarrowing || n.Audience != "" && n.Audience != text {
		return Malformed("audience is one audience")
	}
	n.Audience = text
	return nil
}

// Words returns the narrowing for the log, shortened; "" if there is none.
func (n Narrowing) Words() string {
	const most = 256
	text := ""
	if n.Scope != "" {
		text = "scope " + n.Scope[:min(len(n.Scope), most)]
	}
	if n.Audience != "" {
		if text != "" {
			text += ", "
		}
		text += "audience " + n.Audience[:min(len(n.Audience), most)]
	}
	return text
}
