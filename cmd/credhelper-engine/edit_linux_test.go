package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/inner"
	"github.com/credhelper/credhelper/helper"
)

// TestEditAdministrators: a profile of the administrator's becomes one's own, also for a
// user who has none yet.
func TestEditAdministrators(t *testing.T) {
	home, system := newHome(t), newHome(t)
	editor := filepath.Join(t.TempDir(), "editor")
	for path, text := range map[string]string{
		filepath.Join(system, "profiles", "team.toml"): "preset = \"jama\"\nurl = \"https://team.example.com\"\nclient_id = \"client\"\n",
		editor: "#!/bin/sh\nsed -i s/client\\\"/mine\\\"/ \"$1\"\n",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s := &session{environ: []string{"CREDHELPER_HOME=" + home, "CREDHELPER_ETC=none", "EDITOR=" + editor, "PATH=/usr/bin:/bin"}, now: time.Now, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	config, err := inner.Config(s.environ, s.now)
	if err != nil {
		t.Fatal(err)
	}
	config.Dirs.System = system
	s.helper = helper.New(config)
	if err := s.edit(t.Context(), "team"); err != nil {
		t.Fatal(err)
	}
	own, err := os.ReadFile(filepath.Join(config.Dirs.Config, "profiles", "team.toml"))
	if err != nil || !strings.Contains(string(own), "mine") {
		t.Errorf("%q, %v", own, err)
	}
}
