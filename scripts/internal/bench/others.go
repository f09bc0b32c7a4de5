package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Other helpers, for comparison.

// daemon starts git's own cache and gives it the same token.
func (b *bench) daemon(token, request string) error {
	git, err := exec.LookPath("git")
	if err != nil {
		return fmt.Errorf("git (Debian package git): %w", err)
	}
	dir := filepath.Join(b.dir, "daemon")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	l := &launch{
		name: nameDaemon, argv: []string{git, "credential-cache", "--socket=" + dir + "/socket", "get"}, env: b.one.Env, dir: dir,
		stdin: request, want: token,
	}
	run := func(stdin string, args ...string) error {
		cmd := exec.Command(git, append([]string{"credential-cache", "--socket=" + dir + "/socket"}, args...)...)
		cmd.Env, cmd.Dir, cmd.Stdin = l.env, dir, strings.NewReader(stdin)
		return cmd.Run()
	}
	b.ends = append(b.ends, func() { _ = run("", "exit") })
	b.launches = append(b.launches, l)
	return run("protocol=https\nhost="+host+"\nusername=oauth2\npassword="+token+"\n\n", "--timeout=36000", "store")
}

// pass measures docker's helper for pass, if both are installed.
func (b *bench) pass(token string) error {
	path, err := exec.LookPath("docker-credential-pass")
	if err != nil {
		fmt.Fprintln(os.Stderr, "docker-credential-pass is not installed (Debian package golang-docker-credential-helpers): not measured")
		return nil
	}
	dir := filepath.Join(b.dir, "pass")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GNUPGHOME=" + dir, "PASSWORD_STORE_DIR=" + dir + "/store", "LC_ALL=C.UTF-8"}
	b.ends = append(b.ends, func() {
		cmd := exec.Command("gpgconf", "--kill", "gpg-agent")
		cmd.Env = env
		_ = cmd.Run()
	})
	for _, step := range []struct {
		stdin string
		argv  []string
	}{
		{"", []string{"gpg", "--batch", "--quiet", "--pinentry-mode=loopback", "--passphrase=", "--quick-generate-key", "bench", "default", "default", "never"}},
		{"", []string{"pass", "init", "bench"}},
		{`{"ServerURL":"https://` + host + `","Username":"oauth2","Secret":"` + token + `"}`, []string{path, "store"}},
	} {
		cmd := exec.Command(step.argv[0], step.argv[1:]...)
		cmd.Env, cmd.Dir, cmd.Stdin = env, dir, strings.NewReader(step.stdin)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", strings.Join(step.argv, " "), err, out)
		}
	}
	b.launches = append(b.launches, &launch{
		name: namePass, argv: []string{path, "get"}, env: env, dir: dir, stdin: b.launch(nameDocker).stdin, want: token, rarely: true,
	})
	return nil
}
