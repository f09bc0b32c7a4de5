package home

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// presetDirs returns the directories of presets that are not embedded, the user's
// first.
func (h *Home) presetDirs() []string {
	dirs := []string{h.Dirs.Presets()}
	if h.Dirs.System != "" {
		dirs = append(dirs, filepath.Join(h.Dirs.System, "presets"))
	}
	return dirs
}

// Preset returns the preset of that name: embedded, the user's or the system's.
func (h *Home) Preset(name string) (*config.Preset, error) {
	if !protocol.ValidProfile(name) {
		return nil, protocol.Policy("not a preset name: " + printable.Value(name))
	}
	builtin, err := config.BuiltinPreset(name)
	if !errors.Is(err, fs.ErrNotExist) {
		// Whether a file of that name were used would depend on the version.
		if path, found := h.ownPreset(name); found {
			return nil, protocol.Policy(path + ": " + name + " is a built-in preset; give this file another name")
		}
		return builtin, err
	}
	for _, dir := range h.presetDirs() {
		path := filepath.Join(dir, name+suffix)
		content, err := config.ReadProvided(path, maxConfig)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return config.ReadPreset(name, path, content)
	}
	return nil, h.noPreset(name)
}

func (h *Home) ownPreset(name string) (path string, found bool) {
	for _, dir := range h.presetDirs() {
		names, _ := namesIn(dir)
		if slices.Contains(names, name) {
			return filepath.Join(dir, name+suffix), true
		}
	}
	return "", false
}

func (h *Home) noPreset(name string) error {
	known := map[string]bool{}
	for _, n := range config.PresetNames() {
		known[n] = true
	}
	for _, dir := range h.presetDirs() {
		names, _ := namesIn(dir)
		for _, n := range names {
			known[n] = true
		}
	}
	hint := "there are " + strings.Join(config.PresetNames(), ", ")
	if near := config.Nearest(name, known); near != "" {
		hint = "did you mean " + near + "?"
	}
	return &protocol.Error{Kind: protocol.ErrPolicy, Text: "no preset " + name, Hint: hint}
}
