package door

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/credhelper/credhelper/protocol"
)

// TestUnanswered: why an API has not answered is said without net/http's words.
func TestUnanswered(t *testing.T) {
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	for want, err := range map[string]error{
		"no connection to api.test: no such host":                                    dial(&net.DNSError{IsNotFound: true}),
		"no connection to api.test: the name could not be resolved":                  dial(&net.DNSError{}),
		"no connection to api.test in time":                                          dial(os.ErrDeadlineExceeded),
		"no connection to api.test: " + syscall.ECONNREFUSED.Error():                 dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)),
		"no connection to api.test: its certificate is not one that is trusted here": &tls.CertificateVerificationError{Err: errors.New("x509")},
		"no connection to api.test":                                                  dial(errors.New("proxy says p4ssw0rd")),
		"the connection to api.test broke before an answer":                          fmt.Errorf("transport: %w", io.EOF),
		"the answer of api.test is not acceptable HTTP/1.1":                          errors.New("malformed HTTP response \"x\""),
	} {
		if got := unanswered("api.test", err); got != want {
			t.Errorf("%v: %s", err, got)
		}
	}
}

// TestAway: an API that is away is a 502 in the product's own form, which says what to do,
// and the log has the same words.
func TestAway(t *testing.T) {
	s := newScene(t)
	host := strings.TrimPrefix(s.api.URL, "http://")
	s.api.Close()
	answer := s.raw("GET /rest/v1/items HTTP/1.1\n" + bearerLine + "\n")
	body := bodyOf(t, answer)
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.events[len(s.events)-1]
	want := last.Err.Error() // the reason is in the operating system's words
	if answer.StatusCode != 502 || answer.Header.Get("Retry-After") != "5" ||
		body != `{"meta":{"status":"Bad Gateway","message":"credhelper: `+want+` (try again later; if it stays: credhelper doctor jama)"}}` {
		t.Errorf("%d %s", answer.StatusCode, body)
	}
	if !strings.HasPrefix(want, "no connection to "+host+": ") || protocol.ExitCode(last.Err) != 8 {
		t.Errorf("the log: %v", last.Err)
	}
}
