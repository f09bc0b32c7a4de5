package strictjson

import "bytes"

// Kind is the type of a Value.
type Kind uint8

// The kinds; the zero Value is Absent.
const (
	Absent Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

// String returns the kind in lower case, for messages.
func (k Kind) String() string {
	names := [...]string{"absent", "null", "boolean", "number", "text", "array", "object"}
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown"
}

// Value is one value of a document that Parse has checked.
type Value struct {
	doc        []byte
	start, end int
}

// Kind returns the type of the value.
func (v Value) Kind() Kind {
	if v.start == v.end {
		return Absent
	}
	switch v.doc[v.start] {
	case '{':
		return Object
	case '[':
		return Array
	case '"':
		return String
	case 't', 'f':
		return Bool
	case 'n':
		return Null
	default:
		return Number
	}
}

// Raw returns the value as written. It is a part of the document and must not be
// changed.
func (v Value) Raw() []byte { return v.doc[v.start:v.end:v.end] }

func (v Value) fail(text string) error { return &Error{text, v.start} }

// Get returns the member with exactly this key; false if there is none, or if v is not
// an object.
func (v Value) Get(key string) (Value, bool) {
	if v.Kind() != Object {
		return Value{}, false
	}
	for w := (walker{v.doc, v.start + 1}); w.more(); {
		name, value := w.member()
		if keyIs(name, key) {
			return value, true
		}
	}
	return Value{}, false
}

// At follows members from object to object; its Kind is Absent if one is missing.
func (v Value) At(keys ...string) Value {
	for _, key := range keys {
		v, _ = v.Get(key)
	}
	return v
}

// Members iterates over an object's members in their order, and over none for another
// kind. The keys are unescaped text from outside, including control characters: compare
// them, but do not print them.
func (v Value) Members() func(yield func(key string, value Value) bool) {
	return func(yield func(string, Value) bool) {
		if v.Kind() != Object {
			return
		}
		for w := (walker{v.doc, v.start + 1}); w.more(); {
			name, value := w.member()
			if !yield(string(appendUnescaped(nil, name)), value) {
				return
			}
		}
	}
}

// Elements iterates over an array's elements in their order, and over none for another
// kind.
func (v Value) Elements() func(yield func(Value) bool) {
	return func(yield func(Value) bool) {
		if v.Kind() != Array {
			return
		}
		for w := (walker{v.doc, v.start + 1}); w.more(); {
			if !yield(w.value()) {
				return
			}
		}
	}
}

// Text returns the unescaped text of a string. A control character or DEL in it is an
// error, because it could end a line, truncate a name or control a terminal.
func (v Value) Text() (string, error) {
	if v.Kind() != String {
		return "", v.fail("not a string")
	}
	text := v.doc[v.start+1 : v.end-1]
	if hasEscape(text) {
		text = appendUnescaped(make([]byte, 0, len(text)), text)
	}
	for _, c := range text {
		if c < 0x20 || c == 0x7f {
			return "", v.fail("a control byte in a string")
		}
	}
	return string(text), nil
}

// Int returns a number that is written as an integer and fits into 64 bits; there is no
// rounding and no 1e3.
func (v Value) Int() (int64, error) {
	if v.Kind() != Number {
		return 0, v.fail("not a number")
	}
	digits, limit, negative := v.Raw(), uint64(1<<63-1), false
	if digits[0] == '-' {
		digits, limit, negative = digits[1:], 1<<63, true
	}
	var n uint64
	for _, c := range digits {
		if !isDigit(c) {
			return 0, v.fail("not an integer")
		}
		d := uint64(c - '0')
		if n > (limit-d)/10 {
			return 0, v.fail("an integer out of range")
		}
		n = n*10 + d
	}
	if negative {
		return -int64(n), nil
	}
	return int64(n), nil
}

// Bool returns a boolean.
func (v Value) Bool() (bool, error) {
	if v.Kind() != Bool {
		return false, v.fail("not a boolean")
	}
	return v.doc[v.start] == 't', nil
}

// walker iterates over the inside of a checked array or object, so it need not check
// for structural bytes.
type walker struct {
	doc []byte
	pos int
}

// more moves to the next element; it returns false at the end of the container.
func (w *walker) more() bool {
	w.pos = skipSpace(w.doc, w.pos)
	if w.doc[w.pos] == ',' {
		w.pos = skipSpace(w.doc, w.pos+1)
	}
	return w.doc[w.pos] != ']' && w.doc[w.pos] != '}'
}

// member returns the key, as the bytes between its quotes, and the value.
func (w *walker) member() (key []byte, value Value) {
	name := w.value()
	colon := skipSpace(w.doc, w.pos)
	w.pos = skipSpace(w.doc, colon+1)
	return w.doc[name.start+1 : name.end-1], w.value()
}

func (w *walker) value() Value {
	start, depth := w.pos, 0
	for {
		switch c := w.doc[w.pos]; c {
		case '"':
			w.skipText()
		case '{', '[':
			depth++
			w.pos++
		case '}', ']':
			depth--
			w.pos++
		case ',', ':', ' ', '\t', '\r', '\n':
			w.pos++
			continue
		default:
			w.skipWord()
		}
		if depth == 0 {
			return Value{w.doc, start, w.pos}
		}
	}
}

// skipText is at the token, and often: a loop over each of its bytes takes ten times as
// long as two searches.
func (w *walker) skipText() {
	w.pos++
	if n := bytes.IndexByte(w.doc[w.pos:], '"'); bytes.IndexByte(w.doc[w.pos:w.pos+n], '\\') < 0 {
		w.pos += n + 1
		return
	}
	for ; w.doc[w.pos] != '"'; w.pos++ {
		if w.doc[w.pos] == '\\' {
			w.pos++
		}
	}
	w.pos++
}

// skipWord skips a number, true, false or null. In a container something always
// follows.
func (w *walker) skipWord() {
	for {
		switch w.doc[w.pos] {
		case ',', ']', '}', ' ', '\t', '\r', '\n':
			return
		}
		w.pos++
	}
}
