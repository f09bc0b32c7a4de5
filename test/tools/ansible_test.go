//go:build tools

package tools

import (
	"os"
	"strings"
	"testing"
)

// TestAnsible: the tasks of examples/ansible set up a profile and its secret, and a second
// run reports no change (newcomer F2, F3). The last task is left out, because there is no
// service manager here. In a user namespace, the user who runs the test owns what root owns.
func TestAnsible(t *testing.T) {
	w := newWorld(t)
	for from, to := range map[string]string{
		"../../examples/ansible/credhelper.yml":           "ansible/credhelper.yml",
		"../../examples/systemd/credhelper-sink@.service": "systemd/credhelper-sink@.service",
	} {
		content, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		w.write(to, string(content))
	}
	w.write("ansible/work.toml", "client_id = \"client\"\ntoken_url = \""+w.auth.TokenURL()+"\"\norigins = [\"https://api.example.com\"]\n")
	if err := os.Mkdir(w.home+"/units", 0o755); err != nil {
		t.Fatal(err)
	}
	w.env = append(w.env, "ANSIBLE_NOCOLOR=1", "ANSIBLE_LOCALHOST_WARNING=0", "ANSIBLE_PYTHON_INTERPRETER=/usr/bin/python3")
	home := w.home + "/var"
	w.env = append(w.env, "CREDHELPER_HOME="+home)
	play := func() string {
		r := w.run(nil, "unshare", "--user", "--map-root-user", "ansible-playbook", "-i", "localhost,", "-c", "local", w.home+"/ansible/credhelper.yml",
			"-e", "credhelper_user=root", "-e", "credhelper_home="+home, "-e", "credhelper_etc="+home+"/config",
			"-e", "credhelper_units="+w.home+"/units", "-e", "credhelper_service=false", "-e", "credhelper_secret=secret")
		if r.code != 0 {
			t.Fatalf("exit %d\n%s\n%s", r.code, r.stdout, r.stderr)
		}
		return r.stdout
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
