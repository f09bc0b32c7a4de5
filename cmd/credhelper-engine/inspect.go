package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// inspectCommand shows the claims of a profile's token, and the server's view of it. It
// never prints the token or its signature.
func (s *session) inspectCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "inspect NAME",
		Example: "  credhelper inspect jama",
		Short:   "show a token's claims, its times, and what the server says of it",
		Long: "Shows what the profile's token says of itself if it is a JWT, when it ends, and,\n" +
			"if the profile has an introspection_url, what the server says of it (RFC 7662).\n" +
			"A token that the server calls not active is exit 12. Nothing is verified: a\n" +
			"claim is what the token says, not what is true.",
		GroupID:           groupUse,
		Args:              between(1, 1),
		Annotations:       patient,
		ValidArgsFunction: s.completeProfiles,
		RunE:              func(c *cobra.Command, args []string) error { return s.inspect(c.Context(), args[0]) },
	}
}

// inspection is the output of inspect --json.
type inspection struct {
	Profile string            `json:"profile"`
	Source  string            `json:"source"` // "cache", "network" or "pool"
	Expires string            `json:"expires"`
	Seconds int64             `json:"seconds_left"`
	Issued  string            `json:"issued_token_type,omitempty"` // RFC 8693 2.2.1, from the log
	Header  map[string]string `json:"header,omitempty"`
	Claims  map[string]string `json:"claims,omitempty"`
	Server  *introspection    `json:"introspection,omitempty"`
}

type introspection struct {
	Active   bool   `json:"active"`
	Scope    string `json:"scope,omitempty"`
	ClientID string `json:"client_id,omitempty"`
	Username string `json:"username,omitempty"`
	Subject  string `json:"sub,omitempty"`
	Expires  string `json:"expires,omitempty"`
}

func (s *session) inspect(ctx context.Context, name string) error {
	h, p, err := s.openProfile(name)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*answerTime)
	defer cancel()
	c, err := h.Get(ctx, protocol.Request{Verb: protocol.Get, Profile: name})
	if err != nil {
		return err
	}
	expires := time.Unix(c.Expires, 0).UTC()
	found := inspection{Profile: name, Source: c.Source, Expires: expires.Format(time.RFC3339), Seconds: int64(expires.Sub(s.now()) / time.Second)}
	found.Issued = h.IssuedType(c.Secret)
	claims, isJWT := oauth.ClaimsOf(c.Secret)
	if isJWT {
		found.Header, found.Claims = claimMap(claims.Header), claimMap(claims.Payload)
	}
	answer, problem := h.Introspect(ctx, p, c.Secret)
	if p.ClientAuth == "none" && errors.Is(problem, protocol.ErrRefused) {
		// RFC 7662 2.1: the caller must authenticate, which a public client cannot.
		s.say("The server says nothing of the token: it does not answer public clients (" + problem.Error() + ")")
		problem = nil
	}
	if answer != nil {
		found.Server = &introspection{Active: answer.Active, Scope: answer.Scope, ClientID: answer.ClientID, Username: answer.Username, Subject: answer.Subject}
		if !answer.Expires.IsZero() {
			found.Server.Expires = answer.Expires.Format(time.RFC3339)
		}
	}
	if s.flags.json {
		err = s.printJSON(found)
	} else {
		err = s.print(found.text(s.screen(), claims, isJWT))
	}
	switch {
	case err != nil:
		return err
	case problem != nil:
		return problem
	case answer != nil && !answer.Active:
		return &protocol.Error{Kind: protocol.ErrInactive, Text: "profile " + name + ": the server says that the token is not active",
			Hint: "fetch another: credhelper token " + name + " --refresh"}
	}
	return nil
}

func claimMap(list []oauth.Claim) map[string]string {
	m := map[string]string{}
	for _, c := range list {
		m[c.Name] = c.Value
	}
	return m
}

// text formats the same for a person, in the order of the token.
func (f inspection) text(c screen, claims oauth.Claims, isJWT bool) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s  ends %s, %s left, from the %s\n", f.Profile, f.Expires, failure.Span(time.Duration(f.Seconds)*time.Second), f.Source)
	if f.Issued != "" {
		out.WriteString("The server issued it as " + printable.Line(f.Issued) + ".\n")
	}
	if !isJWT {
		out.WriteString("The token is opaque: it says nothing of itself.\n")
	}
	rows := [][]string{{"CLAIM", "VALUE"}}
	for _, part := range [...]struct {
		prefix string
		list   []oauth.Claim
	}{{"header.", claims.Header}, {"", claims.Payload}} {
		for _, claim := range part.list {
			rows = append(rows, []string{part.prefix + printable.Line(claim.Name), printable.Line(claim.Value) + dateBeside(claim)})
		}
	}
	if isJWT {
		out.WriteString(c.table(rows))
	}
	if f.Server == nil {
		return out.String()
	}
	word := c.paint(green, "active")
	if !f.Server.Active {
		word = c.paint(red, "not active")
	}
	out.WriteString("The server says: " + word)
	for _, t := range [...]struct{ name, value string }{
		{"user", f.Server.Username}, {"client", f.Server.ClientID}, {"scope", f.Server.Scope}, {"ends", f.Server.Expires},
	} {
		if t.value != "" {
			out.WriteString(", " + t.name + " " + printable.Line(t.value))
		}
	}
	out.WriteByte('\n')
	return out.String()
}

// dateBeside adds the date to a NumericDate (RFC 7519 2).
func dateBeside(c oauth.Claim) string {
	switch c.Name {
	case "exp", "iat", "nbf", "auth_time":
	default:
		return ""
	}
	var unix int64
	if _, err := fmt.Sscanf(c.Value, "%d", &unix); err != nil || unix <= 0 || unix > 253402300799 {
		return ""
	}
	return "   " + time.Unix(unix, 0).UTC().Format(time.RFC3339)
}
