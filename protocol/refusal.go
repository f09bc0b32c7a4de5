package protocol

import "github.com/credhelper/credhelper/protocol/secret"

// Refusal identifies the token that the tool reports as refused; another one is
// requested. Zero: none.
type Refusal struct {
	Token secret.Text
	// Mark is in the place of Token where the tool gives back our own mark of it (Mark).
	Mark string
	// Current is in the place of both where the tool cannot say which token it was: the
	// one that is current when the request comes.
	Current bool
	// Guessed says that the tool cannot report a refusal, and that this was inferred.
	// In doubt the current token is given: a guess causes at most one token request a
	// minute and is never an error.
	Guessed bool
}

// IsZero reports whether no token was refused.
func (r Refusal) IsZero() bool { return !r.Current && r.Mark == "" && r.Token.IsZero() }

// Of reports whether it was this very token.
func (r Refusal) Of(token secret.Text) bool {
	return r.Current || token.Equal(r.Token) || r.Mark != "" && r.Mark == Mark(token)
}

// OfMark is Of for a token of which only the mark is known.
func (r Refusal) OfMark(mark string) bool {
	return r.Current || r.Mark == mark || !r.Token.IsZero() && Mark(r.Token) == mark
}
