package oauth

import (
	"context"
	"errors"
	"html"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/credhelper/credhelper/protocol/printable"
)

// SignInTime is the time limit for the browser's redirect (A7).
const SignInTime = 5 * time.Minute

// ListenLoopback listens for the browser's redirect: redirect is http://127.0.0.1/PATH,
// also [::1] and localhost, with a port or, without one or with 0, any free port (RFC
// 8252 7.3). It returns the redirect with its port. The listener is on a loopback
// address whatever "localhost" resolves to.
func ListenLoopback(ctx context.Context, redirect string) (net.Listener, string, error) {
	if reason := badRedirect(redirect); reason != "" {
		return nil, "", policy("redirect " + reason)
	}
	u, err := url.Parse(redirect)
	if err != nil {
		return nil, "", policy("redirect is not an address")
	}
	host := u.Hostname()
	if host == "localhost" {
		host = "127.0.0.1"
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", net.JoinHostPort(host, orText(u.Port(), "0")))
	if err != nil {
		if errors.Is(err, errAddrInUse) {
			return nil, "", &Error{Kind: Policy, Reason: "another program uses the port of redirect, " + printable.Value(u.Host),
				Cure: "end it if it is an earlier sign-in, or choose another port: credhelper edit {profile}"}
		}
		return nil, "", policy("no listener for the browser on " + printable.Value(u.Host) + errnoText(err))
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		listener.Close()
		return nil, "", policy("no listener for the browser")
	}
	u.Host = net.JoinHostPort(u.Hostname(), port)
	return listener, u.String(), nil
}

// Serve waits on l for the browser's redirect, once, for SignInTime at most, requests
// the token, and only then tells the person in the browser how it ended. A redirect
// with another state is rejected and changes nothing, because any user of the machine
// can send one. Start leads to URL, once. l is always closed. Its errors are *Error.
func (in *SignIn) Serve(ctx context.Context, l net.Listener) (*Token, error) {
	began := in.client.now()
	ctx, cancel := context.WithTimeout(ctx, SignInTime)
	defer cancel()
	back, err := url.Parse(in.Redirect)
	if err != nil {
		return nil, policy("redirect is not an address")
	}
	ended := make(chan outcome, 1)
	server := &http.Server{
		ReadHeaderTimeout: connectTimeout, MaxHeaderBytes: 64 << 10,
		Handler: in.handler(ctx, back, ended),
	}
	go func() { _ = server.Serve(l) }() // ends with Shutdown
	defer func() {
		short, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if server.Shutdown(short) != nil {
			server.Close()
		}
	}()
	select {
	case e := <-ended:
		return e.token, e.err
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) { // ours, or the caller's
			reason := "nobody signed in within " + in.client.now().Sub(began).Round(time.Second).String()
			if in.stray.Load() {
				reason += ", and what came had another state (RFC 6749 10.12)"
			}
			return nil, &Error{Kind: Refused, Reason: reason}
		}
		return nil, &Error{Kind: Unreachable, Reason: "cancelled", cause: context.Canceled}
	}
}

// outcome is the result of a sign-in.
type outcome struct {
	token *Token
	err   error
}

// handler accepts the one redirect of this sign-in, which goes to back.
func (in *SignIn) handler(ctx context.Context, back *url.URL, ended chan<- outcome) http.HandlerFunc {
	var once, begun sync.Once
	return func(w http.ResponseWriter, r *http.Request) {
		if in.isStart(r) {
			status := http.StatusGone
			begun.Do(func() { status = http.StatusFound })
			in.showStart(w, status)
			return
		}
		// A request with another host's name uses DNS rebinding.
		if r.URL.Path != orText(back.Path, "/") || r.Method != http.MethodGet || r.Host != back.Host {
			http.Error(w, "there is nothing here", http.StatusNotFound)
			return
		}
		if !in.begunHere(r.URL.Query()) {
			in.stray.Store(true)
			showEnd(w, errState)
			return
		}
		first := false
		once.Do(func() { first = true })
		if !first {
			http.Error(w, "this sign-in is over", http.StatusGone)
			return
		}
		token, err := in.Finish(ctx, r.URL.Query())
		showEnd(w, err)
		ended <- outcome{token, err}
	}
}

// errState is for a redirect of another sign-in.
var errState = &Error{Kind: Refused, Reason: "the browser came back with another state: this sign-in was not begun here (RFC 6749 10.12)"}

func (in *SignIn) isStart(r *http.Request) bool {
	return r.Method == http.MethodGet && "http://"+r.Host+r.URL.Path == in.Start
}

// showStart redirects to the authorization server, or says that this was already done.
func (in *SignIn) showStart(w http.ResponseWriter, status int) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	if status != http.StatusFound {
		http.Error(w, "this address was opened before; begin again in the terminal", status)
		return
	}
	w.Header().Set("Location", in.URL)
	w.WriteHeader(status)
}

// resultPage is the text of the page at the end of a sign-in.
type resultPage struct {
	Good         bool
	Title        string
	Text, Detail string
}

// resultPageOf explains the outcome to the person at the browser. The terminal shows the
// same reason; the page never contains a code or token.
func resultPageOf(err error) resultPage {
	var e *Error
	if !errors.As(err, &e) {
		return resultPage{Good: true, Title: "Signed in", Text: "You can close this window and go back to the terminal."}
	}
	out := resultPage{Title: "Not signed in", Text: "The reason is in the terminal, too. You can close this window and try again from there.", Detail: e.Error()}
	switch {
	case e.Code == "access_denied":
		out.Title, out.Text = "Sign-in was declined", "Nothing was allowed and nothing was stored. You can close this window."
	case e.Code != "" && e.Status == 0:
		out.Title = "The server refused to sign you in"
	case e.Kind == Unreachable:
		out.Title = "The server did not answer"
	case e.Kind == Refused && e.Status == 0:
		out.Title, out.Text = "This answer was not accepted", "It does not belong to the sign-in that was begun in the terminal. You can close this window and begin again from there."
	}
	return out
}

// showEnd writes the page: one file, without scripts and external content, not cached,
// and without a referrer that contains the code.
func showEnd(w http.ResponseWriter, err error) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Connection", "close")
	end := resultPageOf(err)
	if !end.Good {
		w.WriteHeader(http.StatusBadRequest)
	}
	_, _ = io.WriteString(w, end.html()) // a browser that has gone has seen enough
}

// html formats the page. html/template would make the engine larger and
// slower to start, for four values that need escaping.
func (p resultPage) html() string {
	class, detail := "bad", ""
	if p.Good {
		class = "good"
	}
	if p.Detail != "" {
		detail = "\n<code>" + html.EscapeString(p.Detail) + "</code>"
	}
	return strings.NewReplacer(
		"{class}", class, "{title}", html.EscapeString(p.Title), "{text}", html.EscapeString(p.Text), "{detail}", detail,
	).Replace(endPage)
}

const endPage = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} - credhelper</title>
<style>
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --page: #f5f6f8; --card: #fff; --line: #dde1e7; --good: #1a7f4b; --bad: #b3382c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebef; --soft: #a3adba; --page: #14181e; --card: #1d232b; --line: #313a46; --good: #4cc38a; --bad: #ef7d70; } }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { box-sizing: border-box; width: min(30rem, 92vw); padding: 2rem; background: var(--card); border: 1px solid var(--line); border-top: 4px solid var(--bad); border-radius: 8px; }
main.good { border-top-color: var(--good); }
h1 { margin: 0 0 .5rem; font-size: 1.35rem; }
p { margin: 0; color: var(--soft); }
code { display: block; margin-top: 1rem; padding: .75rem; border: 1px solid var(--line); border-radius: 6px; font: 13px/1.45 ui-monospace, monospace; color: var(--ink); overflow-wrap: anywhere; }
</style>
</head>
<body>
<main class="{class}">
<h1>{title}</h1>
<p>{text}</p>{detail}
</main>
</body>
</html>
`
