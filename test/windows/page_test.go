//go:build wine

package windows

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// page returns what docs/windows.md shows for cmd: the lines of the table, and those of
// schtasks.
func page(t *testing.T) (table map[string]string, tasks []string) {
	t.Helper()
	content, err := os.ReadFile("../../docs/windows.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	_, section, _ := strings.Cut(text, "| | PowerShell | cmd |\n")
	section, _, _ = strings.Cut(section, "\n\n")
	table = map[string]string{}
	for row := range strings.Lines(section) {
		cells := strings.Split(strings.ReplaceAll(row, `\|`, "\x00"), "|")
		if len(cells) == 5 {
			table[strings.TrimSpace(cells[1])] = strings.Trim(cells[3], "` ")
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^schtasks .+$`).FindAllString(text, -1) {
		tasks = append(tasks, m)
	}
	if len(table) < 5 || len(tasks) != 2 {
		t.Fatalf("the page is read wrongly: %q, %q", table, tasks)
	}
	return table, tasks
}

// batch writes a file that cmd runs. In it a variable of for has two percent signs.
func (u *user) batch(lines ...string) string {
	u.t.Helper()
	path := filepath.Join(u.t.TempDir(), "lines.bat")
	text := "@echo off\r\ncd /d " + windowsPath(filepath.Dir(path)) + "\r\n" + strings.Join(lines, "\r\n") + "\r\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		u.t.Fatal(err)
	}
	return windowsPath(path)
}

func (u *user) cmd(lines ...string) answer { return u.run("cmd", "", "/c", u.batch(lines...)) }

// TestPageLines: each line for cmd on the page does what it says.
func TestPageLines(t *testing.T) {
	table, _ := page(t)
	tools := unixTools(t)
	s, u := newServer(t), newUser(t)
	u.environ = []string{"WINEPATH=" + windowsPath(plainBin(t)) + ";" + windowsPath(tools)}
	u.withProfile(s)
	token := strings.TrimSpace(u.wants(0, "", "token", "jama").stdout)

	line := strings.ReplaceAll(table["a token"], "%t", "%%t")
	if a := u.cmd(line, "echo [%TOKEN%]"); !strings.Contains(a.stdout, "["+token+"]") {
		t.Errorf("%s: %+v", line, a)
	}
	if a := u.cmd("credhelper curl jama -- /rest/v1/projects"); table["a request"] != "the same" || a.code != 0 || !strings.Contains(a.stdout, "DEMO") {
		t.Errorf("%q: %+v", table["a request"], a)
	}
	line = strings.ReplaceAll(table["while a program runs"], "sync.exe", "cmd /c type %%BEARER_TOKEN_FILE%%")
	if a := u.cmd(line); a.code != 0 || !strings.Contains(a.stdout, token) {
		t.Errorf("%s: %+v", line, a)
	}
	if a := u.cmd("echo "+testSecret+">secret.txt", table["a secret"]); a.code != 0 || !strings.Contains(a.stderr, "has this secret already") {
		t.Errorf("%s: %+v", table["a secret"], a)
	}
}

// TestPageTasks: what schtasks is told to run runs, from the directories that the page
// names. The task of the service gets its home from the line alone, and its profile is the
// administrator's.
func TestPageTasks(t *testing.T) {
	_, tasks := page(t)
	tools := unixTools(t)
	s, u := newServer(t), newUser(t)
	u.environ = []string{"WINEPATH=" + windowsPath(tools)}
	u.withProfile(s)
	drive := filepath.Join(os.Getenv("WINEPREFIX"), "drive_c")
	for _, dir := range []string{filepath.Join(appData(t), "Local/Programs/credhelper/bin"), drive + "/Program Files/credhelper/bin"} {
		if err := os.CopyFS(dir, os.DirFS(bin)); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(drive+"/data", 0o755); err != nil {
		t.Fatal(err)
	}
	a := u.cmd(tasks[0])
	if got, err := os.ReadFile(drive + "/data/projects.json"); err != nil || !strings.Contains(string(got), "DEMO") {
		t.Errorf("%s: %v %s %+v", tasks[0], err, got, a)
	}

	if err := os.RemoveAll(drive + "/ProgramData/credhelper-work"); err != nil {
		t.Fatal(err)
	}
	profiles := drive + "/ProgramData/credhelper/profiles"
	if err := os.MkdirAll(profiles, 0o755); err != nil {
		t.Fatal(err)
	}
	profile := fmt.Sprintf("preset = 'jama'\nclient_id = 'demo'\nurl = '%s'\n", s.URL())
	if err := os.WriteFile(profiles+"/work.toml", []byte(profile), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(profiles + "/work.toml") })
	service := &user{t, bin, []string{`CREDHELPER_HOME=C:\ProgramData\credhelper-work`}}
	service.wants(0, "", "keyring", "use", "file")
	service.wants(0, testSecret+"\r\n", "rotate", "work", "--secret-stdin")
	token := service.wants(0, "", "token", "work").stdout
	before := s.Count()
	a = u.cmd("set APPDATA=", "set LOCALAPPDATA=", tasks[1])
	if got, err := os.ReadFile(drive + "/ProgramData/credhelper-work/token"); err != nil || strings.TrimSpace(string(got)) != strings.TrimSpace(token) {
		t.Errorf("%s: %v %q %+v", tasks[1], err, got, a)
	}
	requests(t, s, before)
	const longest = 261 // of /tr
	for _, task := range tasks {
		_, line, _ := strings.Cut(task, "/tr ")
		line = strings.NewReplacer("%ProgramData%", `C:\ProgramData`, "%ProgramFiles%", `C:\Program Files`, "%LOCALAPPDATA%", `C:\Users\twenty.characters.xx\AppData\Local`).Replace(line)
		if len(line) > longest {
			t.Errorf("%d characters: %s", len(line), line)
		}
	}
}
