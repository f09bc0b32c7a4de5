package origin

// Reason is the reason why a token may not be released for a URL. Its zero value is
// Release, the only one that permits it.
type Reason uint8

// The reasons, in the order of the rules that they belong to.
const (
	Release Reason = iota // the origin owns the URL

	NoOrigins // O1

	PlainHTTP // O2
	BareHost
	Scheme

	Empty // O3
	TooLong
	Byte
	NonASCII
	Backslash
	Fragment
	Form
	Query

	Userinfo // O4
	AuthorityPercent
	AuthoritySpace

	HostByte // O5
	Label
	TrailingDot
	HostTooLong
	Host

	IPv4 // O6
	IPv6
	Zone
	MappedIPv4

	PortSyntax // O7
	Port

	WildcardSyntax // O8
	WildcardParent
	WildcardDepth

	NoPath // O9
	Path
	DotSegment
	HiddenByte
	EmptySegment

	BrokenPercent // O10
	EncodedControl

	Field // O11

	reasonCount // their number; tests use all of them
)

// reasons is indexed by Reason. The texts contain no part of the input: they are
// printed on terminals and in logs, and the input is an attacker's.
var reasons = [...]struct{ rule, text string }{
	Release:          {"", "released"},
	NoOrigins:        {"O1", "the profile lists no origins"},
	PlainHTTP:        {"O2", "plain http is refused, except for a loopback address that the profile names"},
	BareHost:         {"O2", "a tool that is given no scheme may speak plain http to such an address: only an origin that begins with docker:// covers that"},
	Scheme:           {"O2", "the scheme is not the one that the profile lists"},
	Empty:            {"O3", "the url is empty"},
	TooLong:          {"O3", "the url is longer than 8192 bytes"},
	Byte:             {"O3", "the url holds a space or a control byte"},
	NonASCII:         {"O3", "the url is not ascii: write the host as punycode and the path percent-encoded"},
	Backslash:        {"O3", "the url holds a backslash"},
	Fragment:         {"O3", "the url holds a fragment"},
	Form:             {"O3", "the url has not the form scheme://host/path"},
	Query:            {"O3", "an origin has no query"},
	Userinfo:         {"O4", "there is an @ before the path: a user name or password in a url is refused"},
	AuthorityPercent: {"O4", "the host holds a percent sign"},
	AuthoritySpace:   {"O4", "the host holds white space"},
	HostByte:         {"O5", "the host holds a character that no host name has"},
	Label:            {"O5", "the host has an empty or over-long label, or one with a hyphen at its end"},
	TrailingDot:      {"O5", "the host ends with a dot"},
	HostTooLong:      {"O5", "the host is longer than 253 bytes"},
	Host:             {"O5", "the host is not the one that the profile lists"},
	IPv4:             {"O6", "the host ends like an address and is not a canonical ipv4 address"},
	IPv6:             {"O6", "what is in brackets is not an ipv6 address in hexadecimal groups"},
	Zone:             {"O6", "an ipv6 address with a zone is refused"},
	MappedIPv4:       {"O6", "an ipv4 address inside an ipv6 address is refused"},
	PortSyntax:       {"O7", "the port is not a plain number from 1 to 65535"},
	Port:             {"O7", "the port is not the one that the profile lists"},
	WildcardSyntax:   {"O8", "a wildcard is the whole first label, over a name of at least two more"},
	WildcardParent:   {"O8", "a wildcard does not cover its own parent"},
	WildcardDepth:    {"O8", "a wildcard covers one label only"},
	NoPath:           {"O9", "the profile lists a path and the request has none"},
	Path:             {"O9", "the path is not under the one that the profile lists"},
	DotSegment:       {"O9", "the path holds a dot segment, or what a server may read as one, and the profile lists a path"},
	HiddenByte:       {"O9", "the path holds an encoded slash, backslash or escape, or an overlong byte, and the profile lists a path"},
	EmptySegment:     {"O9", "the path holds an empty segment, and the profile lists a path"},
	BrokenPercent:    {"O10", "a percent sign is not followed by two hexadecimal digits"},
	EncodedControl:   {"O10", "the url holds an encoded control byte"},
	Field:            {"O11", "the scheme or the host holds what does not belong in that field"},
}

// String returns a short lower-case text for people, which contains no part of the URL.
func (r Reason) String() string {
	if int(r) < len(reasons) {
		return reasons[r].text
	}
	return "refused"
}

// Rule returns the id of the rule in docs/security.md: "O1" to "O11", and "" for
// Release.
func (r Reason) Rule() string {
	if int(r) < len(reasons) {
		return reasons[r].rule
	}
	return "O15"
}

// Error is the error for an invalid origin in a profile. The caller adds the profile
// and the entry.
type Error struct{ Reason Reason }

// Error returns the reason's text.
func (e *Error) Error() string { return e.Reason.String() }
