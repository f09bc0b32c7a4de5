package oauth

import (
	"encoding/base64"
	"encoding/hex"
	"html"
	"net/url"
	"strings"

	"github.com/credhelper/credhelper/protocol/secret"
)

// sanitised is the most that is shown of one foreign text (T23).
const sanitised = 200

// Sanitise makes a foreign text fit for a terminal and a log: 0x20 to 0x7E stay,
// each other octet becomes "?", and it ends after 200 (T23).
func Sanitise(s string) string {
	if len(s) > sanitised {
		s = s[:sanitised]
	}
	clean := []byte(s)
	for i, b := range clean {
		if b < 0x20 || b > 0x7e {
			clean[i] = '?'
		}
	}
	return string(clean)
}

// foreign makes a text of the server's showable. The secret goes first, because
// a cut through its middle would leave a piece that no longer matches.
func (c *Client) foreign(s string) string { return Sanitise(c.redact(s)) }

// redact takes every secret of the client out of a text, as it is and in the
// forms in which a server that echoes the request would show it (4.5 row 24).
func (c *Client) redact(s string) string {
	if s == "" {
		return s
	}
	s = redactJWTs(s)
	for _, t := range [...]secret.Text{c.Secret, c.Use.Refresh, c.Use.Code, c.Use.Verifier, c.Use.Device} {
		s = redactText(s, c.ID, t.Reveal())
	}
	return s
}

func redactText(s, id, plain string) string {
	if plain == "" {
		return s
	}
	form := url.QueryEscape(plain)
	pairs := id + ":" + plain
	escaped := url.QueryEscape(id) + ":" + form
	forms := []string{
		base64.StdEncoding.EncodeToString([]byte(pairs)), base64.StdEncoding.EncodeToString([]byte(escaped)),
		plain, form, strings.ToLower(form), url.PathEscape(plain), html.EscapeString(plain), url.QueryEscape(form),
		base64.StdEncoding.EncodeToString([]byte(plain)), base64.RawURLEncoding.EncodeToString([]byte(plain)),
		hex.EncodeToString([]byte(plain)),
	}
	for _, f := range forms {
		s = strings.ReplaceAll(s, f, secret.Redacted)
	}
	return s
}

// redactJWTs takes out whatever begins as a JWT does, "eyJ" (that is {" in
// base64url): assertions and subject tokens are made anew for each try, and no
// message needs one.
func redactJWTs(s string) string {
	var out strings.Builder
	for {
		i := strings.Index(s, "eyJ")
		if i < 0 {
			return out.String() + s
		}
		end := i
		for end < len(s) && strings.IndexByte(jwtOctets, s[end]) >= 0 {
			end++
		}
		out.WriteString(s[:i] + secret.Redacted)
		s = s[end:]
	}
}

const jwtOctets = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
