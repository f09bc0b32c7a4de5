package keyring

import (
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/windows"
)

// ForBatch lets a command that is a batch file get its arguments as they are. Windows starts
// cmd.exe for it, which gives more characters than quotation marks a meaning: an argument
// such as "a&b" would run b. All of them are quoted here, as Rust does since CVE-2024-24576;
// Go leaves that to its callers.
func ForBatch(cmd *exec.Cmd) error {
	path, err := exec.LookPath(cmd.Path) // with the extension that Start would find
	if err != nil {
		return nil // Start says why
	}
	ext := strings.ToLower(filepath.Ext(strings.TrimRight(path, ". "))) // Windows does not see those
	if ext != ".bat" && ext != ".cmd" {
		return nil
	}
	line, err := batchLine(path, cmd.Args[1:])
	if err != nil {
		return err
	}
	system, err := windows.GetSystemDirectory()
	if err != nil {
		return unavailable(err)
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.Path, cmd.SysProcAttr.CmdLine = filepath.Join(system, "cmd.exe"), line
	return nil
}

// plainInBatch are the characters that have no meaning for cmd.exe.
const plainInBatch = `ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789#$*+-./:?@\_`

func special(c rune) bool { return !strings.ContainsRune(plainInBatch, c) }

// batchLine returns the command line of cmd.exe, with its extensions, without delayed
// variables and without the user's own start (/d).
func batchLine(path string, args []string) (string, error) {
	words := append([]string{path}, args...)
	for i, word := range words {
		if strings.ContainsAny(word, "\r\n\x00") {
			return "", problem(ErrInvalid, "a batch file takes no argument with a line break")
		}
		if i == 0 || word == "" || strings.HasSuffix(word, `\`) || strings.ContainsFunc(word, special) {
			words[i] = `"` + inBatch(word) + `"`
		}
	}
	return `cmd.exe /e:ON /v:OFF /d /c "` + strings.Join(words, " ") + `"`, nil
}

// inBatch returns an argument as it stands between quotation marks. A program that the batch
// file passes it on to takes "" for one of them, and \ before one for an escape. An empty
// part of a variable, cd, keeps what follows a percent sign from being a variable's name.
func inBatch(arg string) string {
	var text strings.Builder
	slashes := 0
	for i := range len(arg) {
		switch c := arg[i]; c {
		case '"':
			text.WriteString(strings.Repeat(`\`, slashes) + `"`)
		case '%':
			text.WriteString("%%cd:~,")
		}
		slashes++
		if arg[i] != '\\' {
			slashes = 0
		}
		text.WriteByte(arg[i])
	}
	return text.String() + strings.Repeat(`\`, slashes)
}
