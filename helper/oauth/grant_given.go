package oauth

import (
	"strconv"
	"strings"
	"time"

	"github.com/credhelper/credhelper/protocol/secret"
	"github.com/credhelper/credhelper/protocol/strictjson"
)

// given is not a grant of a server: another program on this machine or in this cluster
// made the token, and Use.Given reads it. It is checked as a server's response is.
var given = Grant{
	Name:       "given",
	Repeatable: true,
	Clientless: true,
	Make: func(c *Client) (*Token, error) {
		sent := c.now()
		content, err := c.Use.Given()
		if err != nil {
			return nil, asReason(err, "the given token cannot be had")
		}
		found, err := c.readGiven(content.Reveal(), sent)
		if err != nil {
			return nil, err
		}
		r, wrong := c.interpret(found)
		switch {
		case wrong == flawOver:
			return nil, &Error{Kind: Unreachable, Reason: "the given token has expired", Cure: "what makes it has not renewed it: see where it comes from with credhelper show {profile}"}
		case wrong != noFlaw:
			return nil, policy("what is given has " + wrong.reason)
		}
		return &Token{Access: secret.New(r.access), Sent: sent, Expires: sent.Add(r.life), Scope: r.scope, Warnings: r.warnings}, nil
	},
	Check: func(c *Client) error {
		if c.Use.Given == nil {
			return policy(`grant "given" needs a source of the token and there is none`)
		}
		return nil
	},
}

// givenIn are the members of a JSON object that may contain the token and its end, "" is
// the object itself: kubectl's ExecCredential has it in status, gcloud's config-helper
// in credential, and Vault's responses in data.
var givenIn = [...]string{"", "status", "credential", "data"}

// The members of the token and of the time when it expires: as a date of RFC 3339, or in
// seconds since 1970.
var (
	givenNames = [...]string{"access_token", "accessToken", "token"}
	givenEnds  = [...]string{"expiry", "expires_at", "expires_on", "expire_time", "token_expiry", "expirationTimestamp"}
)

// readGiven returns the content of a source of a token as the fields of a response.
func (c *Client) readGiven(content string, now time.Time) (fields, error) {
	content = strings.TrimSpace(content)
	found := fields{"access_token": {shape: text, text: content}, "token_type": {shape: text, text: "Bearer"}}
	var end time.Time
	if strings.HasPrefix(content, "{") {
		object, err := strictjson.Parse([]byte(content))
		if err != nil {
			return nil, policy("what is given is not acceptable JSON")
		}
		if end, err = found.fill(object); err != nil {
			return nil, err
		}
	}
	if claims, isJWT := ClaimsOf(secret.New(found["access_token"].text)); isJWT && !claims.Expires.IsZero() && (end.IsZero() || claims.Expires.Before(end)) {
		end = claims.Expires
	}
	c.setLife(found, end, now)
	return found, nil
}

// fill takes the members of an object, and returns the date at which the token expires;
// zero if there is none.
func (f fields) fill(object strictjson.Value) (end time.Time, err error) {
	for _, where := range givenIn {
		inner := object
		if where != "" {
			member, is := object.Get(where)
			if !is || member.Kind() != strictjson.Object {
				continue
			}
			inner = member
		}
		token := firstOf(inner, givenNames[:])
		if !token.given() {
			continue
		}
		f["access_token"] = token
		for _, name := range [...]string{"token_type", "expires_in", "scope"} {
			if member, is := inner.Get(name); is {
				f[name] = jsonField(member)
			}
		}
		return dateIn(firstOf(inner, givenEnds[:]))
	}
	return time.Time{}, policy("what is given has no token: an object needs " + strings.Join(givenNames[:], ", or "))
}

func firstOf(object strictjson.Value, names []string) field {
	for _, name := range names {
		if member, is := object.Get(name); is {
			if f := jsonField(member); f.given() {
				return f
			}
		}
	}
	return field{}
}

func dateIn(f field) (time.Time, error) {
	if !f.given() {
		return time.Time{}, nil
	}
	if seconds, ok := wholeNumber(f.text); ok && seconds > 0 {
		return time.Unix(seconds, 0), nil
	}
	for _, layout := range [...]string{time.RFC3339, "2006-01-02 15:04:05Z07:00"} {
		if end, err := time.Parse(layout, f.text); err == nil {
			return end, nil
		}
	}
	return time.Time{}, policy("what is given has an end that is neither a date of RFC 3339 nor seconds since 1970")
}

// setLife sets expires_in for the end of a token. A number of seconds in what is given
// counts only from now if it was made for this call; of a file nobody knows how old it
// is, so there it can only shorten DefaultTTL.
func (c *Client) setLife(found fields, end, now time.Time) {
	if !end.IsZero() {
		found["expires_in"] = field{shape: number, text: strconv.FormatInt(int64(end.Sub(now)/time.Second), 10)}
		return
	}
	if seconds, ok := wholeNumber(found["expires_in"].text); ok && !c.Use.Fresh {
		life := min(seconds, int64(or(c.DefaultTTL, defaultTTL)/time.Second))
		found["expires_in"] = field{shape: number, text: strconv.FormatInt(life, 10)}
	}
}
