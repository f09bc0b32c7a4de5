// Command serve runs the test authorization server as a process, for scripts and
// demonstrations. It prints one line of JSON that says where it listens, and ends
// when its stdin does, so that no script can leave one behind.
//
//	serve -product jama -client demo:s3cret
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
}

// address is the line on stdout.
type address struct {
	URL   string `json:"url"`
	API   string `json:"api_url"`
	Token string `json:"token_url"`
	Roots string `json:"ca_pem,omitempty"`
}

func run(args []string, stdin io.Reader, stdout io.Writer) error {
	var o oauthtest.Options
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	flags.StringVar(&o.Product, "product", "plain", "which system to play")
	flags.StringVar(&o.Address, "address", "127.0.0.1:0", "where to listen; loopback only")
	flags.StringVar(&o.Certificate, "certificate", "", "serve https with this kind of certificate: "+strings.Join(oauthtest.Certificates(), ", "))
	flags.StringVar(&o.BasePath, "base", "", "path in front of everything")
	flags.DurationVar(&o.Lifetime, "lifetime", 0, "of tokens")
	flags.DurationVar(&o.Delay, "delay", 0, "before each token answer")
	flags.IntVar(&o.TokenSize, "token-size", 0, "bytes of a token")
	flags.IntVar(&o.Items, "items", 0, "of Jama's project")
	auth := flags.String("auth", "", "how the clients prove themselves: basic, post, either, raw, none, client_secret_jwt")
	quirks := flags.String("quirks", "", "in what to be odd, separated by commas: "+strings.Join(oauthtest.Quirks(), ", "))
	always := flags.String("always", "ok", "behaviour of the token endpoint")
	flags.Func("client", "ID:SECRET[:TENANT], a test client; may repeat", func(v string) error {
		part := strings.SplitN(v, ":", 3)
		if len(part) < 2 {
			return errors.New("ID:SECRET wanted")
		}
		c := oauthtest.Client{ID: part[0], Secret: part[1]}
		if len(part) == 3 {
			c.Tenant = part[2]
		}
		o.Clients = append(o.Clients, c)
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	for i := range o.Clients {
		o.Clients[i].Auth = *auth
	}
	o.Control = true
	o.Fault = func(format string, a ...any) {
		fmt.Fprintf(os.Stderr, time.Now().Format(time.TimeOnly)+" "+format+"\n", a...)
	}
	server, err := oauthtest.New(o)
	if err != nil {
		return err
	}
	defer server.Close()
	if err := server.Always(*always); err != nil {
		return err
	}
	if err := server.SetQuirks(strings.FieldsFunc(*quirks, func(r rune) bool { return r == ',' })...); err != nil {
		return err
	}
	line := address{URL: server.URL(), API: server.APIURL(), Token: server.TokenURL(), Roots: string(server.RootsPEM())}
	if err := json.NewEncoder(stdout).Encode(line); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, stdin)
	return err
}
