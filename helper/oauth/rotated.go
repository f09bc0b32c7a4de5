package oauth

import (
	"bytes"
	"encoding/json"

	"github.com/credhelper/credhelper/protocol/secret"
)

// A server that replaces a refresh token does so when it sends its response, whatever
// we think of the rest of it. Dropping the new refresh token because of, for example,
// an invalid expires_in would end the sign-in: the old one is used up, and using it
// again revokes the family (RFC 9700 4.14.2). So it is looked for first, leniently.

// refreshLimit is the maximum length, in bytes, of a refresh token that is stored.
const refreshLimit = 16 << 10

// tellRotated passes on the refresh token of a response, if it has one that can be
// stored.
func (c *Client) tellRotated(a answer, found fields) {
	if c.Rotated == nil || c.Grant != refreshGrant.Name || a.status < 200 || a.status > 299 {
		return
	}
	refresh, failed := found["refresh_token"], found["error"].given()
	if found == nil { // invalid by the strict rules
		refresh.shape = text
		refresh.text, failed = looseRefresh(a.body)
	}
	if token := refresh.text; refresh.shape == text && !failed && keepable(token) {
		c.Rotated(secret.New(token))
	}
}

// keepable reports whether s can be stored as a refresh token: RFC 6749 A.17, 1*VSCHAR.
func keepable(s string) bool { return refreshToken(s) && len(s) <= refreshLimit }

// refreshToken is RFC 6749 A.17, 1*VSCHAR, at most 64 KiB.
func refreshToken(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return s != "" && len(s) <= 64<<10
}

// looseRefresh returns the refresh_token of a JSON object that strictjson refuses,
// because of another repeated member or text after it. Two different ones count as
// none. failed reports that the object has an error.
func looseRefresh(body []byte) (token string, failed bool) {
	d := json.NewDecoder(bytes.NewReader(afterMark(body)))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return "", false
	}
	seen := 0
	for d.More() {
		name, err := d.Token()
		var value any
		if err != nil || d.Decode(&value) != nil {
			return "", false
		}
		s, isText := value.(string)
		switch name {
		case "refresh_token":
			if seen++; !isText || seen > 1 && s != token {
				return "", false
			}
			token = s
		case "error":
			failed = failed || value != nil && (!isText || s != "")
		}
	}
	if end, err := d.Token(); err != nil || end != json.Delim('}') {
		return "", false
	}
	return token, failed
}

// afterMark returns a body without the byte order mark of some .NET and PHP servers
// (RFC 8259 8.1 permits ignoring it).
func afterMark(body []byte) []byte { return bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")) }
