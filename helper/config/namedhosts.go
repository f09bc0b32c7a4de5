package config

import (
	"slices"
	"strings"
	"unicode"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/protocol/origin"
)

// The hosts in an invalid profile still tell whose requests it affects. They are
// searched in the lines of origins and url, whatever their syntax errors: "origin =
// ...", "url: ...", a list without an end. Comments are ignored, as are parts of a
// longer name.

// NamedHosts returns the keys, as in cache.HostKeys, of the hosts in an invalid
// profile.
func NamedHosts(content string) (keys []string) {
	counts := false // whether the current key is origins or url
	for line := range strings.Lines(content) {
		line = strings.TrimSpace(uncommented(line))
		key, rest := leadingKey(line)
		switch {
		case aboutPlaces(key):
			counts, line = true, rest
		case strings.HasPrefix(rest, "="), strings.HasPrefix(line, "[") && strings.Trim(line, "[]abcdefghijklmnopqrstuvwxyz_.") == "":
			counts = false
		}
		if counts {
			keys = append(keys, hostsIn(line)...)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// uncommented removes the first # outside quotes and the text after it.
func uncommented(line string) string {
	var quote rune
	for i, c := range line {
		switch {
		case quote == 0 && c == '#':
			return line[:i]
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c == quote:
			quote = 0
		}
	}
	return line
}

// leadingKey returns the word at the beginning of a line, and the rest.
func leadingKey(line string) (key, rest string) {
	line = strings.TrimLeft(line, `"'`)
	end := strings.IndexFunc(line, func(c rune) bool { return c != '_' && c != '-' && !unicode.IsLetter(c) })
	if end < 0 {
		end = len(line)
	}
	return strings.ToLower(line[:end]), strings.TrimLeft(line[end:], "\"' \t")
}

// aboutPlaces reports whether a key is, or was meant to be, origins or url.
func aboutPlaces(key string) bool {
	return key == "url" || key == "urls" || strings.HasPrefix(key, "origin")
}

// hostsIn returns the keys of words that may be hosts in a text.
func hostsIn(text string) (keys []string) {
	for _, word := range strings.FieldsFunc(text, func(c rune) bool {
		return !strings.ContainsRune(".-*:[]", c) && !unicode.IsLetter(c) && !unicode.IsMark(c) && !unicode.IsDigit(c)
	}) {
		for _, host := range [...]string{word, strings.Trim(word, "[]:."), strings.TrimLeft(strings.TrimRight(word, ":"), "[") + "]"} {
			ascii, problem := asciiHost("https://" + strings.ToLower(host))
			if problem != "" {
				continue
			}
			if o, err := origin.Parse(ascii); err == nil {
				keys = cache.AppendHostKeys(keys, o.String())
				break
			}
		}
	}
	return keys
}
