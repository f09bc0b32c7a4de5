package strictjson

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
)

func mustParse(t testing.TB, doc string) Value {
	t.Helper()
	v, err := Parse([]byte(doc))
	if err != nil {
		t.Fatalf("%.60q: %v", doc, err)
	}
	return v
}

const sample = ` { "a" : [1, "x]}\"", {"b":null}, [ ]] , "\u0062" : true,"c":-1.5e3 , "\ud83d\ude00":{ } , "f":false } `

// TestMembersAndElements: each member of an object and each element of an array, once and
// in order.
func TestMembersAndElements(t *testing.T) {
	v := mustParse(t, sample)
	var got []string
	for key, member := range v.Members() {
		got = append(got, key+"="+member.Kind().String()+":"+string(member.Raw()))
	}
	want := `a=array:[1, "x]}\"", {"b":null}, [ ]]|b=boolean:true|c=number:-1.5e3|😀=object:{ }|f=boolean:false`
	if strings.Join(got, "|") != want {
		t.Errorf("members are\n%s, want\n%s", strings.Join(got, "|"), want)
	}
	a, _ := v.Get("a")
	got = nil
	for element := range a.Elements() {
		got = append(got, string(element.Raw()))
	}
	if strings.Join(got, "|") != `1|"x]}\""|{"b":null}|[ ]` {
		t.Errorf("elements are %q", got)
	}
	for range v.Members() {
		break
	}
	for range a.Elements() {
		break
	}
	for range a.Members() {
		t.Error("an array has members")
	}
	for range v.Elements() {
		t.Error("an object has elements")
	}
}

// TestGet: a member is found by its key as it reads, however it was written.
func TestGet(t *testing.T) {
	v := mustParse(t, sample)
	for key, kind := range map[string]Kind{"a": Array, "b": Bool, "c": Number, "😀": Object, "f": Bool, "A": Absent, "": Absent, `\u0062`: Absent} {
		member, ok := v.Get(key)
		if member.Kind() != kind || ok != (kind != Absent) {
			t.Errorf("Get(%q) is %s, %v", key, member.Kind(), ok)
		}
	}
	if _, ok := mustParse(t, `["a"]`).Get("a"); ok {
		t.Error("an array has members")
	}
}

// TestBool: true and false, and nothing else.
func TestBool(t *testing.T) {
	for doc, want := range map[string]string{"true": "true", "false": "false", "null": "json: not a boolean at byte 0", ` "true"`: "json: not a boolean at byte 1", "1": "json: not a boolean at byte 0"} {
		b, err := mustParse(t, doc).Bool()
		got := strconv.FormatBool(b)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", doc, got, want)
		}
	}
}

// TestZeroValue: what was not found reads as nothing, without a panic.
func TestZeroValue(t *testing.T) {
	var v Value
	if _, err := v.Text(); err == nil || v.Kind() != Absent || len(v.Raw()) != 0 {
		t.Error("the zero Value is something")
	}
	if Kind(99).String() != "unknown" {
		t.Error("an unknown kind has a name")
	}
}

// TestErrorsSayWhere (T8): the offset is told, the input is not.
func TestErrorsSayWhere(t *testing.T) {
	for doc, want := range map[string]string{
		`{"secret":"c4n4ry`:               "json: the end inside a string at byte 17",
		`{"c4n4ry":1,"c4n4ry":2}`:         "json: a key for the second time at byte 12",
		"{\"c4n4ry\":\"\xff\"}":           "json: not utf-8 at byte 11",
		"\xef\xbb\xbf{}":                  "json: a byte order mark before the text at byte 0",
		`{"c4n4ry":1} c4n4ry`:             "json: text after the end of the value at byte 13",
		`{"c4n4ry":"` + "\x1b" + `[2J"} `: "json: a control byte in a string at byte 11",
	} {
		_, err := Parse([]byte(doc))
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", doc, err, want)
		}
	}
}

// TestAppendString (R7): whatever is written is one line and reads back.
func TestAppendString(t *testing.T) {
	for s, want := range map[string]string{
		"":                 `""`,
		"a/b":              `"a/b"`,
		`"\`:               `"\"\\"`,
		"\x00\n\r\t\x1f":   `"\u0000\u000a\u000d\u0009\u001f"`,
		"\x7f":             `"\u007f"`,
		"é😀":               `"é😀"`,
		"a\xffb\xc3":       `"a` + "\ufffd" + `b` + "\ufffd" + `"`,
		"<script>&\u2028!": `"<script>&` + "\u2028" + `!"`,
	} {
		if got := string(AppendString([]byte("x"), s)); got != "x"+want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
}

// hostile documents of 1 MiB (T24): none may cost more than a linear check.
func hostile() map[string]string {
	var distinct, escaped strings.Builder
	for i := 0; distinct.Len() < 1<<20; i++ {
		distinct.WriteString(`"` + strconv.Itoa(i) + `":0,`)
		if escaped.Len() < 1<<20 {
			escaped.WriteString(`"\u0061` + strconv.Itoa(i) + `":0,`)
		}
	}
	long := strings.Repeat("x", 1<<16)
	var common strings.Builder
	for i := range 15 {
		common.WriteString(`"` + long + strconv.Itoa(i) + `":0,`)
	}
	return map[string]string{
		"distinct": "{" + distinct.String() + `"x":0}`,
		"escaped":  "{" + escaped.String() + `"x":0}`,
		"prefix":   "{" + common.String() + `"x":0}`,
		"small":    "[" + strings.Repeat(`{"a":0,"b":0,"c":0,"d":0,"e":0,"f":0,"g":0,"h":0},`, 20000) + "0]",
		"text":     `"` + strings.Repeat(`\u0061`, 170000) + `"`,
	}
}

// BenchmarkHostile is a document of many brackets.
func BenchmarkHostile(b *testing.B) {
	for name, doc := range hostile() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(doc)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse([]byte(doc)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

const request = `{"uri":"https://git.example.com/o/r.git","min_ttl":60}`

func readRequest(data []byte) (string, error) {
	v, err := Parse(data)
	if err != nil {
		return "", err
	}
	member, _ := v.Get("uri")
	return member.Text()
}

// TestFewAllocations: a request costs the one text that is taken out of it.
func TestFewAllocations(t *testing.T) {
	data := []byte(request)
	if n := testing.AllocsPerRun(100, func() { _, _ = readRequest(data) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkRequest is a request as tools send it.
func BenchmarkRequest(b *testing.B) {
	data := []byte(request)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := readRequest(data); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzParse (R4): a document that Parse accepts, encoding/json accepts with the
// same texts, integers and structure; one that encoding/json rejects, Parse
// rejects. The differences are all on the strict side.
func FuzzParse(f *testing.F) {
	for _, file := range []string{"documents.txt", "requests.txt", "integers.txt"} {
		for _, v := range vectors(f, file) {
			if len(v.doc) < 4096 {
				f.Add([]byte(v.doc))
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := Parse(data)
		if err != nil {
			if v.Kind() != Absent {
				t.Fatalf("%q: refused with a value", data)
			}
			return
		}
		if !json.Valid(data) {
			t.Fatalf("%q: accepted, but not by encoding/json", data)
		}
		compare(t, v)
	})
}

// compare walks a value beside encoding/json's reading of the same bytes.
func compare(t *testing.T, v Value) {
	t.Helper()
	raw := v.Raw()
	switch v.Kind() {
	case Object:
		var other map[string]json.RawMessage
		unmarshal(t, raw, &other)
		n := 0
		for key, member := range v.Members() {
			n++
			if got, ok := v.Get(key); !ok || string(got.Raw()) != string(member.Raw()) || string(other[key]) != string(member.Raw()) {
				t.Fatalf("%q: member %q is %q, encoding/json has %q", raw, key, member.Raw(), other[key])
			}
			compare(t, member)
		}
		if n != len(other) {
			t.Fatalf("%q: %d members, encoding/json has %d", raw, n, len(other))
		}
	case Array:
		var other []json.RawMessage
		unmarshal(t, raw, &other)
		i := 0
		for element := range v.Elements() {
			if i >= len(other) || string(other[i]) != string(element.Raw()) {
				t.Fatalf("%q: element %d is %q", raw, i, element.Raw())
			}
			i++
			compare(t, element)
		}
		if i != len(other) {
			t.Fatalf("%q: %d elements, encoding/json has %d", raw, i, len(other))
		}
	case String:
		compareText(t, v)
	case Number:
		var other int64
		if n, err := v.Int(); err == nil {
			unmarshal(t, raw, &other)
			if n != other {
				t.Fatalf("%q: %d, encoding/json has %d", raw, n, other)
			}
		} else if json.Unmarshal(raw, &other) == nil {
			t.Fatalf("%q: %v, but encoding/json has %d", raw, err, other)
		}
	case Bool:
		var other bool
		unmarshal(t, raw, &other)
		if b, err := v.Bool(); err != nil || b != other {
			t.Fatalf("%q: %v, %v", raw, b, err)
		}
	case Null:
		if string(raw) != "null" {
			t.Fatalf("%q is no null", raw)
		}
	default:
		t.Fatalf("%q is of kind %s", raw, v.Kind())
	}
}

func compareText(t *testing.T, v Value) {
	t.Helper()
	var other string
	unmarshal(t, v.Raw(), &other)
	control := strings.ContainsFunc(other, func(r rune) bool { return r < 0x20 || r == 0x7f })
	s, err := v.Text()
	if (err != nil) != control || err == nil && s != other {
		t.Fatalf("%q: %q, %v; encoding/json has %q", v.Raw(), s, err, other)
	}
	written := AppendString(nil, other)
	again, err := Parse(written)
	if err != nil || string(appendUnescaped(nil, again.Raw()[1:len(written)-1])) != other {
		t.Fatalf("%q: written as %q, which reads back as something else (%v)", other, written, err)
	}
	if strings.ContainsFunc(string(written), func(r rune) bool { return r < 0x20 || r == 0x7f }) {
		t.Fatalf("%q: written with a control byte", other)
	}
}

func unmarshal(t *testing.T, raw []byte, to any) {
	t.Helper()
	if err := json.Unmarshal(raw, to); err != nil {
		t.Fatalf("%q: encoding/json: %v", raw, err)
	}
}
