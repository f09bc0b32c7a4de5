package oauth

import (
	"strconv"
	"strings"

	"github.com/credhelper/credhelper/protocol/secret"
)

// flaw is a defect of a response: one sentence, and advice for exactly this defect.
// docs/answers.md lists all of them, and a test compares.
type flaw struct {
	reason string // "an HTML page ..."; contains no value of the response except a short word
	cure   string // a hint; "{profile}" stands for the profile's name
	later  bool   // it may be temporary
}

// Advice that several flaws share.
const (
	cureAddress  = "this address does not answer as a token endpoint: check token_url and proxy with credhelper edit {profile}"
	cureOperator = "the answer breaks RFC 6749 5.1, and no setting makes it safe to use: show this line to whoever runs the server"
	cureKey      = "register this client at the server for plain bearer tokens: credhelper has no key to prove a bound one with"
	curePage     = "a page for people answered: a network that wants a sign-in, a firewall, a maintenance page, or a wrong token_url (credhelper show {profile})"
)

var (
	noFlaw        flaw
	flawEmpty     = flaw{reason: "an empty body", cure: cureAddress}
	flawPage      = flaw{reason: "an HTML page instead of JSON", cure: curePage, later: true}
	flawForm      = flaw{reason: "a form instead of JSON", cure: "to accept such responses: allow_form_reply = true (credhelper edit {profile})"}
	flawBadForm   = flaw{reason: "a body that is not an acceptable form", cure: cureOperator}
	flawNoObject  = flaw{reason: "a body that is not a JSON object", cure: cureAddress}
	flawNoType    = flaw{reason: "no token_type", cure: "if its documentation says that these are bearer tokens: allow_missing_token_type = true (credhelper edit {profile})"}
	flawOddType   = flaw{reason: "a token_type that is not Bearer", cure: cureOperator}
	flawNoText    = flaw{reason: "an access_token that is not a string", cure: cureOperator}
	flawNoToken   = flaw{reason: "an empty access_token", cure: cureOperator}
	flawCharset   = flaw{reason: "an access_token with characters outside RFC 6750's", cure: "an opaque token may hold any of 0x21-0x7E: token_charset = \"wide\" (credhelper edit {profile})"}
	flawUncarried = flaw{reason: "an access_token that no header may carry", cure: cureOperator}
	flawSeconds   = flaw{reason: "an expires_in that is not a number of seconds", cure: cureOperator}
	flawOver      = flaw{reason: "an expires_in that is already over", cure: "the server issues expired tokens: its operator has to check its clock and the lifetime of tokens"}
	flawRefresh   = flaw{reason: "a refresh token instead of an access token (issued_token_type)", cure: "ask for an access token: requested_token_type = \"" + accessTokenType + "\" (credhelper edit {profile})"}
	flawNonce     = flaw{reason: "an ID token for another sign-in than this one (its nonce differs)", cure: "begin again: credhelper login {profile}"}
)

func flawTwice(name string) flaw {
	return flaw{reason: "a form with " + name + " more than once", cure: cureOperator}
}

func flawJSON(why string) flaw {
	return flaw{reason: "a body that is not acceptable JSON: " + why, cure: cureAddress}
}

// flawBound is for tokens that are useless without a key.
func flawBound(kind string) flaw {
	return flaw{reason: "a " + kind + " token, which is bound to a key and no Bearer token", cure: cureKey}
}

func flawType(kind string) flaw {
	return flaw{
		reason: "a token_type that is not Bearer: " + kind,
		cure:   `if its documentation says that these are bearer tokens: allow_token_types = ["` + kind + `"] (credhelper edit {profile})`,
	}
}

func flawLength(n int) flaw {
	return flaw{
		reason: "an access_token of " + strconv.Itoa(n) + " bytes, where " + strconv.Itoa(secret.MaxToken) + " is the most",
		cure:   "no tool takes a longer header: have the server put fewer groups, roles or claims into its tokens, or ask for fewer scopes",
	}
}

// flawMissing is for a response without access_token. Its members' names show what it
// has instead: {"data": ...} is nested, {"token": ...} another name.
func flawMissing(members []string) flaw {
	reason := "no access_token"
	if len(members) > 0 {
		reason += "; the answer has " + strings.Join(members, ", ")
	}
	return flaw{reason: reason, cure: "is token_url the token endpoint of OAuth 2.0, and not that of another API? credhelper edit {profile}"}
}

func flawStatus(status int) flaw {
	f := flaw{reason: "a status that is no answer to a token request; 200 and 201 are", cure: cureAddress}
	if status == 203 {
		f.cure = "a proxy in between changed the answer (RFC 9110 15.3.4): check proxy with credhelper edit {profile}"
	}
	return f
}

// flawRedirect names the target of a redirect, which is not followed.
func flawRedirect(target string) flaw {
	f := flaw{reason: "a redirect, which is never followed", cure: cureAddress}
	if target != "" {
		f.reason = "a redirect to " + target + ", which is never followed"
		f.cure = "if the server has moved there, and it is yours: change token_url with credhelper edit {profile}"
	}
	return f
}

// word reports whether a text from outside is short and plain enough to be shown in our
// sentence.
func word(s string, longest int) bool {
	for i := range len(s) {
		b := s[i]
		if !(b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || strings.IndexByte("._:-", b) >= 0) {
			return false
		}
	}
	return s != "" && len(s) <= longest
}
