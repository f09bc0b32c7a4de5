package keyring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// The key that a plugin opens is in one file beside the key file, so that one rename
// replaces all of it:
//
//	# plugin: /usr/bin/age-plugin-NAME
//	AGE-PLUGIN-NAME-1...
//	-----BEGIN AGE ENCRYPTED FILE-----
//	the key of the keyring, sealed for that identity
//	-----END AGE ENCRYPTED FILE-----
//
// The file is useless without a working plugin.
const (
	pluginFile    = "keyring.plugin"
	maxPluginFile = 64 << 10
	programLine   = "# plugin: "
)

// UsePlugin makes a plugin open the keyring: for a new keyring, or one that is unlocked.
// person helps the plugin and may be nil. The plugin must open the sealed key again
// before anything is changed; then a key file and a passphrase are removed.
func (f *File) UsePlugin(ctx context.Context, plugin Plugin, person *Person) error {
	return f.changing(ctx, func(dir *directory) error {
		identity, err := f.unlockedOrNew(ctx, dir)
		if err != nil {
			return err
		}
		text, err := f.sealFor(ctx, plugin, person, identity)
		if err != nil {
			return err
		}
		opened, err := f.openPlugin(ctx, text, person)
		if err != nil {
			return fmt.Errorf("the plugin does not decrypt what it encrypted: %w", err)
		}
		if opened.String() != identity.String() {
			return problem(ErrDamaged, "the plugin returned another key than was encrypted to it")
		}
		return f.useFile(dir, identity, OpenedByPlugin, pluginFile, text, filepath.Base(f.config.KeyFile))
	})
}

// HasPlugin reports whether a plugin opens the keyring. It does not run it.
func (f *File) HasPlugin() bool {
	text, err := f.readState(pluginFile, maxPluginFile)
	return err == nil && text != nil
}

// UnlockByPlugin is Unlock with the plugin and a person's help.
func (f *File) UnlockByPlugin(ctx context.Context, person *Person, keep time.Duration) error {
	text, err := f.readState(pluginFile, maxPluginFile)
	if err == nil && text == nil {
		err = problem(ErrInvalid, "no plugin opens it")
	}
	if err != nil {
		return f.in(err)
	}
	identity, err := f.openPlugin(ctx, text, person)
	if err != nil {
		return f.in(err)
	}
	f.keep(identity, OpenedByUnlock)
	return f.in(f.intoKernel(identity, min(keep, MaxUnlocked)))
}

// fromPlugin lets the plugin open the key without a person's help.
func (f *File) fromPlugin(ctx context.Context, _ *directory) (*age.X25519Identity, error) {
	text, err := f.readState(pluginFile, maxPluginFile)
	if err != nil || text == nil {
		return nil, err
	}
	return f.openPlugin(ctx, text, nil)
}

// sealFor writes the plugin's file.
func (f *File) sealFor(ctx context.Context, plugin Plugin, person *Person, identity *age.X25519Identity) ([]byte, error) {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s%s\n%s\n", programLine, plugin.Program, plugin.Identity)
	armored := armor.NewWriter(&out)
	sealed, err := encrypt(conversation{ctx, plugin, f.config.Environ, person}, []byte(identity.String()+"\n"))
	if err != nil {
		return nil, err
	}
	_, err = armored.Write(sealed)
	err = errors.Join(err, armored.Close())
	return out.Bytes(), err
}

// openPlugin reads the plugin's file and runs the program that it names.
func (f *File) openPlugin(ctx context.Context, text []byte, person *Person) (*age.X25519Identity, error) {
	first, rest, _ := strings.Cut(string(text), "\n")
	identity, sealed, _ := strings.Cut(rest, "\n")
	program, ok := strings.CutPrefix(first, programLine)
	if _, err := onePluginIdentity(identity); !ok || err != nil || !filepath.IsAbs(program) {
		return nil, problem(ErrDamaged, "%s is not what was written there", pluginFile)
	}
	raw, err := io.ReadAll(armor.NewReader(strings.NewReader(sealed)))
	if err != nil {
		return nil, problem(ErrDamaged, "%s is not what was written there", pluginFile)
	}
	plain, err := decrypt(conversation{ctx, Plugin{program, identity}, f.config.Environ, person}, raw, maxIdentity)
	if err != nil {
		return nil, pluginTrouble(err)
	}
	return parseIdentity(plain)
}

// pluginTrouble returns err if it has a meaning of ours; else the file is damaged, and
// the text, which is age's, is not shown.
func pluginTrouble(err error) error {
	for _, kind := range [...]error{ErrLocked, ErrUnavailable, ErrUnsafe} {
		if errors.Is(err, kind) {
			return err
		}
	}
	return problem(ErrDamaged, "%s does not open", pluginFile)
}
