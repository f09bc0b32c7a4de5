package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// try runs the mutant's test with the change applied. nil: the test failed, as it must.
func (m mutant) try() error {
	dir, err := os.MkdirTemp("", "mutant-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	overlay, err := m.overlay(dir)
	if err != nil {
		return err
	}
	cmd := exec.Command("go", "test", "-json", "-count=1", "-short", "-timeout=3m", "-run", pattern(m.test), m.pkg)
	// In the environment, so that the executables that a test builds are mutants too.
	cmd.Env = append(os.Environ(), "GOFLAGS=-overlay="+overlay, "CGO_ENABLED=0")
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	return verdict(m.test, out)
}

// overlay writes the changed file and the JSON for go build -overlay.
func (m mutant) overlay(dir string) (string, error) {
	path, err := filepath.Abs(m.file)
	if err != nil {
		return "", err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(content), m.old); n != 1 {
		return "", fmt.Errorf("it no longer applies: its text stands %d times in %s", n, m.file)
	}
	edited := filepath.Join(dir, filepath.Base(m.file))
	if err := os.WriteFile(edited, []byte(strings.Replace(string(content), m.old, m.changed, 1)), 0o600); err != nil {
		return "", err
	}
	text, err := json.Marshal(map[string]map[string]string{"Replace": {path: edited}})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, text, 0o600)
}

// pattern returns the -run expression of exactly one test: "A/b" is "^A$/^b$".
func pattern(test string) string {
	parts := strings.Split(test, "/")
	for i, p := range parts {
		parts[i] = "^" + p + "$"
	}
	return strings.Join(parts, "/")
}

// event is a line of go test -json.
type event struct{ Action, Test, Output string }

// verdict evaluates the output of go test: nil if the test ran and failed.
func verdict(test string, out []byte) error {
	ran, failed := false, false
	var lines []string
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var e event
		if err := d.Decode(&e); err != nil {
			return fmt.Errorf("go test -json: %w", err)
		}
		switch e.Action {
		case "build-output":
			lines = append(lines, strings.TrimSpace(e.Output))
		case "build-fail":
			return fmt.Errorf("it does not compile: %s", strings.Join(lines, " "))
		case "run":
			ran = ran || e.Test == test || !strings.Contains(test, "/")
		case "fail":
			failed = failed || e.Test != ""
		}
	}
	switch {
	case !ran:
		return errors.New("its test did not run")
	case !failed:
		return errors.New("it survives: its test is green")
	}
	return nil
}
