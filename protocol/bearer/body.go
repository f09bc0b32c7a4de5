package bearer

import (
	"bytes"
	"io"
	"net/http"
)

// holdLimit is how much of a response is kept while another one is tried for.
const holdLimit = 64 << 10

// hold reads the response, so that its connection is free for the next attempt and the
// caller can still get the response if that attempt fails. The rest of a longer one
// stays on its connection.
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

// idempotent reports whether sending the request twice has the same effect as sending
// it once (RFC 9110 9.2.2). 429 and 401 mean that nothing was done, but 503 does not.
func idempotent(req *http.Request) bool {
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete:
		return true
	}
	return brings(req, "Idempotency-Key")
}

// closeBody closes the body, as a RoundTripper must even if it did not send the
// request.
func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}
