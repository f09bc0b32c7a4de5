package keyring

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"filippo.io/age"

	"github.com/credhelper/credhelper/helper/private"
	"github.com/credhelper/credhelper/protocol/secret"
)

// Opener describes what opens a File.
type Opener string

// The ways to open a File, as shown to people.
const (
	// OpenedByNothing: there is no key yet, or it is not accessible.
	OpenedByNothing Opener = ""
	// OpenedByPassphrase: only "unlock" opens it, and it is locked.
	OpenedByPassphrase Opener = "a passphrase"
	// OpenedByUnlock: it was unlocked with a passphrase.
	OpenedByUnlock Opener = "a passphrase, unlocked now"
	// OpenedByKeyFile: the key is in FileConfig.KeyFile.
	OpenedByKeyFile Opener = "a key file"
	// OpenedByPlugin: a plugin of age opens the key, a TPM's for instance.
	OpenedByPlugin Opener = "a plugin of age"
	// OpenedByCredential: the key or the passphrase is a systemd credential.
	OpenedByCredential Opener = "a systemd credential"
)

// scrypt's cost as a base-2 logarithm. OWASP recommends 17 (128 MiB, 290 ms on two slow
// cores); unlock pays it, a token request does not. A file may cost at most four times
// the memory, so that a manipulated one cannot ask for gigabytes (security.md S5).
const (
	DefaultWorkFactor = 17
	maxWorkFactor     = 19
)

// Names and limits of the files that contain the identity.
const (
	identityName = "identity.age" // in Dir; encrypted with the passphrase
	maxIdentity  = 4096
	identityMark = "AGE-SECRET-KEY-1"
)

// ways lists the ways to get the identity, tried in this order, cheap ones first. Each
// returns nil if it is not set up; an error ends the search, because something that was
// set up does not work.
var ways = [...]struct {
	opener Opener
	find   func(*File, context.Context, *directory) (*age.X25519Identity, error)
}{
	{OpenedByUnlock, (*File).fromKernel},
	{OpenedByKeyFile, (*File).fromKeyFile},
	{OpenedByPlugin, (*File).fromPlugin},
	{OpenedByCredential, (*File).fromCredential},
}

// unlocked returns the identity, or ErrLocked with advice.
func (f *File) unlocked(ctx context.Context, dir *directory) (*age.X25519Identity, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.identity != nil {
		return f.identity, nil
	}
	for _, way := range ways {
		identity, err := way.find(f, ctx, dir)
		if err != nil {
			return nil, fmt.Errorf("opened by %s: %w", way.opener, err)
		}
		if identity != nil {
			f.identity, f.openedBy = identity, way.opener
			return identity, nil
		}
	}
	return nil, f.whyLocked(dir)
}

// whyLocked says what is missing if there is no way to get the identity.
func (f *File) whyLocked(dir *directory) error {
	if _, err := dir.read(identityName, maxIdentity); err == nil {
		return ErrUnlock
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	names, err := dir.items(itemSuffix)
	switch {
	case err != nil:
		return err
	case len(names) > 0: // F11: a new key must not hide the loss of the old one
		return fmt.Errorf("%w: bring back %s or %s from a backup, or move %s aside and store its secrets again",
			ErrKeyGone, f.config.KeyFile, dir.At(identityName), dir.Path())
	}
	return fmt.Errorf("%w: it has no key yet: type credhelper keyring use file", ErrLocked)
}

// Opener returns what opens the keyring at the moment. It does not try a passphrase. A
// keyring with items that nothing can open is ErrKeyGone, not an empty one.
func (f *File) Opener(ctx context.Context) (Opener, error) {
	dir, err := f.existing()
	if dir == nil {
		return OpenedByNothing, err
	}
	defer dir.Close()
	if _, err := f.unlocked(ctx, dir); err == nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.openedBy, nil
	} else if !errors.Is(err, ErrLocked) || errors.Is(err, ErrKeyGone) {
		return OpenedByNothing, f.in(err)
	}
	if _, err := dir.read(identityName, maxIdentity); err == nil {
		return OpenedByPassphrase, nil
	}
	if f.HasPlugin() {
		return OpenedByPlugin, nil
	}
	return OpenedByNothing, nil
}

// UsePassphrase sets the passphrase that opens the keyring: for a new keyring, one with
// a key file, or, to change it, one that is unlocked. Only the identity is encrypted
// again, not the items, so this is one atomic step; after it a key file is removed. An
// identity that was in a key file may still be in backups of that file.
func (f *File) UsePassphrase(ctx context.Context, passphrase secret.Text) error {
	if passphrase.IsZero() {
		return fmt.Errorf("%w: the passphrase is empty", ErrInvalid)
	}
	return f.changing(ctx, func(dir *directory) error {
		identity, err := f.unlockedOrNew(ctx, dir)
		if err != nil {
			return err
		}
		recipient, err := age.NewScryptRecipient(passphrase.Reveal())
		if err != nil {
			return fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		recipient.SetWorkFactor(f.config.WorkFactor)
		wrapped, err := encrypt(recipient, []byte(identity.String()+"\n"))
		if err != nil {
			return err
		}
		if err := dir.write(identityName, wrapped); err != nil {
			return err
		}
		f.keep(identity, OpenedByUnlock)
		return f.removeKeyFile()
	})
}

// UseKeyFile makes a key file open the keyring, like an ssh key without passphrase: for
// a new keyring, or one that is unlocked. The passphrase is useless afterwards.
func (f *File) UseKeyFile(ctx context.Context) error {
	return f.changing(ctx, func(dir *directory) error {
		identity, err := f.unlockedOrNew(ctx, dir)
		if err != nil {
			return err
		}
		return f.useFile(dir, identity, OpenedByKeyFile, filepath.Base(f.config.KeyFile), []byte(identity.String()+"\n"), pluginFile)
	})
}

// useFile makes a file in the key file's directory open the keyring, in place of a
// passphrase and of another such file.
func (f *File) useFile(dir *directory, identity *age.X25519Identity, by Opener, name string, content []byte, former string) error {
	state, err := f.state(true)
	if err != nil {
		return err
	}
	defer state.Close()
	if err := state.write(name, content); err != nil {
		return err
	}
	f.keep(identity, by)
	return errors.Join(dir.remove(identityName), state.remove(former))
}

// state opens the directory of the key file; with create it creates it if it is missing.
// Unlike the keyring's own directory it may be a symbolic link of ours, to another disk.
func (f *File) state(create bool) (*directory, error) {
	path := filepath.Dir(f.config.KeyFile)
	d, err := private.Enter(path)
	if create && errors.Is(err, fs.ErrNotExist) {
		d, err = private.Make(path)
	}
	return &directory{d}, directoryError(err)
}

// unlockedOrNew returns the identity, and creates one if there never was one. The
// caller holds the lock, so that two processes do not create two.
func (f *File) unlockedOrNew(ctx context.Context, dir *directory) (*age.X25519Identity, error) {
	identity, err := f.unlocked(ctx, dir)
	if err == nil || !errors.Is(err, ErrLocked) {
		return identity, err
	}
	if _, readErr := dir.read(identityName, maxIdentity); !errors.Is(readErr, fs.ErrNotExist) {
		return nil, err
	}
	if names, listErr := dir.items(itemSuffix); listErr != nil || len(names) > 0 {
		return nil, err
	}
	return age.GenerateX25519Identity()
}

// keep remembers the identity for this File.
func (f *File) keep(identity *age.X25519Identity, by Opener) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.identity, f.openedBy = identity, by
}

func (f *File) removeKeyFile() error {
	state, err := f.state(false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	defer state.Close()
	return errors.Join(state.remove(filepath.Base(f.config.KeyFile)), state.remove(pluginFile))
}

// fromKeyFile reads the generated key file.
func (f *File) fromKeyFile(_ context.Context, dir *directory) (*age.X25519Identity, error) {
	var identity *age.X25519Identity
	text, err := f.readState(filepath.Base(f.config.KeyFile), maxIdentity)
	if text != nil && err == nil {
		identity, err = parseIdentity(text)
	}
	if errors.Is(err, ErrDamaged) { // as bad as if it were gone, and nothing else opens the items
		return nil, fmt.Errorf("%w: %s is damaged: bring it back from a backup, or move it and %s aside and store the secrets again",
			ErrKeyGone, f.config.KeyFile, dir.Path())
	}
	return identity, err
}

// readState reads a file of the key file's directory, of at most limit bytes; nil if
// there is none.
func (f *File) readState(name string, limit int) (text []byte, err error) {
	state, err := f.state(false)
	if err == nil {
		defer state.Close()
		text, err = state.read(name, limit)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

// fromCredential reads the systemd credential: the identity itself, or the
// passphrase of identity.age.
func (f *File) fromCredential(_ context.Context, dir *directory) (*age.X25519Identity, error) {
	if f.config.Credential == "" {
		return nil, nil
	}
	text, err := readFile(f.config.Credential)
	if err != nil {
		return nil, err
	}
	if strings.Contains(string(text), identityMark) {
		return parseIdentity(text)
	}
	passphrase, err := CleanSecret(text)
	if err != nil {
		return nil, err
	}
	return unwrapIdentity(dir, passphrase)
}

// parseIdentity parses an identity as written by age-keygen: comment lines, and one
// line with the identity. The errors of age are not passed on, because they may quote
// the text.
func parseIdentity(text []byte) (*age.X25519Identity, error) {
	var found *age.X25519Identity
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		identity, err := age.ParseX25519Identity(line)
		if err != nil || found != nil {
			return nil, fmt.Errorf("%w: it is not one age identity", ErrDamaged)
		}
		found = identity
	}
	if found == nil {
		return nil, fmt.Errorf("%w: it holds no age identity", ErrDamaged)
	}
	return found, nil
}

// unwrapIdentity decrypts identity.age with a passphrase. All failures give the same
// error (F12): a flipped byte of the salt cannot be distinguished from a wrong
// passphrase, and more detail would only help an attacker.
func unwrapIdentity(dir *directory, passphrase secret.Text) (*age.X25519Identity, error) {
	wrapped, err := dir.read(identityName, maxIdentity)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: it has no passphrase: %s is not there", ErrInvalid, dir.At(identityName))
	} else if err != nil {
		return nil, err
	}
	by, err := age.NewScryptIdentity(passphrase.Reveal())
	if err != nil {
		return nil, ErrPassphrase
	}
	by.SetMaxWorkFactor(maxWorkFactor)
	text, err := decrypt(by, wrapped, maxIdentity)
	var stranger *age.NoIdentityMatchError
	switch {
	case errors.As(err, &stranger):
		return nil, ErrPassphrase
	case err != nil:
		return nil, fmt.Errorf("%w: %s does not open (left in place: bring it back from a backup)", ErrDamaged, dir.At(identityName))
	}
	return parseIdentity(text)
}
