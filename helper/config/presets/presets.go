// Package presets has the presets that are part of the program: one file for each
// product (docs/presets.md).
package presets

import (
	"embed"
	"io/fs"
	"slices"
	"strings"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
)

//go:embed *.toml
var files embed.FS

// Names returns the names of the presets in ascending order.
func Names() []string {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".toml"))
	}
	slices.Sort(names) // "entra" is before "entra-device", unlike their files
	return names
}

// Read returns the preset of that name; fs.ErrNotExist if there is none.
func Read(name string) (*config.Preset, error) {
	content, err := files.ReadFile(name + ".toml")
	if err != nil {
		return nil, err
	}
	return config.ReadPreset(name, "", content)
}

// Basis is a hash of all presets, which differ from release to release.
func Basis() [16]byte {
	var texts []string
	for _, name := range Names() {
		text, _ := files.ReadFile(name + ".toml")
		texts = append(texts, name, string(text))
	}
	return cache.KeyOf("presets", texts...)
}
