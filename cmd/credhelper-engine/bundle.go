package main

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"os"
	"strings"

	"github.com/credhelper/credhelper/helper/logfile"
	"github.com/credhelper/credhelper/helper/logfile/logread"
	"github.com/credhelper/credhelper/helper/private"
	"github.com/credhelper/credhelper/protocol"
)

// writeBundle writes an archive for a support ticket: the findings, the profiles and
// the end of the log. None of them contains a secret; the user's home and name are
// removed.
func (x *examination) writeBundle(path string) error {
	parts, err := x.bundleParts()
	if err != nil {
		return err
	}
	f, err := private.NewFile(path)
	if err != nil {
		return protocol.Policy("--bundle: " + err.Error())
	}
	packed := gzip.NewWriter(f)
	archive := tar.NewWriter(packed)
	for _, part := range parts {
		text := x.redact(part.text)
		header := tar.Header{Name: "credhelper/" + part.name, Mode: 0o600, Size: int64(len(text)), ModTime: x.now(), Typeflag: tar.TypeReg}
		if err = archive.WriteHeader(&header); err == nil {
			_, err = archive.Write([]byte(text))
		}
		if err != nil {
			break
		}
	}
	for _, close := range [...]func() error{archive.Close, packed.Close, f.Close} {
		if e := close(); err == nil {
			err = e
		}
	}
	if err != nil {
		os.Remove(path)
		return protocol.Policy("--bundle: " + err.Error())
	}
	return nil
}

type bundlePart struct{ name, text string }

func (x *examination) bundleParts() ([]bundlePart, error) {
	findings, err := json.MarshalIndent(x.findings, "", "  ")
	if err != nil {
		return nil, err
	}
	parts := []bundlePart{{"doctor.json", string(findings) + "\n"}, {"version.txt", release() + "\n"}}
	all, _ := x.helper.Profiles()
	for _, p := range all {
		text, err := p.Resolved()
		if err != nil {
			return nil, err
		}
		parts = append(parts, bundlePart{"profiles/" + p.Name + ".toml", string(text)})
	}
	const lines = 500
	var log []string
	_ = logread.All(x.helper.Dirs.Log(), func(r logfile.Record) bool {
		if line, err := json.Marshal(r); err == nil {
			log = lastOf(append(log, string(line)), lines, 2*lines)
		}
		return true
	})
	log = lastOf(log, lines, lines)
	return append(parts, bundlePart{"log.jsonl", strings.Join(log, "\n") + "\n"}), nil
}

// redact removes the user's name and home from a text, which may be JSON or TOML, with a
// backslash of Windows doubled.
func (x *examination) redact(text string) string {
	for _, name := range [...]string{"CREDHELPER_HOME", "HOME", "USERPROFILE"} {
		if home := x.env(name); len(home) > 1 {
			text = strings.ReplaceAll(text, strings.ReplaceAll(home, `\`, `\\`), "$"+name)
			text = strings.ReplaceAll(text, home, "$"+name)
		}
	}
	for _, name := range [...]string{"USER", "LOGNAME", "USERNAME"} {
		if user := x.env(name); len(user) > 3 {
			text = strings.ReplaceAll(text, user, "$"+name)
		}
	}
	return text
}
