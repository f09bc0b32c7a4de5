package wiring

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPrintedLines: people copy what setup prints into a shell, which must run nothing that
// is in a profile's address (S14).
func TestPrintedLines(t *testing.T) {
	const hostile = `https://git.example.com/a';touch$IFS$PWNED;'b"$(touch$IFS$PWNED)` + "`touch$IFS$PWNED`" + `"&touch$IFS$PWNED|x;touch$IFS$PWNED`
	ran := 0
	for i := range Tools {
		tool := &Tools[i]
		place := testPlace(t)
		place.profile = profileOf(t, hostile)
		place.profile.URL, place.profile.TokenURL = hostile, hostile
		place.profile.Username = `a';touch$IFS$PWNED;'$(touch$IFS$PWNED)`
		plan, err := tool.wire(place)
		if err != nil {
			continue // refusing it is as good
		}
		lines := plan.shell
		for _, text := range append(plan.next, plan.hints...) {
			lines += "# " + text + "\n"
		}
		if tool.names[0] == "restish" || tool.names[0] == "msmtp" || tool.names[0] == "mcp-proxy" { // lines of their configuration files
			continue
		}
		ran++
		dir := t.TempDir()
		for _, name := range []string{"credhelper", "curl", "wget", "http"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\nexit 0\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command("sh", "-c", strings.ReplaceAll(lines, "@<(", "@$("))
		cmd.Dir = dir
		pwned := filepath.Join(dir, "pwned")
		cmd.Env = []string{"PATH=" + dir + ":/usr/bin:/bin", "PWNED=" + pwned, "HOME=" + dir}
		out, err := cmd.CombinedOutput()
		if _, missing := os.Stat(pwned); missing == nil || err != nil {
			t.Errorf("%s: %v %s\n%s", tool.names[0], err, out, lines)
		}
	}
	if ran < 10 {
		t.Errorf("%d tools: the test is blind", ran)
	}
}

// TestShellQuote: the result is one word in every shell.
func TestShellQuote(t *testing.T) {
	for text, want := range map[string][2]string{
		"/usr/bin/x":          {"/usr/bin/x", "/usr/bin/x"},
		"https://a.example/b": {"https://a.example/b", "https://a.example/b"},
		"":                    {"''", "''"},
		"a b":                 {"'a b'", "'a b'"},
		"it's":                {`'it'\''s'`, "'it''s'"},
		"it\u2019s":           {"'it\u2019s'", "'it\u2019\u2019s'"},
		"$(x)`y`":             {"'$(x)`y`'", "'$(x)`y`'"},
		"a;b&c|d":             {"'a;b&c|d'", "'a;b&c|d'"},
		"~/x":                 {"'~/x'", "'~/x'"},
		"a\\b":                {`'a\b'`, `'a\b'`},
	} {
		if sh, ps := shellQuote(text, false), shellQuote(text, true); sh != want[0] || ps != want[1] {
			t.Errorf("%q: sh %s, PowerShell %s", text, sh, ps)
		}
	}
}
