//go:build tools

package tools

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/helper/pool/pooltest"
)

// TestAnsible: the tasks of examples/ansible set up a profile and its secret, and a second
// run reports no change (newcomer F2, F3). The last task is left out, because there is no
// service manager here. In a user namespace, the user who runs the test owns what root owns.
func TestAnsible(t *testing.T) {
	w := newWorld(t)
	w.ansible("")
	if err := os.Mkdir(w.home+"/units", 0o755); err != nil {
		t.Fatal(err)
	}
	home := w.home + "/var"
	w.env = append(w.env, "CREDHELPER_HOME="+home)
	play := func() string {
		return w.play("localhost,", "-c", "local", "-e", "credhelper_home="+home, "-e", "credhelper_etc="+home+"/config")
	}
	if first := play(); strings.Contains(first, "changed=0") {
		t.Errorf("the first run changed nothing:\n%s", first)
	}
	asked := w.auth.Count()
	if second := play(); !strings.Contains(second, "changed=0") {
		t.Errorf("the second run changed something:\n%s", second)
	}
	if w.auth.Count() != asked {
		t.Error("the second run asked the server")
	}
	if r := w.run(nil, "credhelper", "token", "work"); r.code != 0 {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
}

// TestAnsiblePool: the same tasks set up machines that share tokens, two keepers and a
// reader, which gets no secret. A second run changes nothing, and no machine asks the server
// after the two that tried their secret.
func TestAnsiblePool(t *testing.T) {
	w := newWorld(t)
	w.ansible("pool = \"ci\"\n")
	store := pooltest.StartServer(t)
	settings, err := os.ReadFile("../../examples/ansible/config.toml")
	if err != nil {
		t.Fatal(err)
	}
	w.write("ansible/config.toml", strings.Replace(string(settings), "rediss://cache.example:6379", store.Address(), 1))
	if r := w.run(nil, "credhelper", "pool", "key", w.home+"/ansible/pool.key"); r.code != 0 {
		t.Fatalf("exit %d: %s", r.code, r.stderr)
	}
	if err := os.Mkdir(w.home+"/units", 0o755); err != nil {
		t.Fatal(err)
	}
	hosts, inventory := []string{"keeper-1", "keeper-2", "reader-1"}, ""
	for _, host := range hosts {
		inventory += host + " ansible_connection=local credhelper_reader=" + fmt.Sprint(host == "reader-1") + "\n"
	}
	w.write("hosts", inventory)
	home := w.home + "/{{ inventory_hostname }}" // a value of the command line outranks the example's own
	play := func() string {
		return w.play(w.home+"/hosts", "-e", "credhelper_pool=ci", "-e", `{"credhelper_home": "`+home+`", "credhelper_etc": "`+home+`/config"}`)
	}
	if first := play(); strings.Contains(first, "changed=0") {
		t.Errorf("the first run changed nothing on a host:\n%s", first)
	}
	if n := w.auth.Count(); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
	if second := play(); strings.Count(second, "changed=0") != len(hosts) {
		t.Errorf("the second run changed something:\n%s", second)
	}
	env := w.env
	for _, host := range hosts {
		w.env = append(slices.Clone(env), "CREDHELPER_HOME="+w.home+"/"+host)
		if r := w.run(nil, "credhelper", "token", "work"); r.code != 0 || r.stderr != "" {
			t.Errorf("%s: exit %d: %s", host, r.code, r.stderr)
		}
	}
	if n := w.auth.Count(); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}

// ansible puts the example and a profile into the world; more are lines of the profile.
func (w *world) ansible(more string) {
	w.t.Helper()
	for from, to := range map[string]string{
		"../../examples/ansible/credhelper.yml":           "ansible/credhelper.yml",
		"../../examples/systemd/credhelper-sink@.service": "systemd/credhelper-sink@.service",
	} {
		content, err := os.ReadFile(from)
		if err != nil {
			w.t.Fatal(err)
		}
		w.write(to, string(content))
	}
	w.write("ansible/work.toml", "client_id = \"client\"\ntoken_url = \""+w.auth.TokenURL()+"\"\norigins = [\"https://api.example.com\"]\n"+more)
	w.env = append(w.env, "ANSIBLE_NOCOLOR=1", "ANSIBLE_LOCALHOST_WARNING=0", "ANSIBLE_PYTHON_INTERPRETER=/usr/bin/python3")
}

// play runs the example, and returns what it prints.
func (w *world) play(inventory string, more ...string) string {
	w.t.Helper()
	r := w.run(nil, append([]string{"unshare", "--user", "--map-root-user", "ansible-playbook", "-i", inventory, w.home + "/ansible/credhelper.yml",
		"-e", "credhelper_user=root", "-e", "credhelper_units=" + w.home + "/units", "-e", "credhelper_service=false", "-e", "credhelper_secret=secret"}, more...)...)
	if r.code != 0 {
		w.t.Fatalf("exit %d\n%s\n%s", r.code, r.stdout, r.stderr)
	}
	return r.stdout
}
