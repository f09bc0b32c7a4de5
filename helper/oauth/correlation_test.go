package oauth_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol/secret"
)

// TestCorrelation (T8, T23): how the server's own log calls a request is found for
// tokens and for errors, in the vendor's field before a gateway's; what could
// forge a line or shows a secret or a token counts as none.
func TestCorrelation(t *testing.T) {
	const token = "an-access-token-of-34-bytes.0123456"
	long := strings.Repeat("x", 128)
	for _, c := range []struct {
		name   string
		header [][2]string
		want   string
	}{
		{"none", nil, ""},
		{"Entra's", [][2]string{{"x-ms-request-id", "7b1e3c0a-5d5f-4a55-9d0c-3f0f2f7c1a00"}}, "7b1e3c0a-5d5f-4a55-9d0c-3f0f2f7c1a00"},
		{"Atlassian's", [][2]string{{"ATL-TraceId", "0f1c6c0cbe5c4cc8a3e3b0e4e1f2a3b4"}}, "0f1c6c0cbe5c4cc8a3e3b0e4e1f2a3b4"},
		{"Jira Data Center's", [][2]string{{"X-AREQUESTID", "600x12345x1"}}, "600x12345x1"},
		{"a gateway's", [][2]string{{"X-Request-Id", "Root=1-67891233-abcdef"}}, "Root=1-67891233-abcdef"},
		{"W3C's", [][2]string{{"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}}, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
		{"the vendor's before the gateway's", [][2]string{{"X-Request-Id", "gateway"}, {"X-Ms-Request-Id", "vendor"}}, "vendor"},
		{"the longest", [][2]string{{"Request-Id", long}}, long},
		{"too long", [][2]string{{"Request-Id", long + "x"}}, ""},
		{"a blank", [][2]string{{"Request-Id", "a b"}}, ""},
		{"a quote", [][2]string{{"Request-Id", `a","event":"fetch`}}, ""},
		{"not ASCII", [][2]string{{"Request-Id", "b\xc3\xa4r"}}, ""},
		{"an unfit one, then a fit one", [][2]string{{"X-Ms-Request-Id", "<script>"}, {"X-B3-TraceId", "463ac35c9f6413ad"}}, "463ac35c9f6413ad"},
		{"the client's secret", [][2]string{{"X-Request-Id", canary}}, ""},
		{"a JWT", [][2]string{{"X-Request-Id", "eyJhbGciOiJub25lIn0.e30."}}, ""},
		{"the token", [][2]string{{"X-Request-Id", token}}, ""},
		{"the token in it", [][2]string{{"X-Request-Id", "id:" + token}}, ""},
		{"a part of the token", [][2]string{{"X-Request-Id", token[3:20]}}, ""},
		{"the refresh token", [][2]string{{"X-Request-Id", "r3fresh-t0ken"}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := http.StatusOK, `{"access_token":"`+token+`","token_type":"Bearer","refresh_token":"r3fresh-t0ken"}`
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				for _, f := range c.header {
					w.Header().Set(f[0], f[1])
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(status)
				_, _ = w.Write([]byte(body))
			}))
			defer server.Close()
			client := &oauth.Client{TokenURL: server.URL + "/token", ID: "client", Secret: secret.New(canary), Grant: "client_credentials", Auth: "basic"}
			got, err := client.Token(t.Context())
			if err != nil || got.CorrelationID != c.want {
				t.Fatalf("got %q, %v; want %q", got.CorrelationID, err, c.want)
			}
			status, body = http.StatusUnauthorized, `{"error":"invalid_client","access_token":"`+token+`","refresh_token":"r3fresh-t0ken"}`
			_, err = client.Token(t.Context())
			var e *oauth.Error
			if !errors.As(err, &e) || e.CorrelationID != c.want {
				t.Fatalf("got %v; want %q", err, c.want)
			}
			if c.want != "" && !strings.HasSuffix(e.Error(), "/token, correlation id "+c.want+")") {
				t.Errorf("%q does not say the id", e)
			}
			// Entra's word in the body is the one that its support asks for.
			body = `{"error":"invalid_client","error_description":"AADSTS7000215: Invalid.","correlation_id":"1f0c8e6d"}`
			_, err = client.Token(t.Context())
			if !errors.As(err, &e) || e.CorrelationID != "1f0c8e6d" || !strings.HasSuffix(e.Error(), "Invalid. (correlation id 1f0c8e6d)") {
				t.Errorf("got %v", err)
			}
		})
	}
}
