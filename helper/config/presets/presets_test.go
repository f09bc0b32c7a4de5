package presets

import (
	"reflect"
	"slices"
	"testing"

	"github.com/credhelper/credhelper/helper/config"
)

// TestEmbeddedPresets: the presets of the program are as strict as a user's, which is not
// checked again when they are used.
func TestEmbeddedPresets(t *testing.T) {
	names := Names()
	if !slices.Contains(names, "oauth2") {
		t.Fatalf("the test is blind: %q", names)
	}
	for _, name := range names {
		content, err := files.ReadFile(name + ".toml")
		if err != nil {
			t.Fatal(err)
		}
		p, err := config.ReadPreset(name, "/presets/"+name+".toml", content)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		p.Path = ""
		if own, err := Read(name); err != nil || !reflect.DeepEqual(own, p) {
			t.Errorf("%s: %+v, %v", name, own, err)
		}
	}
}
