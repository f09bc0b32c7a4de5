//go:build windows

// Command unix stands in for the tools of Unix that the scripts of
// cmd/credhelper-engine/testdata call, where there is only Windows. Its name says which
// one it is: sh.exe, grep.exe, curl.exe and so on. The shell is mvdan.cc/sh; the others
// know the options that the scripts use, and refuse all others.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// call is one call of a tool.
type call struct {
	args   []string // without the tool's name
	dir    string   // of relative paths
	in     io.Reader
	out    io.Writer
	said   io.Writer
	lookup func(string) string
}

// exit is the exit code of a tool that failed silently, as grep does without a match.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// path is a path of the arguments, from the tool's directory.
func (c *call) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(c.dir, name)
}

// options takes the options off the arguments: letters, of which those in valued have a
// value of their own.
func (c *call) options(known, valued string) (map[byte]string, error) {
	found := map[byte]string{}
	for len(c.args) > 0 && len(c.args[0]) > 1 && c.args[0][0] == '-' {
		letters := c.args[0][1:]
		c.args = c.args[1:]
		if letters == "-" {
			break
		}
		for i := range len(letters) {
			switch letter := letters[i]; {
			case strings.IndexByte(known, letter) >= 0:
				found[letter] = "yes"
			case strings.IndexByte(valued, letter) >= 0 && letters[i+1:] == "" && len(c.args) > 0:
				found[letter], c.args = c.args[0], c.args[1:]
			default:
				return nil, fmt.Errorf("no option -%s here", letters)
			}
		}
	}
	return found, nil
}

var tools map[string]func(*call) error

func main() {
	tools = map[string]func(*call) error{
		"sh": sh, "cat": cat, "mkdir": mkdir, "rm": rm, "rmdir": rmdir, "cp": cp, "mv": mv, "ls": ls, "touch": touch, "ln": ln, "dirname": dirname,
		"grep": grep, "wc": wc, "tr": tr, "sed": sed, "dd": dd, "date": date, "sleep": sleep, "env": env, "curl": curl, "head": head, "seq": seq, "sort": sorted, "chmod": chmod, "schtasks": schtasks,
		"printf": builtin("printf"), "echo": builtin("echo"), "test": builtin("test"), "true": builtin("true"), "false": builtin("false"),
	}
	name := strings.TrimSuffix(strings.ToLower(filepath.Base(os.Args[0])), ".exe")
	if name == "unix" { // unix.exe DIR: makes all of them
		os.Exit(code("unix", os.Stderr, install(os.Args[1])))
	}
	tool := tools[name]
	if tool == nil {
		fmt.Fprintln(os.Stderr, "no tool "+name)
		os.Exit(127)
	}
	dir, err := os.Getwd()
	if err == nil {
		err = tool(&call{os.Args[1:], dir, os.Stdin, os.Stdout, os.Stderr, os.Getenv})
	}
	os.Exit(code(name, os.Stderr, err))
}

// install copies this program to the name of each tool.
func install(dir string) error {
	program, err := os.ReadFile(os.Args[0])
	for name := range tools {
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name+".exe"), program, 0o755)
		}
	}
	return err
}

// code says what went wrong, unless that is what the exit code says.
func code(name string, said io.Writer, err error) int {
	var silent exit
	switch {
	case err == nil:
		return 0
	case errors.As(err, &silent):
		return int(silent)
	}
	fmt.Fprintf(said, "%s: %v\n", name, err)
	return 1
}

// sh runs a text or a file. What it starts by a tool's name is that tool, in this process.
func sh(c *call) error {
	if len(c.args) == 0 {
		return errors.New("no script")
	}
	var text, name string
	params := c.args[1:]
	if c.args[0] == "-c" {
		if len(params) == 0 {
			return errors.New("no script")
		}
		text, params = params[0], params[1:]
		if len(params) > 0 {
			name, params = params[0], params[1:]
		}
	} else {
		content, err := os.ReadFile(c.path(c.args[0]))
		if err != nil {
			return err
		}
		text, name = string(content), c.args[0]
	}
	return run(c, text, name, params)
}

func run(c *call, text, name string, params []string) error {
	// The interpreter's $0 is a constant.
	text = strings.ReplaceAll(text, `"$0"`, "'"+name+"'")
	script, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(text), name)
	if err != nil {
		return err
	}
	runner, err := interp.New(
		interp.StdIO(c.in, c.out, c.said), interp.Dir(c.dir),
		interp.Params(append([]string{"--"}, params...)...), interp.ExecHandlers(handler),
	)
	if err != nil {
		return err
	}
	var status interp.ExitStatus
	if err = runner.Run(context.Background(), script); errors.As(err, &status) {
		return exit(status)
	}
	return err
}

func handler(next interp.ExecHandlerFunc) interp.ExecHandlerFunc {
	return func(ctx context.Context, args []string) error {
		tool := tools[args[0]]
		if tool == nil || args[0] == "sh" || args[0] == "env" {
			return next(ctx, args)
		}
		h := interp.HandlerCtx(ctx)
		err := tool(&call{args[1:], h.Dir, h.Stdin, h.Stdout, h.Stderr, func(name string) string { return h.Env.Get(name).String() }})
		if status := code(args[0], h.Stderr, err); status != 0 {
			return interp.ExitStatus(status)
		}
		return nil
	}
}

// builtin is a command of the shell as a program of its own.
func builtin(name string) func(*call) error {
	return func(c *call) error { return run(c, name+` "$@"`, name, c.args) }
}
