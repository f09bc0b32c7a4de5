package bearer

import (
	"bytes"
	"io"
	"net/http"
)

// holdLimit is how much of an answer is kept while a better one is tried for.
const holdLimit = 64 << 10

// hold reads the answer, so that its connection is free for the next try, and it
// can still be given to the caller if that brings nothing. What is longer stays
// on its connection.
func hold(answer *http.Response) {
	var read bytes.Buffer
	_, err := io.CopyN(&read, answer.Body, holdLimit+1)
	rest := answer.Body
	if err == io.EOF {
		_ = rest.Close()
		answer.Body = io.NopCloser(&read)
		return
	}
	answer.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(&read, rest), rest}
}

func hasBody(req *http.Request) bool { return req.Body != nil && req.Body != http.NoBody }

// repeatable reports whether the request can be sent more than once.
func repeatable(req *http.Request) bool { return !hasBody(req) || req.GetBody != nil }

// idempotent reports whether sending the request twice does what sending it once
// does (RFC 9110 9.2.2): 429 and 401 say that nothing was done, 503 does not.
func idempotent(req *http.Request) bool {
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete:
		return true
	}
	return brings(req, "Idempotency-Key")
}

// closeBody is the duty of a RoundTripper that did not send the request.
func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}
