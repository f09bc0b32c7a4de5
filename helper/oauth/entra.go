package oauth

import "strings"

// entraCode finds the code in a description of Entra's, "AADSTS7000215: Invalid
// client secret provided. Ensure ...", and cuts the text to that code with its
// first sentence: what follows is advice, trace ids and a time, over several
// lines. A text that is not Entra's comes back whole. Codes and texts change, so
// nothing but hints and messages may depend on them (Microsoft's "AADSTS error
// codes" page says the same).
func entraCode(description string) (code, first string) {
	rest, found := strings.CutPrefix(description, "AADSTS")
	if !found {
		return "", description
	}
	digits := 0
	for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
		digits++
	}
	if digits == 0 || digits > 12 {
		return "", description
	}
	return rest[:digits], firstSentence(description)
}

// firstSentence ends at a full stop before white space: a stop inside
// "https://graph.microsoft.com/.default" is not an end.
func firstSentence(s string) string {
	s, _, _ = strings.Cut(s, "\r")
	s, _, _ = strings.Cut(s, "\n")
	for _, tail := range []string{" Trace ID:", " Correlation ID:"} {
		s, _, _ = strings.Cut(s, tail)
	}
	if i := strings.Index(s, ". "); i >= 0 {
		s = s[:i+1]
	}
	return s
}

// correlationID accepts an id of hex digits and dashes, as Entra's GUIDs are,
// and drops anything else: it is shown unquoted.
func correlationID(s string) string {
	if len(s) > 64 {
		return ""
	}
	for i := range len(s) {
		if !strings.ContainsRune("0123456789abcdefABCDEF-", rune(s[i])) {
			return ""
		}
	}
	return s
}
