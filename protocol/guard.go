package protocol

import (
	"github.com/credhelper/credhelper/protocol/secret"

	"github.com/credhelper/credhelper/protocol/printable"
)

// answerLimit is the most an answer may have: a pipe holds 64 KiB, and Bazel
// reads only after the helper ended, so more would hang until its timeout (R7).
const answerLimit = 60 << 10

// check refuses a credential that no tool may get: a token outside its grammar or
// without an end, or controls in what reaches a line (A16). Every Encode begins
// here.
func check(c Credential) error {
	if !secret.ValidToken(c.Secret.Reveal(), c.Wide) {
		return policy("the token holds characters that no header may carry")
	}
	if c.Expires <= 0 {
		return policy("the token has no end")
	}
	if !printable.Is(c.Username) || !printable.Is(c.Header) || !printable.Is(c.Scheme) || !printable.Is(c.Origin) {
		return policy("the profile holds control characters")
	}
	return nil
}

// bearerOnly refuses a credential that does not travel as Authorization: Bearer,
// for the dialects whose tools can send nothing else.
func bearerOnly(c Credential, tool string) error {
	if err := check(c); err != nil {
		return err
	}
	if c.Header != "" || c.Scheme != "Bearer" {
		return policy("profile " + c.Profile + ": " + tool + " can only send Authorization: Bearer, not the header of this profile")
	}
	return nil
}

// authorizationOnly refuses a credential of another header, for the dialects
// whose tools take a value and name the field themselves.
func authorizationOnly(c Credential, tool string) error {
	if err := check(c); err != nil {
		return err
	}
	if c.Header != "" {
		return policy("profile " + c.Profile + ": " + tool + " can only send Authorization, not the header of this profile")
	}
	return nil
}

// headerName and headerValue are the field that carries the credential.
func headerName(c Credential) string {
	if c.Header == "" {
		return "Authorization"
	}
	return c.Header
}

func headerValue(c Credential) string {
	if c.Scheme == "" {
		return c.Secret.Reveal()
	}
	return c.Scheme + " " + c.Secret.Reveal()
}

// bounded is the end of every Encode.
func bounded(answer []byte) ([]byte, error) {
	if len(answer) > answerLimit {
		return nil, policy("the answer is too long for a pipe")
	}
	return answer, nil
}
