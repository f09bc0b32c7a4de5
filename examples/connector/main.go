// Connector asks an API with a token of credhelper's, as a long-running program
// does: credhelper stays beside it, a refused token is reported once, and no
// secret is in this program's configuration.
//
//	go run ./examples/connector https://example.jamacloud.com/rest/v1/users/current
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/connector"
	"github.com/credhelper/credhelper/protocol/origin"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: connector URL")
		os.Exit(2)
	}
	if err := ask(os.Args[1], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "connector:", err)
		os.Exit(protocol.ExitCode(err))
	}
}

// ask prints what the API answers.
func ask(address string, out io.Writer) error {
	client, err := connector.Dial(connector.Config{Warnings: os.Stderr})
	if err != nil {
		return err
	}
	defer client.Close()
	url, reason := origin.ParseURL(address)
	if reason != origin.Release {
		return fmt.Errorf("%w: %s", protocol.ErrMalformed, reason)
	}
	for try := 0; ; try++ {
		status, body, err := fetch(client, protocol.Request{Verb: protocol.Get, URL: url}, address)
		if err != nil {
			return err
		}
		if status == http.StatusUnauthorized && try == 0 {
			continue // fetch reported the token, so the next one is new
		}
		fmt.Fprintln(out, status, string(body))
		return nil
	}
}

// fetch asks once, with the token that is good now. Ask credhelper before every
// request rather than keep the token: a cached answer takes a millisecond, and it
// knows when the token ends.
func fetch(client *connector.Client, r protocol.Request, address string) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	credential, err := client.Get(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, nil, err
	}
	header := credential.Header
	if header == "" {
		header = "Authorization"
	}
	request.Header.Set(header, credential.Scheme+" "+credential.Secret.Reveal())
	// The token is for this origin alone: no redirect is followed.
	direct := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := direct.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusUnauthorized {
		r.Verb, r.Refused = protocol.Forget, credential.Secret
		if err := client.Forget(ctx, r); err != nil {
			return 0, nil, err
		}
	}
	body, err = io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return response.StatusCode, body, err
}
