package pool

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/protocol/secret"
)

// someKeys makes a keeper's and a reader's keys.
func someKeys(t testing.TB) (keeper, reader *Keys) {
	t.Helper()
	k, r, err := NewKeys()
	if err == nil {
		keeper, err = ReadKeys(k)
	}
	if err == nil {
		reader, err = ReadKeys(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return keeper, reader
}

// FuzzOpen: whatever lies in a store, only what a keeper sealed opens.
func FuzzOpen(f *testing.F) {
	keys, _ := someKeys(f)
	good := map[byte][]byte{}
	for _, kind := range []byte{kindEntry, kindMark, kindNote} {
		m := Mark{Reason: "r", Hint: "h", By: "b"}
		var err error
		if good[kind], err = keys.seal("name", content{kind, 1, 2, 3, m.fields()}); err != nil {
			f.Fatal(err)
		}
		f.Add(good[kind], kind)
	}
	f.Add([]byte("CRP1E"), byte(kindEntry))
	f.Add([]byte("CRP2"+strings.Repeat("x", 200)), byte(kindNote))
	f.Fuzz(func(t *testing.T, b []byte, kind byte) {
		v, err := keys.open("name", kind, b)
		if ok := len(b) > 0 && bytes.Equal(b, good[kind]); ok != (err == nil) || !ok && !errors.Is(err, errNotOurs) {
			t.Errorf("opens: %v", err)
		}
		if _, ok := readMark(v.fields); ok && len(v.fields) != 5 {
			t.Error("a mark of other fields")
		}
	})
}

// FuzzSplit: whatever a keeper sealed, reading its fields ends, and joined again they are
// what they were.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{"", "\x00\x00", "\x00\x01a", "\x00\x01a\x00\x02bc", "\xff\xff", "\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if fields, ok := SplitFields[string](b); ok && !bytes.Equal(JoinFields(fields), b) {
			t.Errorf("%q", fields)
		}
	})
}

// TestFrozen: what a release of version 1 has sealed opens in every later one, with a
// keeper's and with a reader's key. The file is never changed.
func TestFrozen(t *testing.T) {
	frozen := frozenVersion1(t)
	for _, word := range []string{"keeper", "reader"} {
		keys, err := ReadKeys(secret.New(frozen[word]))
		if err != nil {
			t.Fatal(err)
		}
		digest := [32]byte([]byte(frozen["digest"]))
		for what, got := range map[string]string{"check": keys.Check(), "name of digest": keys.name(digest),
			"fingerprint": keys.Fingerprint(secret.New(frozen["token"])), "secret mark": fmt.Sprint(keys.SecretMark(secret.New(frozen["secret"])))} {
			if got != frozen[what] {
				t.Errorf("%s: %s, was %s", what, got, frozen[what])
			}
		}
		const made, year = 1_577_836_800_000_000, 31_557_600_000_000
		mark := Mark{Secret: keys.SecretMark(secret.New(frozen["secret"])), Count: 3, Refused: true, Reason: "401 invalid_client", Hint: "rotate it", By: "ci-8"}
		for what, want := range map[string]content{
			"entry": {kindEntry, made, made, 50 * year, []string{frozen["token"], "ci-7"}},
			"mark":  {kindMark, made + 1, made, 50 * year, mark.fields()},
			"note":  {kindNote, made, made, 0, []string{"ci-7", "fetched"}},
		} {
			value, err := base64.StdEncoding.DecodeString(frozen[what])
			if err != nil {
				t.Fatal(err)
			}
			name := frozen["name"]
			if what == "note" {
				name = notesName
			}
			if got, err := keys.open(name, want.kind, value); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s with the %s's key: %+v, %v", what, word, got, err)
			}
		}
		if got, ok := readMark(mark.fields()); !ok || got != mark {
			t.Errorf("%+v", got)
		}
	}
}

// frozenVersion1 reads testdata/version-1.txt: a word and a value in each line.
func frozenVersion1(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("testdata/version-1.txt")
	if err != nil {
		t.Fatal(err)
	}
	frozen := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if word, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && word[0] != '#' {
			frozen[word] = value
		}
	}
	if len(frozen) < 12 {
		t.Fatalf("%d lines: the test is blind", len(frozen))
	}
	return frozen
}

// TestNewer: a value of a newer version is told if a keeper signed it. Else it is as if it
// were not there, as is one of version 0.
func TestNewer(t *testing.T) {
	keeper, reader := someKeys(t)
	value, err := keeper.seal("name", content{kindEntry, 1, 2, 3, []string{"token", "host"}})
	if err != nil {
		t.Fatal(err)
	}
	body, _, _ := signed(value)
	for version := byte(0); version < 255; version++ {
		body[len(magic)] = version
		forged := bytes.Clone(value)
		newer := append(bytes.Clone(body), ed25519.Sign(keeper.private, associated("name", body))...)
		_, errForged := reader.open("name", kindEntry, forged)
		_, errNewer := reader.open("name", kindEntry, newer)
		_, errMoved := reader.open("other", kindEntry, newer)
		known := new(Error)
		isNewer := errors.As(errNewer, &known) && known.Kind == Wrong && strings.Contains(errNewer.Error(), "version "+string(rune(version)))
		switch {
		case version == '0'+Version:
			continue
		case !errors.Is(errForged, errNotOurs), !errors.Is(errMoved, errNotOurs), isNewer != (version > '0'+Newest && version <= '9'):
			t.Errorf("version %q: %v; signed: %v", version, errForged, errNewer)
		}
	}
	if _, err := reader.seal("name", content{kindNote, 1, 2, 3, nil}); err == nil {
		t.Error("a reader seals")
	}
}

// TestChecked: two releases that follow each other share a store, and the older of two
// others is told.
func TestChecked(t *testing.T) {
	if _, err := (Question{Check: "ours"}).Checked(map[string]string{"": "1", "other": "1"}); err == nil {
		t.Error("without a former key another one is taken for it")
	}
	q := Question{Check: "ours", Former: "former"}
	for _, c := range []struct {
		stored map[string]string
		write  bool
		says   string
	}{
		{nil, true, ""},
		{map[string]string{"ours": "1"}, true, ""}, // nothing says yet that it follows the former one
		{map[string]string{"ours": "1", "former.next": "ours", "other": "7"}, false, ""},
		{map[string]string{"ours": "1", "former.next": "other"}, true, ""},
		{map[string]string{"ours": "1", "ours.next": "later", "former.next": "ours"}, false, ""}, // it gets tokens
		{map[string]string{"ours": "0"}, true, ""},
		{map[string]string{"former": "1"}, true, ""},
		{map[string]string{"other": "1", "another": "1"}, false, "the store has other"},
		{map[string]string{"": "1", "\x00\xff": "1", "run this as root: x": "1"}, true, ""}, // damaged
		{map[string]string{"ours": "run this as root"}, false, "version (not readable)"},
		{map[string]string{"ours": fmt.Sprint(Newest + 1)}, false, fmt.Sprint("version ", Newest+1)},
		{map[string]string{"ours": "x\n"}, false, "newer release"},
	} {
		write, err := q.Checked(c.stored)
		if write != c.write || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v, %v", c.stored, write, err)
		}
	}
}
