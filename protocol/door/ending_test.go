package door

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/credhelper/credhelper/protocol"
)

// slowAnswers are answers that wait.
type slowAnswers struct {
	answers
	until chan struct{}
}

func (a slowAnswers) Get(ctx context.Context, r protocol.Request) (protocol.Credential, error) {
	<-a.until
	return a.answers.Get(ctx, r)
}

// TestShutdown: a door that ends first answers the token requests that wait for the
// server's token, on a connection that was idle before, too, and those that come meanwhile.
func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until := make(chan struct{})
		own, from := piped(slowAnswers{until: until})
		connect := func() (*bufio.Reader, net.Conn) {
			ours, theirs := net.Pipe()
			from <- ours
			lines := bufio.NewReader(theirs)
			_, _ = io.WriteString(theirs, "GET "+AzurePath+" HTTP/1.1\r\nHost: h\r\n\r\n")
			r, err := http.ReadResponse(lines, nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = bodyOf(t, r)
			synctest.Wait() // a request before the server is done with this one would be net/http's
			return lines, theirs
		}
		ask := func(c net.Conn) {
			_, _ = io.WriteString(c, strings.ReplaceAll(tokenRequest(basicLine, tokenForm), "\n", "\r\n"))
			synctest.Wait()
		}
		first, one := connect()
		second, two := connect()
		ended := make(chan error, 1)
		ask(one)
		go func() { ended <- Shutdown(t.Context(), own) }()
		synctest.Wait()
		ask(two)
		close(until)
		for i, c := range []*bufio.Reader{first, second} {
			r, err := http.ReadResponse(c, nil)
			if err != nil || r.StatusCode != 200 {
				t.Fatalf("connection %d: %v, %v", i, r, err)
			}
			_ = bodyOf(t, r)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
