// Package strictjson is the parser for all JSON from outside (R4 of docs/security.md),
// and writes JSON strings.
//
// Parse checks the whole document before any part of it is used: valid UTF-8 without a
// byte order mark, exactly one value, no trailing text, no duplicate keys at any level,
// at most 32 levels, RFC 8259's grammar of numbers and strings, no lone surrogates.
// Package encoding/json checks none of these: the last duplicate wins, keys are
// compared without case, invalid bytes become U+FFFD.
//
// A Value is a part of the checked document; nothing is copied until it is used, and
// small documents are checked without allocation.
package strictjson

import (
	"strconv"
	"unicode/utf8"
)

// MaxDepth is the maximum nesting of arrays and objects.
const MaxDepth = 32

// pairwise is the number of keys up to which duplicates are found by comparing each key
// with each other. Larger objects use a hash set: a hostile one of 1 MiB must not take
// quadratic time.
const pairwise = 16

// Error describes what is wrong with a document. It contains no part of the input,
// because requests and token responses contain secrets.
type Error struct {
	Text   string // lower case
	Offset int    // where in the document, in bytes
}

// Error returns the text and the offset.
func (e *Error) Error() string {
	return "json: " + e.Text + " at byte " + strconv.Itoa(e.Offset)
}

// Parse checks a whole document and returns its value, which keeps data: the caller
// must not change it afterwards. The caller limits the size, and checks that the value
// is an object. The error is an *Error.
func Parse(data []byte) (Value, error) {
	if err := checkEncoding(data); err != nil {
		return Value{}, err
	}
	p := parser{data: data}
	p.space()
	start := p.pos
	if err := p.value(0); err != nil {
		return Value{}, err
	}
	end := p.pos
	p.space()
	if p.pos < len(data) {
		return Value{}, p.fail("text after the end of the value")
	}
	return Value{data, start, end}, nil
}

func checkEncoding(data []byte) error {
	if len(data) >= 3 && string(data[:3]) == "\xef\xbb\xbf" {
		return &Error{"a byte order mark before the text", 0}
	}
	if utf8.Valid(data) {
		return nil
	}
	pos := 0
	for {
		r, size := utf8.DecodeRune(data[pos:])
		if r == utf8.RuneError && size == 1 {
			return &Error{"not utf-8", pos}
		}
		pos += size
	}
}

// parser checks a document in one pass.
type parser struct {
	data []byte
	pos  int
}

func (p *parser) fail(text string) error { return &Error{text, p.pos} }

// peek returns the byte at the position; at the end 0, which is invalid everywhere.
func (p *parser) peek() byte {
	if p.pos < len(p.data) {
		return p.data[p.pos]
	}
	return 0
}

func (p *parser) space() { p.pos = skipSpace(p.data, p.pos) }

// value checks the value at the position; depth is its nesting.
func (p *parser) value(depth int) error {
	switch c := p.peek(); {
	case c == '{':
		return p.object(depth + 1)
	case c == '[':
		return p.array(depth + 1)
	case c == '"':
		return p.text()
	case c == '-' || isDigit(c):
		return p.number()
	case p.pos == len(p.data):
		return p.fail("the value is missing at the end")
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if rest := p.data[p.pos:]; len(rest) >= len(word) && string(rest[:len(word)]) == word {
			p.pos += len(word)
			return nil
		}
	}
	return p.fail("not a value")
}

func (p *parser) array(depth int) error {
	if depth > MaxDepth {
		return p.fail("more than 32 levels")
	}
	p.pos++
	p.space()
	if p.peek() == ']' {
		p.pos++
		return nil
	}
	for {
		if err := p.value(depth); err != nil {
			return err
		}
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
			p.space()
		case ']':
			p.pos++
			return nil
		default:
			return p.fail("an array goes on with a comma or ends with a bracket")
		}
	}
}

func (p *parser) object(depth int) error {
	if depth > MaxDepth {
		return p.fail("more than 32 levels")
	}
	p.pos++
	p.space()
	if p.peek() == '}' {
		p.pos++
		return nil
	}
	var keys keySet
	for {
		if err := p.member(depth, &keys); err != nil {
			return err
		}
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
			p.space()
		case '}':
			p.pos++
			return nil
		default:
			return p.fail("an object goes on with a comma or ends with a brace")
		}
	}
}

func (p *parser) member(depth int, keys *keySet) error {
	start := p.pos
	if p.peek() != '"' {
		return p.fail("a key in double quotes is missing")
	}
	if err := p.text(); err != nil {
		return err
	}
	if !keys.add(p.data[start+1 : p.pos-1]) {
		return &Error{"a key for the second time", start}
	}
	p.space()
	if p.peek() != ':' {
		return p.fail("a colon is missing after the key")
	}
	p.pos++
	p.space()
	return p.value(depth)
}

// text checks the string at the position, including its quotes.
func (p *parser) text() error {
	for p.pos++; p.pos < len(p.data); {
		switch c := p.data[p.pos]; {
		case c == '"':
			p.pos++
			return nil
		case c < 0x20:
			return p.fail("a control byte in a string")
		case c == '\\':
			_, size := unescape(p.data[p.pos:])
			if size == 0 {
				return p.fail("not an escape sequence, or a lone surrogate")
			}
			p.pos += size
		default:
			p.pos++
		}
	}
	return p.fail("the end inside a string")
}

// number checks the grammar of RFC 8259 section 6.
func (p *parser) number() error {
	if p.peek() == '-' {
		p.pos++
	}
	if p.peek() == '0' {
		p.pos++
	} else if !p.digits() {
		return p.fail("not a number")
	}
	if p.peek() == '.' {
		p.pos++
		if !p.digits() {
			return p.fail("not a number")
		}
	}
	if p.peek()|0x20 == 'e' {
		p.pos++
		if c := p.peek(); c == '+' || c == '-' {
			p.pos++
		}
		if !p.digits() {
			return p.fail("not a number")
		}
	}
	return nil
}

// digits skips digits and reports whether there was one.
func (p *parser) digits() bool {
	start := p.pos
	for isDigit(p.peek()) {
		p.pos++
	}
	return p.pos > start
}

// keySet holds the keys of one object, unescaped, so that differently escaped spellings
// of a key are duplicates.
type keySet struct {
	few  [pairwise][]byte
	n    int
	many map[string]struct{}
}

// add reports whether the key, given as the bytes between its quotes, is new.
func (k *keySet) add(raw []byte) bool {
	key := raw
	if hasEscape(raw) {
		key = appendUnescaped(make([]byte, 0, len(raw)), raw)
	}
	if k.many != nil {
		k.many[string(key)] = struct{}{}
		k.n++
		return len(k.many) == k.n
	}
	for _, other := range k.few[:k.n] {
		if string(other) == string(key) {
			return false
		}
	}
	if k.n < pairwise {
		k.few[k.n] = key
		k.n++
		return true
	}
	k.many = make(map[string]struct{}, 2*pairwise)
	for _, other := range k.few {
		k.many[string(other)] = struct{}{}
	}
	return k.add(raw)
}
