package configfile

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// Document is a parsed configuration file, with its path and the line of each key, for
// messages.
type Document struct {
	path    string
	content []byte
	lines   map[string]int // dotted key -> line from 1
	order   []string       // the keys in their order

	counted, line int // how many bytes, and the line breaks in them
}

// Parse decodes a configuration file strictly: TOML 1.0, case-sensitive keys, no key that
// the target, a pointer to a struct, does not have. path is for messages.
func Parse(path string, content []byte, into any) (*Document, error) {
	d := newDocument(path, content)
	if !d.index() { // go-toml, too, would take long for it
		return nil, d.Wrong("", "a key has more than %d parts", mostParts)
	}
	if err := d.decode(into); err != nil {
		return nil, err
	}
	// go-toml compares keys without case and ignores unknown ones.
	t := reflect.TypeOf(into)
	for _, key := range d.order {
		if !takes(t, key) {
			return nil, d.unknown(key, Keys(t))
		}
	}
	return d, nil
}

// ParseOwn decodes a file that is part of the program or made by it. Its keys are known,
// and nobody could look up their lines.
func ParseOwn(path string, content []byte, into any) (*Document, error) {
	d := newDocument(path, content)
	if err := d.decode(into); err != nil {
		return nil, err
	}
	return d, nil
}

func newDocument(path string, content []byte) *Document {
	return &Document{path: path, content: bytes.TrimPrefix(content, byteOrderMark), lines: map[string]int{}}
}

// LocalDate is TOML's date without a time.
type LocalDate = toml.LocalDate

// Marshal encodes a struct as TOML.
func Marshal(v any) ([]byte, error) { return toml.Marshal(v) }

func (d *Document) decode(into any) error {
	if err := toml.Unmarshal(d.content, into); err != nil {
		return d.decodeError(err, reflect.TypeOf(into))
	}
	return nil
}

// Wrong returns an error about a key of the file, "" for the file as a whole.
func (d *Document) Wrong(key, format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	place := d.path
	if line := d.Line(key); line > 0 {
		place = fmt.Sprintf("%s:%d", place, line)
	}
	if key != "" {
		text = printable.Value(shown(key)) + ": " + text
	}
	return protocol.Policy(place + ": " + text)
}

// shown returns a key as an error names it: an address without the password that somebody
// has written into it.
func shown(key string) string {
	key = strings.ReplaceAll(key, quotedDot, ".")
	scheme, rest, isAddress := strings.Cut(key, "://")
	if at := strings.LastIndex(rest, "@"); isAddress && at >= 0 {
		key = scheme + "://..." + rest[at:]
	}
	return key
}

// Caused returns an error that a key of the file led to; it keeps its hint.
func (d *Document) Caused(key string, err error) error {
	e := d.Wrong(key, "%s", err.Error()).(*protocol.Error)
	if own := new(protocol.Error); errors.As(err, &own) {
		e.Hint = own.Hint
	}
	return e
}

// byteOrderMark is what Notepad writes at the beginning of a UTF-8 file.
var byteOrderMark = []byte("\ufeff")

func (d *Document) decodeError(err error, into reflect.Type) error {
	var at *toml.DecodeError
	if !errors.As(err, &at) {
		return d.Wrong("", "%s", printable.Value(err.Error()))
	}
	line, _ := at.Position()
	key := strings.Join(at.Key(), ".")
	d.lines[key] = line
	if want := wanted(into, at.Key()); want != "" && toml.Unmarshal(d.content, &map[string]any{}) == nil {
		return d.Wrong(key, "has to be %s", want) // it is good TOML, and the library speaks of our types
	}
	wrong := d.Wrong(key, "%s", printable.Value(at.Error())).(*protocol.Error)
	if lines := bytes.Split(d.content, []byte("\n")); line > 0 && line <= len(lines) && bytes.IndexByte(lines[line-1], '\\') >= 0 {
		wrong.Hint = `between "..." a backslash begins an escape: write a path with / or between '...'`
	}
	return wrong
}

// unknown names the nearest known key, or the right place for a secret.
func (d *Document) unknown(key string, keys map[string]bool) error {
	last := key[strings.LastIndexByte(key, '.')+1:]
	for _, word := range []string{"secret", "password", "passwd", "private_key", "refresh_token", "access_token"} {
		if strings.Contains(strings.ToLower(last), word) && Nearest(key, keys) == "" {
			return d.Wrong(key, "unknown key; secrets are never written here: credhelper rotate NAME stores one")
		}
	}
	if near := Nearest(key, keys); near != "" {
		return d.Wrong(key, "unknown key; did you mean %s?", near)
	}
	return d.Wrong(key, "unknown key")
}

// parsers are used again: where there are thousands of profiles, each would make its own
// tables.
var parsers = sync.Pool{New: func() any { return new(unstable.Parser) }}

// index walks the file's syntax tree for the lines of keys. It ends at the first syntax
// error, and is false if a key has more than mostParts.
func (d *Document) index() bool {
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

func (d *Document) noteValue(e *unstable.Node, table string) bool {
	key, ok := d.note(e.Key(), table)
	return ok && d.noteMembers(e.Value(), key)
}

func (d *Document) noteMembers(value *unstable.Node, key string) bool {
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

// Quoted returns one part of a dotted key that may have dots of its own.
func Quoted(part string) string { return strings.ReplaceAll(part, ".", quotedDot) }

// Line returns the line of a key, from 1; 0 if the file does not have it.
func (d *Document) Line(key string) int { return d.lines[key] }

// mostParts is some times as many parts as a key of ours has.
const mostParts = 16

// note notes the line of a key, and returns its dotted form; false if it has too many
// parts.
func (d *Document) note(parts unstable.Iterator, table string) (key string, ok bool) {
	key, line := table, 0
	for parts.Next() {
		n := parts.Node()
		if key != "" {
			key += "."
		}
		key += Quoted(string(n.Data))
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
func (d *Document) lineAt(offset int) int {
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
		for i, tag := range Tags(t) {
			if tag.Key == key[0] {
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
func Nearest(name string, names map[string]bool) string {
	const far = 3
	best, least := "", far
	for _, k := range slices.Sorted(maps.Keys(names)) {
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
