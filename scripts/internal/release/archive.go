package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"os"
	"path"
	"path/filepath"
	"time"
)

// archiveName returns the name of a target's archive.
func (r *release) archiveName(t target) string {
	if t.os == "windows" {
		return r.file(t.os, t.machine(), "zip")
	}
	return r.file(t.os, t.machine(), "tar.gz")
}

// archive writes a target's archive. Its only directory is a prefix: to install it,
// unpack its contents into /usr/local or ~/.local.
func (r *release) archive(out string, t target, tree []file) error {
	top := "credhelper-" + r.number()
	pack := tarred
	if t.os == "windows" {
		pack = zipped
	}
	content, err := pack(top, sorted(tree), time.Unix(r.epoch, 0).UTC())
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, r.archiveName(t)), content, 0o644)
}

// tarred returns a tree as a .tar.gz. It has no entries for directories, so that existing
// ones keep their owner and mode.
func tarred(top string, tree []file, when time.Time) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range tree {
		h := &tar.Header{Name: path.Join(top, f.name), Mode: int64(f.mode.Perm()), ModTime: when, Size: int64(len(f.content)), Typeflag: tar.TypeReg, Uname: "root", Gname: "root"}
		if f.link != "" {
			h.Typeflag, h.Linkname = tar.TypeSymlink, f.link
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return compressed(b.Bytes(), 0), nil
}

// zipped returns a tree as a .zip.
func zipped(top string, tree []file, when time.Time) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range tree {
		h := &zip.FileHeader{Name: path.Join(top, f.name), Method: zip.Deflate, Modified: when}
		h.SetMode(f.mode)
		entry, err := w.CreateHeader(h)
		if err != nil {
			return nil, err
		}
		if _, err := entry.Write(f.content); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

// sourceArchive is the source as distributions build it: git writes the version into it
// (cmd/credhelper-engine/version.go).
func (r *release) sourceArchive(out string) error {
	text, err := run(r.source, nil, "git", "archive", "--format=tar", "--prefix=credhelper-"+r.number()+"/", r.version)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, r.file("source", "tar.gz")), compressed([]byte(text), 0), 0o644)
}
