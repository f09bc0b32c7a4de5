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
var reasons = [...]string{
	Release:          "released",
	NoOrigins:        "the profile lists no origins",
	PlainHTTP:        "plain http is refused, except for a loopback address that the profile names",
	BareHost:         "a tool that is given no scheme may speak plain http to such an address: only an origin that begins with docker:// covers that",
	Scheme:           "the scheme is not the one that the profile lists",
	Empty:            "the url is empty",
	TooLong:          "the url is longer than 8192 bytes",
	Byte:             "the url holds a space or a control byte",
	NonASCII:         "the url is not ascii: write the host as punycode and the path percent-encoded",
	Backslash:        "the url holds a backslash",
	Fragment:         "the url holds a fragment",
	Form:             "the url has not the form scheme://host/path",
	Query:            "an origin has no query",
	Userinfo:         "there is an @ before the path: a user name or password in a url is refused",
	AuthorityPercent: "the host holds a percent sign",
	AuthoritySpace:   "the host holds white space",
	HostByte:         "the host holds a character that no host name has",
	Label:            "the host has an empty or over-long label, or one with a hyphen at its end",
	TrailingDot:      "the host ends with a dot",
	HostTooLong:      "the host is longer than 253 bytes",
	Host:             "the host is not the one that the profile lists",
	IPv4:             "the host ends like an address and is not a canonical ipv4 address",
	IPv6:             "what is in brackets is not an ipv6 address in hexadecimal groups",
	Zone:             "an ipv6 address with a zone is refused",
	MappedIPv4:       "an ipv4 address inside an ipv6 address is refused",
	PortSyntax:       "the port is not a plain number from 1 to 65535",
	Port:             "the port is not the one that the profile lists",
	WildcardSyntax:   "a wildcard is the whole first label, over a name of at least two more",
	WildcardParent:   "a wildcard does not cover its own parent",
	WildcardDepth:    "a wildcard covers one label only",
	NoPath:           "the profile lists a path and the request has none",
	Path:             "the path is not under the one that the profile lists",
	DotSegment:       "the path holds a dot segment, or what a server may read as one, and the profile lists a path",
	HiddenByte:       "the path holds an encoded slash, backslash or escape, or an overlong byte, and the profile lists a path",
	EmptySegment:     "the path holds an empty segment, and the profile lists a path",
	BrokenPercent:    "a percent sign is not followed by two hexadecimal digits",
	EncodedControl:   "the url holds an encoded control byte",
	Field:            "the scheme or the host holds what does not belong in that field",
}

// String returns a short lower-case text for people, which contains no part of the URL.
func (r Reason) String() string {
	if int(r) < len(reasons) {
		return reasons[r]
	}
	return "refused"
}

// Error is the error for an invalid origin in a profile. The caller adds the profile
// and the entry.
type Error struct{ Reason Reason }

// Error returns the reason's text.
func (e *Error) Error() string { return e.Reason.String() }
