package connector_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/protocol/connector"
)

// TestEnvironment: of the host's environment the plugin has what it needs and not
// what else is there; the host can give it more (T7).
func TestEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		"DATABASE_PASSWORD": canary, "AWS_SECRET_ACCESS_KEY": canary, "NODE_OPTIONS": canary, "LD_PRELOAD_NOT": canary, "HOMEPAGE": canary,
		"CREDHELPER_OTHER": canary, "GODEBUG": "gctrace=0", "XDG_DATA_HOME": "/data", "LC_TIME": "C", "NO_PROXY": "example.com", "GNUPGHOME": "/gnupg",
	} {
		t.Setenv(name, value)
	}
	config := selfConfig(t)
	config.Env = append(config.Env, "API_SECRET=given", "GNUPGHOME=/another")
	client, err := connector.Dial(config)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	got, err := get(client, "environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"XDG_DATA_HOME=/data", "LC_TIME=C", "NO_PROXY=example.com", "API_SECRET=given", "GNUPGHOME=/another", "PATH=" + os.Getenv("PATH")} {
		if !slices.Contains(got.Origins, want) {
			t.Errorf("the plugin has no %s", want)
		}
	}
	for _, entry := range got.Origins {
		if strings.Contains(entry, canary) || strings.HasPrefix(entry, "GODEBUG=") {
			t.Errorf("the plugin has %s", entry)
		}
	}
}

// hostWithStdin is a host that has a secret on its stdin, for itself.
func hostWithStdin() int {
	self, err := os.Executable()
	if err != nil {
		return 1
	}
	client, err := connector.Dial(connector.Config{Path: self, Args: []string{}, Env: []string{asPlugin + "=" + os.Getenv(asHost)}})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer client.Close()
	got, err := get(client, "stdin")
	rest, _ := io.ReadAll(os.Stdin)
	fmt.Printf("plugin: %s, %v; host: %s\n", got.Username, err, rest)
	return 0
}

// TestStdin: a plugin that reads its stdin gets nothing, and takes nothing from its
// host (T20).
func TestStdin(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	host := exec.Command(self)
	host.Env = append(os.Environ(), asHost+"="+socketDir(t))
	host.Stdin = bytes.NewBufferString("s3cret") // a pipe, since it is no file
	out, err := host.Output()
	if want := "plugin: 0 bytes, <nil>; host: s3cret\n"; string(out) != want || err != nil {
		t.Errorf("%q, want %q; %v", out, want, err)
	}
}
