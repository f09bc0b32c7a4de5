//go:build windows

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// grep knows basic expressions in so far as RE2 reads them the same way.
func grep(c *call) error {
	o, err := c.options("qsrFEvcix", "")
	if err != nil {
		return err
	}
	if len(c.args) == 0 {
		return errors.New("no pattern")
	}
	pattern, files := c.args[0], c.args[1:]
	if o['F'] != "" {
		pattern = regexp.QuoteMeta(pattern)
	}
	if o['x'] != "" {
		pattern = "^(?:" + pattern + ")$"
	}
	if o['i'] != "" {
		pattern = "(?i)" + pattern
	}
	match, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		files = []string{"-"}
	}
	if o['r'] != "" {
		files = c.below(files)
	}
	count := 0
	for _, name := range files {
		content, err := c.read(name)
		if err != nil {
			if o['s'] == "" {
				fmt.Fprintln(c.said, "grep:", err)
			}
			continue
		}
		for line := range bytes.Lines(content) {
			line = bytes.TrimSuffix(line, []byte("\n"))
			if match.Match(line) == (o['v'] == "") {
				count++
				if o['q'] == "" && o['c'] == "" {
					fmt.Fprintf(c.out, "%s\n", line)
				}
			}
		}
	}
	if o['c'] != "" {
		fmt.Fprintln(c.out, count)
	}
	if count == 0 {
		return exit(1)
	}
	return nil
}

func (c *call) below(roots []string) (files []string) {
	for _, root := range roots {
		_ = filepath.WalkDir(c.path(root), func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() {
				files = append(files, path)
			}
			return nil
		})
	}
	return files
}

func wc(c *call) error {
	o, err := c.options("lc", "")
	if err != nil {
		return err
	}
	if len(c.args) == 0 {
		c.args = []string{"-"}
	}
	content, err := c.read(c.args[0])
	if err != nil {
		return err
	}
	n := len(content)
	if o['l'] != "" {
		n = bytes.Count(content, []byte("\n"))
	}
	_, err = fmt.Fprintln(c.out, n)
	return err
}

// tr replaces one byte by another.
func tr(c *call) error {
	if len(c.args) != 2 {
		return errors.New("not here")
	}
	content, err := c.read("-")
	if err != nil {
		return err
	}
	zero := strings.NewReplacer(`\0`, "\x00", `\n`, "\n", `\r`, "\r")
	from, to := zero.Replace(c.args[0]), zero.Replace(c.args[1])
	if len(from) != 1 || len(to) != 1 {
		return errors.New("not here")
	}
	_, err = c.out.Write(bytes.ReplaceAll(content, []byte(from), []byte(to)))
	return err
}

// head prints the first bytes, of /dev/zero as well.
func head(c *call) error {
	o, err := c.options("", "c")
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(o['c'])
	if err != nil {
		return err
	}
	content := make([]byte, n)
	if len(c.args) == 0 || c.args[0] != "/dev/zero" {
		if content, err = c.read(append(c.args, "-")[0]); err != nil {
			return err
		}
	}
	_, err = c.out.Write(content[:min(n, len(content))])
	return err
}

// seq prints the numbers from one.
func seq(c *call) error {
	last, err := strconv.Atoi(c.args[0])
	for i := range last {
		fmt.Fprintln(c.out, i+1)
	}
	return err
}

func sorted(c *call) error {
	o, err := c.options("u", "")
	if err != nil {
		return err
	}
	content, err := c.read(append(c.args, "-")[0])
	if err != nil {
		return err
	}
	lines := strings.SplitAfter(string(content), "\n")
	slices.Sort(lines)
	if o['u'] != "" {
		lines = slices.Compact(lines)
	}
	_, err = io.WriteString(c.out, strings.Join(lines, ""))
	return err
}

// sed prints a line by its number, or substitutes texts.
func sed(c *call) error {
	o, err := c.options("n", "")
	if err != nil {
		return err
	}
	if len(c.args) == 0 {
		return errors.New("no script")
	}
	if len(c.args) == 1 {
		c.args = append(c.args, "-")
	}
	content, err := c.read(c.args[1])
	if err != nil {
		return err
	}
	if o['n'] != "" {
		n, err := strconv.Atoi(strings.TrimSuffix(c.args[0], "p"))
		lines := strings.SplitAfter(string(content), "\n")
		if err != nil || n > len(lines) {
			return fmt.Errorf("not here: %s", c.args[0])
		}
		_, err = c.out.Write([]byte(lines[n-1]))
		return err
	}
	for part := range strings.SplitSeq(c.args[0], ";") {
		part = strings.TrimSpace(part)
		if len(part) < 4 || part[0] != 's' {
			return fmt.Errorf("not here: %s", part)
		}
		pieces := strings.Split(part[2:], part[1:2])
		if len(pieces) != 3 || pieces[2] != "" && pieces[2] != "g" {
			return fmt.Errorf("not here: %s", part)
		}
		match, err := regexp.Compile("(?m)" + strings.NewReplacer(`\(`, "(", `\)`, ")").Replace(pieces[0]))
		if err != nil {
			return err
		}
		content = match.ReplaceAll(content, []byte(strings.NewReplacer("$", "$$", `\1`, "${1}", "&", "${0}").Replace(pieces[1])))
	}
	_, err = c.out.Write(content)
	return err
}

// date prints a day so many days from now.
func date(c *call) error {
	if len(c.args) != 4 || c.args[0] != "-u" || c.args[1] != "-d" || c.args[3] != "+%F" {
		return errors.New("not here")
	}
	days, err := strconv.Atoi(strings.TrimSuffix(c.args[2], " days"))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.out, time.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly))
	return err
}

func sleep(c *call) error {
	seconds, err := strconv.ParseFloat(c.args[0], 64)
	time.Sleep(time.Duration(seconds * float64(time.Second)))
	return err
}

// env starts a program with some variables set or removed, or shows them.
func env(c *call) error {
	var environ []string
	inherited := os.Environ()
	for len(c.args) > 0 {
		arg := c.args[0]
		name, _, set := strings.Cut(arg, "=")
		switch {
		case arg == "-i":
			inherited = nil
		case arg == "-u" && len(c.args) > 1:
			name = c.args[1]
			c.args = c.args[1:]
		case set:
			environ = append(environ, arg)
		default:
			return start(c, append(inherited, environ...))
		}
		for i, entry := range inherited {
			if strings.HasPrefix(strings.ToUpper(entry), strings.ToUpper(name)+"=") {
				inherited = append(inherited[:i:i], inherited[i+1:]...)
				break
			}
		}
		c.args = c.args[1:]
	}
	_, err := fmt.Fprintln(c.out, strings.Join(append(inherited, environ...), "\n"))
	return err
}

func start(c *call, environ []string) error {
	cmd := exec.Command(c.args[0], c.args[1:]...)
	cmd.Env, cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = environ, c.dir, c.in, c.out, c.said
	err := cmd.Run()
	var status *exec.ExitError
	if errors.As(err, &status) {
		return exit(status.ExitCode())
	}
	return err
}
