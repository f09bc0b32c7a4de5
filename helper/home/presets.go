package home

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/config/presets"
	"github.com/credhelper/credhelper/helper/configfile"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// presetDirs returns the directories of presets that are not embedded, the user's
// first.
func (h *Home) presetDirs() []string {
	return configfile.Dirs(h.Dirs.Presets(), h.Dirs.System, "presets")
}

// Preset returns the preset of that name: embedded, the user's or the system's.
func (h *Home) Preset(name string) (*config.Preset, error) {
	if !protocol.ValidProfile(name) {
		return nil, protocol.Policy("not a preset name: " + printable.Value(name))
	}
	builtin, err := presets.Read(name)
	if !errors.Is(err, fs.ErrNotExist) {
		// Whether a file of that name were used would depend on the version.
		if path, found := h.ownPreset(name); found {
			return nil, protocol.Policy(path + ": " + name + " is a built-in preset; give this file another name")
		}
		return builtin, err
	}
	for _, dir := range h.presetDirs() {
		path := configfile.Path(dir, name)
		content, err := configfile.Read(path, configfile.MaxSize)
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
		names, _ := configfile.Names(dir)
		if slices.Contains(names, name) {
			return configfile.Path(dir, name), true
		}
	}
	return "", false
}

func (h *Home) noPreset(name string) error {
	listed := map[string]bool{}
	for _, n := range presets.Names() {
		listed[n] = true
	}
	for _, dir := range h.presetDirs() {
		names, _ := configfile.Names(dir)
		for _, n := range names {
			listed[n] = true
		}
	}
	hint := "there are " + strings.Join(presets.Names(), ", ")
	if near := configfile.Nearest(name, listed); near != "" {
		hint = "did you mean " + near + "?"
	}
	return &protocol.Error{Kind: protocol.ErrPolicy, Text: "no preset " + name, Hint: hint}
}
