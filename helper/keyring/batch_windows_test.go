package keyring

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestBatchLine: nothing in an argument of a batch file means anything to cmd.exe.
func TestBatchLine(t *testing.T) {
	for _, c := range []struct{ arg, want string }{
		{"plain-1", `plain-1`},
		{`C:\dir\file.txt`, `C:\dir\file.txt`},
		{"", `""`},
		{"two words", `"two words"`},
		{"a&calc", `"a&calc"`},
		{"a|b<c>d^e!f(g)", `"a|b<c>d^e!f(g)"`},
		{"key=value;x,y", `"key=value;x,y"`},
		{`"&calc&"`, `"""&calc&"""`},
		{`%PATH%`, `"%%cd:~,%PATH%%cd:~,%"`},
		{`C:\dir\`, `"C:\dir\\"`},
		{`a\"b`, `"a\\""b"`},
		{"ä", `"ä"`},
	} {
		line, err := batchLine(`C:\a b\x.cmd`, []string{c.arg})
		if want := `cmd.exe /e:ON /v:OFF /d /c ""C:\a b\x.cmd" ` + c.want + `"`; err != nil || line != want {
			t.Errorf("%q: %v\n got %s\nwant %s", c.arg, err, line, want)
		}
	}
	for _, arg := range []string{"a\nb", "a\rb", "a\x00b"} {
		if line, err := batchLine(`C:\x.bat`, []string{arg}); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %s, %v", arg, line, err)
		}
	}
}

// TestForBatch: what a batch file gets is what was given, and no command of an argument is
// run, in directories of every kind. Wine's cmd.exe reads percent signs in another way than
// that of Windows.
func TestForBatch(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b (c)&d")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"x.cmd", "x y.BAT"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("@echo [%1]\r\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		for arg, want := range map[string]string{
			"plain": "[plain]", "two words": `["two words"]`, "a&echo RUN": `["a&echo RUN"]`, "a|echo RUN": `["a|echo RUN"]`,
			`a"&echo RUN&"`: `["a""&echo RUN&"""]`, "x^y": `["x^y"]`, "1<2>3": `["1<2>3"]`,
		} {
			for _, typed := range []string{path, strings.TrimSuffix(path, filepath.Ext(path))} {
				cmd := exec.Command(typed, arg)
				if err := ForBatch(cmd); err != nil {
					t.Fatal(err)
				}
				if out, err := cmd.CombinedOutput(); err != nil || string(out) != want+"\r\n" {
					t.Errorf("%s %q: %q, %v", typed, arg, out, err)
				}
			}
		}
	}
	cmd := exec.Command(`C:\windows\system32\cmd.exe`, "/c", "a&b")
	if before := cmd.Path; ForBatch(cmd) != nil || cmd.Path != before || cmd.SysProcAttr != nil {
		t.Errorf("no batch file: %q", cmd.Path)
	}
}
