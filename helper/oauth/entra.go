package oauth

import "strings"

// entraCode returns the code in a description of Entra's, "AADSTS7000215: Invalid
// client secret provided. Ensure ...", and shortens the text to the code and its first
// sentence: the rest is advice, trace ids and a time, in several lines. Other texts are
// returned unchanged. Codes and texts change, so only hints and messages may depend on
// them (as Microsoft's "AADSTS error codes" page says).
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

// firstSentence ends at a full stop before white space, not at one in
// "https://graph.microsoft.com/.default".
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

// correlationID accepts an id of hexadecimal digits and dashes, such as Entra's GUIDs,
// and ignores anything else, because it is shown unquoted.
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
