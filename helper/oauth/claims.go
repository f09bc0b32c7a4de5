package oauth

import (
	"encoding/base64"
	"strings"
	"time"

	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
	"github.com/credhelper/credhelper/protocol/strictjson"
)

// Claim is one member of a JWT's header or payload, as it may be shown.
type Claim struct {
	Name  string
	Value string // a string unchanged, else its JSON; printable ASCII, truncated
}

// Claims are the unverified claims of a JWT: they are shown to a person and decide
// nothing, except that a given token is used no longer than its "exp".
type Claims struct {
	Header  []Claim
	Payload []Claim
	Expires time.Time // "exp"; zero if there is none
}

// ClaimsOf parses a token that is a JWT (RFC 7519); false for an opaque one. The
// signature is never included.
func ClaimsOf(token secret.Text) (Claims, bool) {
	part := strings.Split(token.Reveal(), ".")
	if len(part) != 3 {
		return Claims{}, false
	}
	header, ok1 := jwtPart(part[0])
	payload, ok2 := jwtPart(part[1])
	if !ok1 || !ok2 {
		return Claims{}, false
	}
	return Claims{
		Header: claimsIn(header), Payload: claimsIn(payload),
		Expires: dateOf(secondsOf(payload, "exp")),
	}, true
}

func jwtPart(encoded string) (strictjson.Value, bool) {
	bytes, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return strictjson.Value{}, false
	}
	value, err := strictjson.Parse(bytes)
	return value, err == nil && value.Kind() == strictjson.Object
}

func claimsIn(v strictjson.Value) (list []Claim) {
	for name, member := range v.Members() {
		value := string(member.Raw())
		if s, err := member.Text(); err == nil {
			value = s
		}
		list = append(list, Claim{Name: printable.Value(name), Value: printable.Value(redactJWTs(value))})
	}
	return list
}
