package oauth

import (
	"net/http"
	"strings"
)

// correlationHeaders are the header fields with a server's own id of a request,
// vendors' before those of gateways and tracing. The first acceptable one is used.
var correlationHeaders = [...]struct{ name, whose string }{
	{"X-Ms-Request-Id", "Microsoft Entra ID's trace id, learn.microsoft.com/entra/identity-platform/reference-error-codes"},
	{"Client-Request-Id", "Microsoft's echo of the caller's own id"},
	{"Atl-Traceid", "Atlassian Cloud's gateway, developer.atlassian.com/cloud/jira"},
	{"X-Arequestid", "Jira Data Center, confluence.atlassian.com/kb, HTTP request ids"},
	{"X-Okta-Request-Id", "Okta, developer.okta.com/docs/reference/core-okta-api"},
	{"X-Request-Id", "nginx, Envoy, Heroku and most gateways"},
	{"X-Correlation-Id", "API gateways"},
	{"Request-Id", "Microsoft Graph, ASP.NET"},
	{"X-B3-Traceid", "Zipkin, github.com/openzipkin/b3-propagation"},
	{"Traceparent", "W3C Trace Context 3.2"},
}

// correlationLimit is the maximum length of an id in bytes: traceparent has 55,
// gateways' up to 80.
const correlationLimit = 128

// correlationOf returns the server's id of a request. A value with unusual characters,
// or one in which the server echoes our input or its token, is ignored, because the id
// is logged (T8, T23).
func (c *Client) correlationOf(h http.Header, body []byte) string {
	for _, field := range correlationHeaders {
		id := strings.TrimSpace(h.Get(field.name))
		if validCorrelation(id) && c.redact(id) == id && !echoesToken(id, string(body)) {
			return id
		}
	}
	return ""
}

func validCorrelation(id string) bool {
	if id == "" || len(id) > correlationLimit {
		return false
	}
	for i := range len(id) {
		b := id[i]
		if !(b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || strings.IndexByte("._:/+=-", b) >= 0) {
			return false
		}
	}
	return true
}

// echoesToken reports whether an id shares text with a body that contains a token, JSON
// or form. Errors may repeat their id in the body, as Entra's do.
func echoesToken(id, body string) bool {
	if !strings.Contains(body, "_token") {
		return false
	}
	const telling = 8 // bytes; shorter text is a word such as "Bearer"
	for _, value := range strings.FieldsFunc(body, func(r rune) bool { return strings.ContainsRune("\"&= \t\r\n", r) }) {
		if len(value) >= telling && strings.Contains(id, value) || len(id) >= telling && strings.Contains(value, id) {
			return true
		}
	}
	return false
}
