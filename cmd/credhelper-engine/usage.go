package main

import (
	"cmp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/helper/configfile"
	"github.com/credhelper/credhelper/protocol"
)

// The groups of commands in the help.
const (
	groupUse    = "use"
	groupManage = "manage"
	groupKeep   = "keep"
	groupTools  = "tools"
)

// patient marks the commands that wait for a person, or for a command of the user; all
// others end after 8 s. A value names a flag: without this flag the command asks no
// one, and ends after 8 s too.
var patient = map[string]string{"patient": ""}

// seconds parses "90", "90s", "5m" or "1h".
func seconds(text string) (time.Duration, error) {
	if strings.Trim(text, "0123456789") == "" {
		text += "s"
	}
	d, err := time.ParseDuration(text)
	if err == nil && (d < 0 || d > 7*24*time.Hour || d%time.Second != 0) {
		err = protocol.Malformed("out of range")
	}
	return d, err
}

// didYouMean is advice for a name that is none of known; "" if none is near.
func didYouMean(name string, known []string) string {
	names := map[string]bool{}
	for _, k := range known {
		names[k] = true
	}
	if near := configfile.Nearest(name, names); near != "" {
		return "did you mean " + near + "?"
	}
	return ""
}

// usage returns the error for wrong arguments: the command's usage line, from Use. If the first
// argument is nearly the name of a command below it, that is the advice.
func usage(c *cobra.Command, args ...string) error {
	path := c.CommandPath()
	line := strings.TrimSuffix(path, c.Name()) + c.Use
	hint := "see " + path + " --help"
	var below []string
	for _, verb := range c.Commands() {
		below = append(below, verb.Name())
	}
	if len(args) > 0 {
		hint = cmp.Or(didYouMean(args[0], below), hint)
	}
	return &protocol.Error{Kind: protocol.ErrMalformed, Text: "usage: " + line, Hint: hint}
}

// between accepts from least to most arguments.
func between(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return usage(c, args...)
		}
		return nil
	}
}
