package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
)

// TestRotateUnderServe: a program that uses "credhelper serve" all day is answered with the
// new secret as soon as it is rotated in the encrypted file, without a restart. With audit
// "all" each of its answers is in the log, with the program's pid.
func TestRotateUnderServe(t *testing.T) {
	server := oauthtest.Start(t, oauthtest.Options{Product: "jama", Clients: []oauthtest.Client{{ID: "client", Secret: "s3cret"}}})
	home := newHome(t)
	command := func(stdin string, args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, "credhelper"), args...)
		cmd.Env = []string{"PATH=" + bin + ":/usr/bin:/bin", "HOME=" + home, "CREDHELPER_HOME=" + home, "CREDHELPER_ETC=none", "CI=1"}
		cmd.Stdin = strings.NewReader(stdin)
		return cmd
	}
	run := func(stdin string, args ...string) string {
		t.Helper()
		var stderr bytes.Buffer
		cmd := command(stdin, args...)
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, stderr.String())
		}
		return string(out)
	}
	run("s3cret\n", "add", "jama", "--preset", "jama", "--url", server.URL(), "--client-id", "client", "--secret-stdin")
	defer run("", "lock")

	serve := command("", "serve", "--stdio")
	serve.Stdin = nil
	in, err := serve.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := serve.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	serve.Stderr = os.Stderr
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	ask := func(more string) (token, reply string) {
		t.Helper()
		if _, err := io.WriteString(in, `{"id":1,"profile":"jama"`+more+"}\n"); err != nil {
			t.Fatal(err)
		}
		if !lines.Scan() {
			t.Fatalf("no reply: %v", lines.Err())
		}
		m := regexp.MustCompile(`"token":"([^"]+)"`).FindStringSubmatch(lines.Text())
		if m == nil {
			return "", lines.Text()
		}
		return m[1], lines.Text()
	}
	old, _ := ask("")
	const moment = 150 * time.Millisecond // longer than an answer in memory is used

	// The server revokes the old secret before the new one is stored.
	server.SetClient(oauthtest.Client{ID: "client", Secret: "n3w"})
	run("", "cache", "clear", "jama")
	time.Sleep(moment)
	if token, reply := ask(""); token != "" || !strings.Contains(reply, `"code":7`) {
		t.Errorf("without a good secret: %s", reply)
	}
	run("n3w\n", "rotate", "jama", "--secret-stdin")
	before := server.Count()
	token, reply := ask("")
	if token == "" || token == old || server.Count() != before {
		t.Errorf("after the rotation, with %d requests: %s", server.Count()-before, reply)
	}
	if token, reply = ask(`,"refresh":true`); token == "" {
		t.Errorf("with the new secret: %s", reply)
	}

	settings, err := os.OpenFile(filepath.Join(home, "config/config.toml"), os.O_WRONLY|os.O_APPEND, 0)
	if err == nil {
		_, err = settings.WriteString("audit = \"all\"\n")
		settings.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(moment)
	const answers = 5
	for range answers {
		if token, reply := ask(""); token == "" {
			t.Error(reply)
		}
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := serve.Wait(); err != nil {
		t.Error(err)
	}
	hits := run("", "log", "jama", "--json", "--event", "hit")
	line := fmt.Sprintf(`"dialect":"serve","caller":{"pid":%d,"executable":"`, os.Getpid())
	if n := strings.Count(hits, line); n != answers {
		t.Errorf("%d answers, %d lines with %s:\n%s", answers, n, line, hits)
	}
}
