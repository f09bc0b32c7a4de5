package protocol

import (
	"github.com/credhelper/credhelper/protocol/secret"

	"github.com/credhelper/credhelper/protocol/printable"
)

// answerLimit is the maximum size of an answer. A pipe holds 64 KiB, and Bazel reads
// only after the helper has ended, so a longer answer would block until Bazel's timeout
// (R7).
const answerLimit = 60 << 10

// check refuses a credential that no tool may get: a token outside its grammar or
// without an expiry, or control characters in text that is written into a line (A16).
// Every Encode begins with it.
func check(c Credential) error {
	if !secret.ValidToken(c.Secret.Reveal(), c.Wide) {
		return Policy("the token holds characters that no header may carry")
	}
	if c.Expires <= 0 {
		return Policy("the token has no end")
	}
	if !printable.Is(c.Username) || !printable.Is(c.Header) || !printable.Is(c.Scheme) || !printable.Is(c.Origin) {
		return Policy("the profile holds control characters")
	}
	return nil
}

// bearerOnly refuses a credential that is not sent as Authorization: Bearer, for tools
// that can send nothing else.
func bearerOnly(c Credential, tool string) error {
	if err := check(c); err != nil {
		return err
	}
	if c.Header != "" || c.Scheme != "Bearer" {
		return Policy("profile " + c.Profile + ": " + tool + " can only send Authorization: Bearer, not the header of this profile")
	}
	return nil
}

// authorizationOnly refuses a credential for another header, for tools that accept only
// the value of Authorization.
func authorizationOnly(c Credential, tool string) error {
	if err := check(c); err != nil {
		return err
	}
	if c.Header != "" {
		return Policy("profile " + c.Profile + ": " + tool + " can only send Authorization, not the header of this profile")
	}
	return nil
}

// headerName and headerValue are the header field of the credential.
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

// bounded limits the size of an answer. Every Encode ends with it.
func bounded(answer []byte) ([]byte, error) {
	if len(answer) > answerLimit {
		return nil, Policy("the answer is too long for a pipe")
	}
	return answer, nil
}
