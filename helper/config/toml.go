package config

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// document is a parsed configuration file, with its path and the line of each key, for
// messages.
type document struct {
	path    string
	content []byte
	lines   map[string]int // dotted key -> line from 1
	order   []string       // the keys in their order

	counted, line int // how many bytes, and the line breaks in them
}

// readDocument decodes a configuration file strictly: TOML 1.0, case-sensitive keys, no
// key that the target does not have.
func readDocument(path string, content []byte, into any) (*document, error) {
	d := newDocument(path, content)
	if !d.index() { // go-toml, too, would take long for it
		return nil, d.wrong("", "a key has more than %d parts", mostParts)
	}
	if err := d.decode(into); err != nil {
		return nil, err
	}
	// go-toml compares keys without case and ignores unknown ones.
	t := reflect.TypeOf(into)
	for _, key := range d.order {
		if !takes(t, key) {
			return nil, d.unknown(key, keysOf(t))
		}
	}
	return d, nil
}

// decode decodes a file of our own, whose keys and their lines do not matter.
func decode(path string, content []byte, into any) (*document, error) {
	d := newDocument(path, content)
	if err := d.decode(into); err != nil {
		return nil, err
	}
	return d, nil
}

func newDocument(path string, content []byte) *document {
	return &document{path: path, content: bytes.TrimPrefix(content, byteOrderMark), lines: map[string]int{}}
}

func (d *document) decode(into any) error {
	if err := toml.Unmarshal(d.content, into); err != nil {
		return d.decodeError(err, reflect.TypeOf(into))
	}
	return nil
}

// wrong returns an error about a key of the file.
func (d *document) wrong(key, format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	place := d.path
	if line := d.lines[key]; line > 0 {
		place = fmt.Sprintf("%s:%d", place, line)
	}
	if key != "" {
		text = printable.Value(strings.ReplaceAll(key, quotedDot, ".")) + ": " + text
	}
	return protocol.Policy(place + ": " + text)
}

// caused returns an error that a key of the file led to; it keeps its hint.
func (d *document) caused(key string, err error) error {
	e := d.wrong(key, "%s", err.Error()).(*protocol.Error)
	if known := new(protocol.Error); errors.As(err, &known) {
		e.Hint = known.Hint
	}
	return e
}

// byteOrderMark is what Notepad writes at the beginning of a UTF-8 file.
var byteOrderMark = []byte("\ufeff")

func (d *document) decodeError(err error, into reflect.Type) error {
	var at *toml.DecodeError
	if !errors.As(err, &at) {
		return d.wrong("", "%s", printable.Value(err.Error()))
	}
	line, _ := at.Position()
	key := strings.Join(at.Key(), ".")
	d.lines[key] = line
	if want := wanted(into, at.Key()); want != "" && toml.Unmarshal(d.content, &map[string]any{}) == nil {
		return d.wrong(key, "has to be %s", want) // it is good TOML, and the library speaks of our types
	}
	return d.wrong(key, "%s", printable.Value(at.Error()))
}

// unknown names the nearest known key, or the right place for a secret.
func (d *document) unknown(key string, known map[string]bool) error {
	last := key[strings.LastIndexByte(key, '.')+1:]
	for _, word := range []string{"secret", "password", "passwd", "private_key", "refresh_token", "access_token"} {
		if strings.Contains(strings.ToLower(last), word) && Nearest(key, known) == "" {
			return d.wrong(key, "unknown key; secrets are never written here: credhelper rotate NAME stores one")
		}
	}
	if near := Nearest(key, known); near != "" {
		return d.wrong(key, "unknown key; did you mean %s?", near)
	}
	return d.wrong(key, "unknown key")
}

// parsers are used again: where there are thousands of profiles, each would make its own
// tables.
var parsers = sync.Pool{New: func() any { return new(unstable.Parser) }}

// index walks the file's syntax tree for the lines of keys. It ends at the first syntax
// error, and is false if a key has more than mostParts.
func (d *document) index() bool {
	p := parsers.Get().(*unstable.Parser)
	defer parsers.Put(p)
	p.Reset(d.content)
	table := ""
	for p.NextExpression() {
		e := p.Expression()
		ok := true
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table, ok = d.note(e.Key(), "")
		case unstable.KeyValue:
			ok = d.noteValue(e, table)
		}
		if !ok {
			return false
		}
	}
	return true
}

func (d *document) noteValue(e *unstable.Node, table string) bool {
	key, ok := d.note(e.Key(), table)
	return ok && d.noteMembers(e.Value(), key)
}

func (d *document) noteMembers(value *unstable.Node, key string) bool {
	children := value.Children()
	for children.Next() {
		ok := true
		switch value.Kind {
		case unstable.InlineTable:
			ok = d.noteValue(children.Node(), key)
		case unstable.Array:
			ok = d.noteMembers(children.Node(), key)
		}
		if !ok {
			return false
		}
	}
	return true
}

// quotedDot replaces a dot inside a quoted key, where it is not a separator.
const quotedDot = "\x00"

// mostParts is some times as many parts as a key of ours has.
const mostParts = 16

// note notes the line of a key, and returns its dotted form; false if it has too many
// parts.
func (d *document) note(parts unstable.Iterator, table string) (key string, ok bool) {
	key, line := table, 0
	for parts.Next() {
		n := parts.Node()
		if key != "" {
			key += "."
		}
		key += strings.ReplaceAll(string(n.Data), ".", quotedDot)
		line = d.lineAt(int(n.Raw.Offset))
		if strings.Count(key, ".") >= mostParts {
			return key, false
		}
	}
	if _, seen := d.lines[key]; !seen {
		d.lines[key] = line
		d.order = append(d.order, key)
	}
	return key, true
}

// lineAt returns the line of a byte, from 1. Later calls are for later bytes.
func (d *document) lineAt(offset int) int {
	d.line += bytes.Count(d.content[d.counted:max(d.counted, offset)], []byte{'\n'})
	d.counted = max(d.counted, offset)
	return d.line + 1
}

// wanted returns the required type of a key's value, in TOML's terms; "" for an unknown
// key.
func wanted(t reflect.Type, key toml.Key) string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice && len(key) > 0 {
		t = t.Elem()
	}
	switch {
	case len(key) == 0:
		return valueOf(t)
	case t.Kind() == reflect.Map:
		return wanted(t.Elem(), key[1:])
	case t.Kind() == reflect.Struct:
		for i, tag := range tagsOf(t) {
			if tag.name == key[0] {
				return wanted(t.Field(i).Type, key[1:])
			}
		}
	}
	return ""
}

// valueOf returns an example of a value in TOML.
func valueOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return `a string: "..."`
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Map, reflect.Struct:
		return "a table: { KEY = VALUE }"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.String {
			return `a list of strings: ["...", "..."]`
		}
		return "a list: [...]"
	}
	return ""
}

// Nearest returns the known name that a misspelt one probably means: at most two edits
// away, and fewer than half of its letters; "" if there is none.
func Nearest(name string, known map[string]bool) string {
	const far = 3
	best, least := "", far
	for _, k := range sortedKeys(known) {
		d := distance(strings.ToLower(name), strings.ToLower(k), far)
		if d < least && 2*d < max(len(name), len(k)) {
			best, least = k, d
		}
	}
	return best
}

// distance is the Levenshtein distance, with a swap of neighbours as one edit; it is
// exact only below limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit || len(a) > 64 {
		return limit
	}
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}
