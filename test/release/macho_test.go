//go:build release

package release

import (
	"bytes"
	"debug/macho"
	"slices"
	"strings"
	"testing"
)

// The load commands and flags of Mach-O that are looked at (mach-o/loader.h).
const (
	loadCodeSignature = 0x1d
	loadBuildVersion  = 0x32
	flagPIE           = 0x200000
)

// TestMachO: what macOS asks of an executable before it runs it, of all three and for both
// architectures: position-independent, for macOS 12 and later, linked with libraries of the
// system alone, and on arm64 with the signature, nobody's, that the linker makes. No more
// can be tried without a Mac.
func TestMachO(t *testing.T) {
	for system, cpu := range map[string]macho.Cpu{"darwin/amd64": macho.CpuAmd64, "darwin/arm64": macho.CpuArm64} {
		seen := 0
		for path, e := range unpacked(t, archives(t)[system]) {
			if e.mode&0o111 == 0 || !bytes.HasPrefix(e.content, []byte{0xcf, 0xfa, 0xed, 0xfe}) {
				continue
			}
			seen++
			f, err := macho.NewFile(bytes.NewReader(e.content))
			if err != nil {
				t.Errorf("%s: %s: %v", system, path, err)
				continue
			}
			if f.Cpu != cpu || f.Type != macho.TypeExec || f.Flags&flagPIE == 0 {
				t.Errorf("%s: %s is for %v, of type %v, with flags %#x", system, path, f.Cpu, f.Type, f.Flags)
			}
			libraries, err := f.ImportedLibraries()
			if err != nil || len(libraries) == 0 {
				t.Errorf("%s: %s: libraries %q, %v", system, path, libraries, err)
			}
			for _, library := range libraries {
				if !strings.HasPrefix(library, "/usr/lib/") && !strings.HasPrefix(library, "/System/Library/Frameworks/") {
					t.Errorf("%s: %s needs %s", system, path, library)
				}
			}
			var commands []uint32
			for _, load := range f.Loads {
				raw := load.Raw()
				command := f.ByteOrder.Uint32(raw)
				commands = append(commands, command)
				if oldest := f.ByteOrder.Uint32(raw[12:]); command == loadBuildVersion && oldest != 12<<16 {
					t.Errorf("%s: %s needs macOS %#x", system, path, oldest)
				}
			}
			if !slices.Contains(commands, loadBuildVersion) {
				t.Errorf("%s: %s does not say for which macOS it is", system, path)
			}
			if signed := slices.Contains(commands, loadCodeSignature); signed != (cpu == macho.CpuArm64) {
				t.Errorf("%s: %s: signed by the linker: %v", system, path, signed)
			}
		}
		if seen != 3 {
			t.Errorf("%s: %d executables, want 3", system, seen)
		}
	}
}
