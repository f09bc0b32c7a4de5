package bearer_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"golang.org/x/oauth2"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/bearer"
	"github.com/credhelper/credhelper/protocol/secret"
)

// api is the API of the examples: it says whose token it saw.
func api() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, r.URL.Path, r.Header.Get("Authorization"))
	}))
}

// asked stands for the answerer that a program has: connector.Dial's, or a
// helper.Helper.
type asked struct{ fails error }

func (a asked) Get(context.Context, protocol.Request) (protocol.Credential, error) {
	return protocol.Credential{Profile: "jama", Scheme: "Bearer", Secret: secret.New("t0k"), Expires: time.Now().Add(time.Hour).Unix()}, a.fails
}

func (asked) Forget(context.Context, protocol.Request) error { return nil }

// A program makes one client for each profile and uses it as any other.
func ExampleTransport() {
	server := api()
	defer server.Close()
	answerer := asked{}

	client := &http.Client{Transport: &bearer.Transport{Answerer: answerer, Profile: "jama"}, Timeout: 30 * time.Second}
	answer, err := client.Get(server.URL + "/rest/v1/projects")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer answer.Body.Close()
	fmt.Println(answer.StatusCode)
	// Output: 200
}

// An error says what to do about it: by its sentinel, and for people by its hint.
func ExampleTransport_errors() {
	answerer := asked{fails: &protocol.Error{Kind: protocol.ErrLogin, Text: "profile jama: nobody is signed in", Hint: "credhelper login jama"}}

	client := &http.Client{Transport: &bearer.Transport{Answerer: answerer, Profile: "jama"}}
	_, err := client.Get("https://example.jamacloud.com/rest/v1/projects")
	switch known := new(protocol.Error); {
	case errors.Is(err, protocol.ErrUnreachable), errors.Is(err, protocol.ErrBusy):
		fmt.Println("later")
	case errors.As(err, &known):
		fmt.Println(known.Text + "; " + known.Hint)
	}
	// Output: profile jama: nobody is signed in; credhelper login jama
}

// A library that wants an oauth2.TokenSource gets one. It must not be wrapped in
// oauth2.ReuseTokenSource: the answerer knows best when a token is over.
func ExampleTokenSource() {
	server := api()
	defer server.Close()
	answerer := asked{}

	source := &bearer.TokenSource{Answerer: answerer, Request: protocol.Request{Profile: "jama"}}
	client := &http.Client{Transport: &oauth2.Transport{Source: source}}
	answer, err := client.Get(server.URL + "/rest/v1/projects")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer answer.Body.Close()
	fmt.Println(answer.StatusCode)
	// Output: 200
}
