package main

import (
	"bytes"
	"debug/buildinfo"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestReadBuildInfo: readBuildInfo reads the same from an executable as Go's own reader.
func TestReadBuildInfo(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	want, err := buildinfo.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	got, err := readBuildInfo(self)
	if err != nil || got.Main != want.Main || len(got.Deps) != len(want.Deps) || got.Path != want.Path {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

// TestReadBuildInfoOfOthers: a file that has the magic bytes but nothing valid after them is
// not an executable of ours, whatever lengths it contains.
func TestReadBuildInfoOfOthers(t *testing.T) {
	header := append([]byte(buildInfoMagic), 8, inlineStrings)
	header = append(header, make([]byte, buildInfoHeader-len(header))...)
	for name, content := range map[string][]byte{
		"empty":           nil,
		"a script":        []byte("#!/bin/sh\n"),
		"magic alone":     []byte(buildInfoMagic),
		"header alone":    header,
		"endless length":  append(bytes.Clone(header), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1),
		"too long":        append(bytes.Clone(header), 0, 100),
		"short module":    append(bytes.Clone(header), 0, 3, 'a', 'b', 'c'),
		"no inline":       make([]byte, 64),
		"many magic bits": bytes.Repeat([]byte(buildInfoMagic), 1000),
	} {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if info, err := readBuildInfo(path); !errors.Is(err, errNoBuildInfo) {
			t.Errorf("%s: %+v, %v", name, info, err)
		}
	}
}
