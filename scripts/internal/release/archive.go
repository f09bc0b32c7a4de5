package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"
)

// archiveName returns the name of a target's archive.
func (r *release) archiveName(t target) string {
	if t.os == "windows" {
		return r.file(t.os, t.machine(), "zip")
	}
	return r.file(t.os, t.machine(), "tar.gz")
}

// krewName returns the name of the archive that krew unpacks, "" for a system that is not
// in its index. krew knows no links (its internal/download/downloader.go), which archives
// for Windows do not have anyway.
func (r *release) krewName(t target) string {
	switch {
	case t.os == "freebsd" || t.arch != "amd64" && t.arch != "arm64":
		return ""
	case t.os == "windows":
		return r.archiveName(t)
	}
	return "credhelper-krew_" + r.number() + "_" + t.os + "_" + t.machine() + ".tar.gz"
}

// top returns the only directory of an archive. It is a prefix: to install it, unpack its
// contents into /usr/local or ~/.local.
func (r *release) top() string { return "credhelper-" + r.number() }

// archives writes a target's archives.
func (r *release) archives(out string, t target, executables []file, shared sharedFiles) error {
	if t.os == "windows" {
		return r.archive(out, r.archiveName(t), zipped, slices.Concat(executables, shared.of(t)))
	}
	err := r.archive(out, r.archiveName(t), tarred, slices.Concat(executables, shared.of(t)))
	if name := r.krewName(t); err == nil && name != "" {
		err = r.archive(out, name, tarred, slices.Concat(executables, shared.pages))
	}
	return err
}

func (r *release) archive(out, name string, pack func(string, []file, time.Time) ([]byte, error), tree []file) error {
	content, err := pack(r.top(), sorted(tree), time.Unix(r.epoch, 0).UTC())
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, name), content, 0o644)
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
	return compressed(b.Bytes()), nil
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
	text, err := run(r.source, nil, "git", "archive", "--format=tar", "--prefix="+r.top()+"/", r.version)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, r.file("source", "tar.gz")), compressed([]byte(text)), 0o644)
}
