package keyring

import (
	"bufio"
	"bytes"
	"reflect"
	"strings"
	"testing"

	"filippo.io/age"
)

// FuzzStanza: whatever a plugin sends, what can be read is written as it was.
func FuzzStanza(f *testing.F) {
	for _, seed := range []string{"-> done\n\n", "-> file-key 0\nAAAA\n", "-> msg\n" + strings.Repeat("A", 64) + "\n\n",
		"-> \n\n", "->x\n\n", "-> a  b\n\n", "-> a\nA===\n", "-> a\n" + strings.Repeat("A", 65) + "\n", "-> a\nAB\n", "-> a\nAA\r\n", "-> a"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		r := bufio.NewReader(bytes.NewReader(input))
		s, err := readStanza(r)
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := writeStanza(&out, s); err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(input, out.Bytes()) {
			t.Errorf("%q was read, and %q written", input, out.Bytes())
		}
	})
}

// TestStanza: bodies of about the length of a line.
func TestStanza(t *testing.T) {
	for _, n := range []int{0, 1, 47, 48, 49, 95, 96, 97, 1000} {
		want := &age.Stanza{Type: "msg", Args: []string{"1", "b"}, Body: bytes.Repeat([]byte{7}, n)}
		var out bytes.Buffer
		if err := writeStanza(&out, want); err != nil {
			t.Fatal(err)
		}
		if got, err := readStanza(bufio.NewReader(&out)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%d bytes: %v, %v", n, got, err)
		}
	}
}
