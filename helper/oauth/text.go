package oauth

import (
	"encoding/base64"
	"encoding/hex"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// shownFields are the form fields whose values only describe the request and the
// client. The value of any other field may be a secret, of ours or of someone whose
// token is exchanged.
var shownFields = [...]string{
	"grant_type", "client_id", "scope", "audience", "resource", "redirect_uri", "response_type",
	"client_assertion_type", "subject_token_type", "requested_token_type", "token_type_hint",
}

// sending returns the client with the values of a form that is about to be sent: echoes
// of them are not shown, except those that the profile contains anyway.
func (c *Client) sending(form url.Values) *Client {
	client := *c
	client.sent = nil
	for name, values := range form {
		for _, v := range values {
			written := slices.ContainsFunc(c.Params, func(p [2]string) bool { return p[1] == v })
			if !written && !slices.Contains(shownFields[:], name) {
				client.sent = append(client.sent, v)
			}
		}
	}
	return &client
}

// foreign makes a text of the server's presentable. It redacts secrets first, because
// truncation could leave a part of one that no longer matches.
func (c *Client) foreign(s string) string { return printable.Value(c.redact(s)) }

// redact redacts all secrets of the client, and the values that it sent, in a text.
func (c *Client) redact(s string) string {
	return redact(s, c.ID, append([]string{c.Secret.Reveal()}, c.sent...))
}

// Redact redacts a secret in a text of the server that it was sent to, in the forms in
// which a server may echo it.
func Redact(s string, hidden ...secret.Text) string {
	var plain []string
	for _, h := range hidden {
		plain = append(plain, h.Reveal())
	}
	return redact(s, "", plain)
}

// tellingLength is the length from which on a secret does not occur in a text by
// chance. A shorter one is replaced by its length, so that a person sees that a part of
// the server's sentence may have been redacted.
const tellingLength = 8

func redact(s, id string, secrets []string) string {
	if s == "" {
		return ""
	}
	s = s[:min(len(s), foreignLimit)]
	var long, short, pieces []string
	for _, plain := range secrets {
		if len(plain) >= tellingLength {
			pieces = append(pieces, writings(plain)...)
		}
		for _, form := range formsOf(id, plain) {
			if len(form) >= tellingLength {
				long = append(long, form)
			} else {
				short = append(short, form)
			}
		}
	}
	s = replaceAll(s, long, func(string) string { return secret.Redacted })
	s = redactJWTs(redactPieces(s, append(pieces, long...)))
	return replaceAll(s, short, func(form string) string {
		return secret.Redacted + " (" + strconv.Itoa(len(form)) + " bytes)"
	})
}

// replaceAll replaces the longest forms first, because one may be a prefix of another.
func replaceAll(s string, forms []string, by func(form string) string) string {
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, form := range forms {
		pairs = append(pairs, form, by(form))
	}
	return strings.NewReplacer(pairs...).Replace(s)
}

// formsOf returns the forms in which a server may write a secret.
func formsOf(id, plain string) []string {
	if plain == "" {
		return nil
	}
	form := url.QueryEscape(plain)
	return []string{
		base64.StdEncoding.EncodeToString([]byte(id + ":" + plain)), base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id) + ":" + form)),
		plain, form, strings.ToLower(form), url.PathEscape(plain), html.EscapeString(plain), url.QueryEscape(form),
		base64.StdEncoding.EncodeToString([]byte(plain)), base64.RawURLEncoding.EncodeToString([]byte(plain)),
		hex.EncodeToString([]byte(plain)),
	}
}

// redactJWTs redacts any text that begins like a JWT, "eyJ" (which is {" in base64url),
// whether it was sent or not: no message needs one.
func redactJWTs(s string) string {
	var out strings.Builder
	for {
		i := strings.Index(s, "eyJ")
		if i < 0 {
			return out.String() + s
		}
		end := i
		for end < len(s) && strings.IndexByte(jwtBytes, s[end]) >= 0 {
			end++
		}
		out.WriteString(s[:i] + secret.Redacted)
		s = s[end:]
	}
}

const jwtBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
