package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/connector"
)

// TestCanarySignIn (T6, T7, T8): TestCanary for what a person's sign-in adds, and for the
// long-running commands: login, serve and plugin, with an access token of 16 KiB, no part of
// which may show, and a refresh token.
func TestCanarySignIn(t *testing.T) {
	server := oauthtest.Start(t, oauthtest.Options{Clients: []oauthtest.Client{{ID: "app", Secret: canary}}, TokenSize: 16 << 10})
	home := newHome(t)
	if err := os.WriteFile(filepath.Join(home, "xdg-open"), []byte("#!/bin/sh\nexec curl -s -L -o /dev/null \"$1\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	environ := []string{"PATH=" + home + ":" + bin + ":/usr/bin:/bin", "HOME=" + home, "CREDHELPER_HOME=" + home, "CREDHELPER_ETC=none"}
	talking := append(slices.Clone(environ), "GODEBUG=http2debug=2,netdns=2", "GOTRACEBACK=crash") // with these no plugin starts
	var said, answers bytes.Buffer                                                                 // stderr, and the stdout of those that give no token
	run := func(stdout *bytes.Buffer, stdin string, args ...string) {
		t.Helper()
		cmd := exec.Command(filepath.Join(bin, "credhelper"), args...)
		cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = home, talking, strings.NewReader(stdin), stdout, &said
		if err := cmd.Run(); err != nil {
			t.Errorf("credhelper %s: %v\n%s", strings.Join(args, " "), err, said.String())
		}
	}
	watch := watchProcesses(home)
	run(&answers, "", "keyring", "use", "file")
	run(&answers, canary, "add", "me", "--preset", "oidc", "--issuer", server.Issuer(), "--url", server.URL(), "--client-id", "app",
		"--set", "grant=authorization_code", "--secret-stdin", "-v")
	run(&answers, "", "login", "me", "-v")

	var served bytes.Buffer
	run(&served, `{"id":1,"profile":"me"}`+"\n"+`{"id":2,"profile":"me","refresh":true}`+"\n", "serve", "--stdio")
	tokens := tokensOf(served.String())
	tokens = append(tokens, askPlugin(t, environ, &said))
	for _, args := range [][]string{{"status", "-v"}, {"inspect", "me"}, {"doctor", "--bundle", home + "/bundle.tar.gz"}, {"log", "-v"}, {"logout", "me", "-v"}} {
		run(&answers, "", args...)
	}

	secrets := append(server.Revoked(), canary) // the refresh token is among the first
	for _, token := range tokens {
		secrets = append(secrets, token, token[100:140], token[8000:8040], token[len(token)-40:])
	}
	if len(tokens) != 3 || len(server.Revoked()) < 2 {
		t.Fatalf("%d tokens, %d were revoked: the test is blind", len(tokens), len(server.Revoked()))
	}
	search(t, "stderr", said.Bytes(), secrets...)
	search(t, "stdout", answers.Bytes(), secrets...)
	for _, process := range watch.end() {
		search(t, process[:min(len(process), 60)], []byte(process), secrets...)
	}
	searchFiles(t, home, secrets...)
}

// tokensOf returns the tokens in the replies of serve.
func tokensOf(replies string) (list []string) {
	for _, after := range strings.Split(replies, `"token":"`)[1:] {
		token, _, _ := strings.Cut(after, `"`)
		list = append(list, token)
	}
	return list
}

// askPlugin gets a token from credhelper plugin, and appends its stderr to said.
func askPlugin(t *testing.T, environ []string, said *bytes.Buffer) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "s") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	client, err := connector.Dial(connector.Config{
		Path: filepath.Join(bin, "credhelper"), Env: append(environ, "XDG_RUNTIME_DIR="+dir), Warnings: said,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	c, err := client.Get(t.Context(), protocol.Request{Verb: protocol.Get, Profile: "me", Refresh: true})
	if err != nil {
		t.Fatal(err)
	}
	return c.Secret.Reveal()
}
