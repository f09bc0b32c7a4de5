package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"github.com/cli/browser"
	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/cmd/internal/terminal"
	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// loginFlags are the flags of login.
type loginFlags struct{ noBrowser, paste bool }

// loginCommand signs a person in. It is the only command that opens a browser, and no
// tool's call runs it.
func (s *session) loginCommand() *cobra.Command {
	var f loginFlags
	c := &cobra.Command{
		Use:     "login NAME [--no-browser | --paste]",
		Example: "  credhelper login jira-user\n  credhelper login jira-user --paste",
		Short:   "sign in with a browser or on another device",
		Long: "Signs a person in, for profiles whose token acts for one. With grant\n" +
			"authorization_code a browser opens and comes back to this machine; with\n" +
			"device_code an address, a code and a QR code are shown for another device.\n" +
			"Where no browser can come back to this machine, as over ssh, --paste asks for the\n" +
			"address that a browser anywhere ended at, on a page that could not be opened.\n" +
			"The sign-in lasts as long as the server renews it; its refresh token is kept in\n" +
			"the keyring.",
		GroupID:           groupManage,
		Args:              between(1, 1),
		Annotations:       patient,
		ValidArgsFunction: s.completeProfiles,
		RunE:              func(c *cobra.Command, args []string) error { return s.login(c.Context(), args[0], f) },
	}
	c.Flags().BoolVar(&f.noBrowser, "no-browser", false, "only print the address to open")
	c.Flags().BoolVar(&f.paste, "paste", false, "ask for the address at which a browser on another machine ended")
	return c
}

func (s *session) login(ctx context.Context, name string, f loginFlags) error {
	h, p, err := s.openProfile(name)
	if err != nil {
		return err
	}
	if f.paste && p.Grant == "device_code" {
		return protocol.Malformed("--paste is for a sign-in that ends in a browser; this one shows a code for any device")
	}
	if !s.interactive() && (!f.noBrowser || f.paste) {
		return &protocol.Error{Kind: protocol.ErrLogin, Text: "profile " + name + ": signing in needs a person, and there is none (CI or --no-input)",
			Hint: "if somebody can open a URL: credhelper login " + name + " --no-browser"}
	}
	client, err := h.SignInClient(ctx, p)
	if err != nil {
		return err
	}
	var token *oauth.Token
	if p.Grant == "device_code" {
		token, err = s.signInElsewhere(ctx, p, client)
	} else if f.paste {
		token, err = s.signInByPaste(ctx, p, client)
	} else {
		token, err = s.signInHere(ctx, h, p, client, f.noBrowser)
	}
	if err != nil {
		return h.SignInError(p, err)
	}
	lasts, err := h.KeepSignIn(ctx, p, token)
	if err != nil {
		return err
	}
	tested, err := h.Identify(ctx, p, token)
	s.sayTested(tested)
	s.say("Signed in: " + name + ".")
	if !lasts {
		s.say("Note: the server gave no refresh token, so the sign-in ends in " + failure.Span(tested.Life) + "; many servers give one for the scope offline_access")
	}
	return err
}

// signInHere waits for the redirect of a browser on this machine.
func (s *session) signInHere(ctx context.Context, h *helper.Helper, p *config.Profile, client *oauth.Client, noBrowser bool) (*oauth.Token, error) {
	listener, redirect, err := oauth.ListenLoopback(ctx, cmp.Or(p.Redirect, "http://127.0.0.1/"))
	if err != nil {
		return nil, err
	}
	in, err := begin(p, client, redirect)
	if err != nil {
		listener.Close()
		return nil, err
	}
	within := oauth.SignInTime
	if s.dog != nil { // --timeout
		within = min(within, s.limit)
	}
	s.say("Sign in at " + hostOf(p.AuthorizationURL) + " in the browser, within " + failure.Span(within) + ". If none opens, open this address on this machine:")
	s.sayPainted(in.URL) // the only line that may be longer than others: percent-encoded ASCII
	if !noBrowser {
		for _, name := range s.secretVariables(h) {
			os.Unsetenv(name) // the browser inherits this process's environment
		}
		os.Setenv("PATH", absolutePath(s.env("PATH")))
		go s.openBrowser(in.Start) // other users can read its arguments
	}
	return in.Serve(ctx, listener)
}

// signInByPaste asks for the address at which a browser on another machine ended. It
// contains a code, which is useless without what only this process knows; it is not shown
// all the same.
func (s *session) signInByPaste(ctx context.Context, p *config.Profile, client *oauth.Client) (*oauth.Token, error) {
	listener, redirect, err := oauth.ListenLoopback(ctx, cmp.Or(p.Redirect, "http://127.0.0.1/"))
	if err != nil {
		return nil, err
	}
	listener.Close() // only its address is needed: nobody connects
	in, err := begin(p, client, redirect)
	if err != nil {
		return nil, err
	}
	s.say("Sign in at " + hostOf(p.AuthorizationURL) + " in a browser anywhere, at this address:")
	s.sayPainted(in.URL)
	s.say("It ends at a page that cannot be opened, " + redirect + "?...: copy that address from the browser.")
	address, err := s.askSecret("Paste it, not shown")
	if errors.Is(err, terminal.ErrNone) || errors.Is(err, terminal.ErrTooLong) {
		return nil, &protocol.Error{Kind: protocol.ErrMalformed, Text: "login --paste: there is no terminal, or the address is too long for one, which takes 4,094 bytes",
			Hint: "with ssh -L for the port of the address above, a browser anywhere can come back: credhelper login " + p.Name + " --no-browser"}
	}
	if err != nil {
		return nil, err
	}
	return in.FinishAt(ctx, address.Reveal())
}

// begin makes the authorization request of a profile.
func begin(p *config.Profile, client *oauth.Client, redirect string) (*oauth.SignIn, error) {
	return client.Begin(oauth.AuthorizationRequest{AuthorizationURL: p.AuthorizationURL, Redirect: redirect, Issuer: p.Issuer, MustIssuer: p.SendsIssuer})
}

// openBrowser starts the browser without a shell. Its output is discarded.
func (s *session) openBrowser(address string) {
	browser.Stdout, browser.Stderr = io.Discard, io.Discard
	if browser.OpenURL(address) != nil {
		s.say("No browser opened: open the address above.")
	}
}

// signInElsewhere shows what to do on another device, and waits.
func (s *session) signInElsewhere(ctx context.Context, p *config.Profile, client *oauth.Client) (*oauth.Token, error) {
	device, err := client.Device(ctx, p.DeviceURL)
	if err != nil {
		return nil, err
	}
	left := device.Expires.Sub(s.now())
	if left > 2*time.Minute {
		left = left.Round(time.Minute)
	}
	address := device.Address
	if device.Complete != "" {
		address = device.Complete
	}
	code := s.screenOf(s.stderr).qr(address)
	below := ""
	if code != "" {
		below = "QR code below, "
	}
	s.say("Open " + device.Address + " and enter  " + device.UserCode + "   (" + below + failure.Span(left) + " left)")
	if code != "" {
		_ = writeAll(int(s.stderr.Fd()), []byte(code))
	}
	s.say("Waiting ...")
	return client.Poll(ctx, device)
}

// hostOf returns the host of an address, for a person to compare.
func hostOf(address string) string {
	_, rest, _ := strings.Cut(address, "://")
	host, _, _ := strings.Cut(rest, "/")
	return printable.Line(host)
}
