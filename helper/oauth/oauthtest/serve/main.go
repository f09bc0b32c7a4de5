// Serve runs the test authorization server as a process, for demonstrations and
// scripts: it prints its address, plays one product, and ends with its stdin or
// with a signal. It listens on loopback only.
//
//	go run ./helper/oauth/oauthtest/serve -product jama -client ID -secret SECRET
//
// The secret is one of a server that exists for minutes; a real one never goes
// into argv.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
)

func main() {
	if err := serve(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "serve: "+err.Error())
		os.Exit(1)
	}
}

func serve(args []string, stdin io.Reader, stdout io.Writer) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	product := flags.String("product", "plain", "which product to play")
	address := flags.String("address", "127.0.0.1:0", "loopback address to listen on")
	client := flags.String("client", "client", "client id")
	secret := flags.String("secret", "secret", "client secret")
	life := flags.Duration("lifetime", time.Hour-time.Second, "life of tokens")
	delay := flags.Duration("delay", 0, "time before each token answer")
	if err := flags.Parse(args); err != nil {
		return err
	}
	server, err := oauthtest.New(oauthtest.Options{
		Product:  *product,
		Address:  *address,
		Clients:  []oauthtest.Client{{ID: *client, Secret: *secret}},
		Lifetime: *life,
		Delay:    *delay,
		Control:  true,
	})
	if err != nil {
		return err
	}
	defer server.Close()
	if _, err := fmt.Fprintln(stdout, server.URL()); err != nil {
		return err
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, os.Interrupt)
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		end <- os.Interrupt
	}()
	<-end
	return nil
}
