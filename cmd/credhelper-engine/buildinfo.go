package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime/debug"

	"github.com/credhelper/credhelper/helper/trust"
)

// errNoBuildInfo says that a file is not a Go executable with modules.
var errNoBuildInfo = errors.New("this is no executable of credhelper")

// The layout of the build information in an executable, since Go 1.18: see
// cmd/internal/buildid and debug/buildinfo in Go's source. The package debug/buildinfo
// would link the readers of five formats of executables to find the same bytes, 0.2 MB.
const (
	buildInfoMagic  = "\xff Go buildinf:"
	buildInfoAlign  = 16
	buildInfoHeader = 32
	inlineStrings   = 2 // flag: the two strings follow the header
	sentinel        = 16
)

// longestExecutable is some times what ours have, in bytes.
const longestExecutable = 64 << 20

// readBuildInfo returns the module, with its version, from which an executable was built.
func readBuildInfo(path string) (*debug.BuildInfo, error) {
	content, err := trust.ReadProvided(path, longestExecutable) // PATH may find anything there
	if err != nil {
		return nil, err
	}
	for rest := content; ; {
		at := bytes.Index(rest, []byte(buildInfoMagic))
		if at < 0 {
			return nil, errNoBuildInfo
		}
		rest = rest[at:]
		if info := parseBuildInfo(rest); (len(content)-len(rest))%buildInfoAlign == 0 && info != nil {
			return info, nil
		}
		rest = rest[len(buildInfoMagic):]
	}
}

// parseBuildInfo reads build information that begins with the magic bytes; nil if it is
// something else.
func parseBuildInfo(b []byte) *debug.BuildInfo {
	if len(b) < buildInfoHeader || b[len(buildInfoMagic)+1]&inlineStrings == 0 {
		return nil
	}
	b = b[buildInfoHeader:]
	var module []byte
	for range 2 { // Go's version, then the module
		n, width := binary.Uvarint(b)
		if width <= 0 || n > uint64(len(b)-width) {
			return nil
		}
		module, b = b[width:width+int(n)], b[width+int(n):]
	}
	if len(module) < 2*sentinel {
		return nil
	}
	info, err := debug.ParseBuildInfo(string(module[sentinel : len(module)-sentinel]))
	if err != nil {
		return nil
	}
	return info
}
