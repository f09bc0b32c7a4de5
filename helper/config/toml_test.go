package config

import (
	"strings"
	"testing"

	"github.com/credhelper/credhelper/helper/configfile"
)

// TestKeysOfManyParts: a document whose keys have thousands of parts is refused before
// anything looks at each of them, in a profile, in inline tables and in an import.
func TestKeysOfManyParts(t *testing.T) {
	deep := "a" + strings.Repeat(".a", 20000)
	for name, content := range map[string]string{
		"key":          "client_id = \"x\"\nparams." + deep + " = 1\n",
		"table":        "[" + deep + "]\n",
		"table in one": "params = { b = [{ " + deep + " = 1 }] }\n",
		"tables":       "params = " + strings.Repeat("{a=", 20) + "1" + strings.Repeat("}", 20) + "\n",
	} {
		var f File
		if _, err := configfile.Parse("x.toml", []byte(content), &f); err == nil || err.Error() != "x.toml: a key has more than 16 parts" {
			t.Errorf("%s: %.200v", name, err)
		}
		if _, err := ReadBundle([]byte("credhelper = 1\n"+content), nil); err == nil || err.Error() != "import: a key has more than 16 parts" {
			t.Errorf("%s, imported: %.200v", name, err)
		}
	}
}

// TestLinesOfKeys: an error names the line of its key, behind strings of several lines and
// in inline tables.
func TestLinesOfKeys(t *testing.T) {
	var f File
	d, err := configfile.Parse("x.toml", []byte("notes = \"\"\"\na\nb\"\"\"\n\nparams = { a = \"1\", b = [\"2\"] }\n[assertion]\nalg = \"RS256\"\n\n[probe]\npath = \"/\"\n"), &f)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]int{"notes": 1, "params": 5, "params.a": 5, "params.b": 5, "assertion": 6, "assertion.alg": 7, "probe.path": 10} {
		if got := d.Line(key); got != want {
			t.Errorf("%s is in line %d, want %d", key, got, want)
		}
	}
}
