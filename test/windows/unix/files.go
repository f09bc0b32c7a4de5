//go:build windows

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func cat(c *call) error {
	if len(c.args) == 0 {
		c.args = []string{"-"}
	}
	for _, name := range c.args {
		content, err := c.read(name)
		if err != nil {
			return err
		}
		if _, err := c.out.Write(content); err != nil {
			return err
		}
	}
	return nil
}

// read returns a file's content, or with "-" that of stdin.
func (c *call) read(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(c.in)
	}
	return os.ReadFile(c.path(name))
}

// each does something to the path of each argument behind the options.
func (c *call) each(known string, do func(path string, options map[byte]string) error) error {
	options, err := c.options(known, "")
	if err != nil {
		return err
	}
	for _, name := range c.args {
		if err := do(c.path(name), options); err != nil {
			return err
		}
	}
	return nil
}

func mkdir(c *call) error {
	return c.each("p", func(path string, options map[byte]string) error {
		if options['p'] != "" {
			return os.MkdirAll(path, 0o777)
		}
		return os.Mkdir(path, 0o777)
	})
}

func rm(c *call) error {
	return c.each("rf", func(path string, options map[byte]string) error {
		if options['r'] != "" {
			return os.RemoveAll(path)
		}
		if err := os.Remove(path); err != nil && (options['f'] == "" || !errors.Is(err, fs.ErrNotExist)) {
			return err
		}
		return nil
	})
}

func rmdir(c *call) error {
	return c.each("", func(path string, _ map[byte]string) error { return os.Remove(path) })
}

func touch(c *call) error {
	return c.each("", func(path string, _ map[byte]string) error {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o666)
		if err != nil {
			return err
		}
		f.Close()
		return os.Chtimes(path, time.Now(), time.Now())
	})
}

func ls(c *call) error {
	return c.each("Ad", func(path string, options map[byte]string) error {
		entries, err := os.ReadDir(path)
		if options['d'] != "" || err != nil {
			if _, err := os.Lstat(path); err != nil {
				return err
			}
			_, err := fmt.Fprintln(c.out, filepath.ToSlash(path))
			return err
		}
		for _, entry := range entries {
			if options['A'] != "" || entry.Name()[0] != '.' {
				fmt.Fprintln(c.out, entry.Name())
			}
		}
		return nil
	})
}

// to calls do for each source and its target, which may be a directory.
func (c *call) to(known string, do func(from, to string) error) error {
	if _, err := c.options(known, ""); err != nil {
		return err
	}
	last := len(c.args) - 1
	if last < 1 {
		return errors.New("no target")
	}
	target := c.path(c.args[last])
	info, err := os.Stat(target)
	inside := err == nil && info.IsDir()
	for _, name := range c.args[:last] {
		to := target
		if inside {
			to = filepath.Join(target, filepath.Base(name))
		}
		if err := do(c.path(name), to); err != nil {
			return err
		}
	}
	return nil
}

func cp(c *call) error {
	return c.to("prRa", func(from, to string) error {
		if info, err := os.Stat(from); err == nil && info.IsDir() {
			return os.CopyFS(to, os.DirFS(from))
		}
		content, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		return os.WriteFile(to, content, 0o777)
	})
}

func mv(c *call) error { return c.to("f", os.Rename) }

// chmod does nothing: Windows has no modes.
func chmod(*call) error { return nil }

// ln makes hard links and symbolic ones.
func ln(c *call) error {
	symbolic := len(c.args) > 0 && strings.HasPrefix(c.args[0], "-s")
	return c.to("sf", func(from, to string) error {
		if symbolic {
			return os.Symlink(c.args[0], to)
		}
		return os.Link(from, to)
	})
}

func dirname(c *call) error {
	_, err := fmt.Fprintln(c.out, filepath.Dir(c.args[0]))
	return err
}

// dd writes stdin over a part of a file.
func dd(c *call) error {
	value := map[string]string{}
	for _, arg := range c.args {
		key, text, _ := strings.Cut(arg, "=")
		value[key] = text
	}
	if value["of"] == "" || value["bs"] != "1" || value["conv"] != "notrunc" || len(value) > 4 {
		return fmt.Errorf("not here: %v", c.args)
	}
	seek, err := strconv.ParseInt(value["seek"], 10, 64)
	if err != nil {
		return err
	}
	content, err := io.ReadAll(c.in)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(c.path(value["of"]), os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteAt(content, seek)
	return err
}
