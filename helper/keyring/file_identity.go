package keyring

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"filippo.io/age"

	"github.com/credhelper/credhelper/protocol/secret"
)

// Opener is what opens a File.
type Opener string

// The ways to open a File, in words for people.
const (
	// OpenedByNothing: there is no key yet, or no way to it.
	OpenedByNothing Opener = ""
	// OpenedByPassphrase: only "unlock" opens it; it is locked now.
	OpenedByPassphrase Opener = "a passphrase"
	// OpenedByUnlock: a passphrase, given to "unlock" a while ago.
	OpenedByUnlock Opener = "a passphrase, unlocked now"
	// OpenedByKeyFile: the key lies in FileConfig.KeyFile.
	OpenedByKeyFile Opener = "a key file"
	// OpenedByCredential: systemd hands out the key or the passphrase.
	OpenedByCredential Opener = "a systemd credential"
)

// scrypt's cost as a base-2 logarithm. 17 is what OWASP asks for (128 MiB,
// 290 ms on two slow cores); it is paid by unlock, not by a token. What is
// read may cost at most four times the memory: a doctored file must not be
// able to ask for gigabytes (security.md S5).
const (
	DefaultWorkFactor = 17
	maxWorkFactor     = 19
)

// Names and limits of what holds the identity.
const (
	identityName = "identity.age" // in Dir, encrypted with the passphrase
	maxIdentity  = 4096
	identityMark = "AGE-SECRET-KEY-1"
)

// ways to the identity, tried in this order, the cheap ones first. Each
// returns nil when it does not lead anywhere; an error ends the search, since
// something that was set up does not work.
var ways = [...]struct {
	opener Opener
	find   func(*File, context.Context, *directory) (*age.X25519Identity, error)
}{
	{OpenedByUnlock, (*File).fromKernel},
	{OpenedByKeyFile, (*File).fromKeyFile},
	{OpenedByCredential, (*File).fromCredential},
}

// unlocked returns the identity, or ErrLocked with what to do.
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

// whyLocked says what is missing when no way leads to the identity.
func (f *File) whyLocked(dir *directory) error {
	if _, err := dir.read(identityName, maxIdentity); err == nil {
		return fmt.Errorf("%w: type credhelper unlock", ErrLocked)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	names, err := dir.items(itemSuffix)
	switch {
	case err != nil:
		return err
	case len(names) > 0: // F11: a lost key must not be papered over by a new one
		return fmt.Errorf("%w: bring back %s or %s from a backup, or move %s aside and store its secrets again",
			ErrKeyGone, f.config.KeyFile, dir.At(identityName), dir.Path())
	}
	return fmt.Errorf("%w: it has no key yet: type credhelper keyring use file", ErrLocked)
}

// Opener says what opens the keyring now. It does not try a passphrase. A keyring
// with items that nothing opens any more is ErrKeyGone, not an empty one.
func (f *File) Opener(ctx context.Context) (Opener, error) {
	dir, err := openDirectory(f.config.Dir, false)
	if errors.Is(err, fs.ErrNotExist) {
		return OpenedByNothing, nil
	} else if err != nil {
		return OpenedByNothing, f.in(err)
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
	return OpenedByNothing, nil
}

// UsePassphrase makes passphrase what opens the keyring: for a new keyring,
// one with a key file, or (changing it) one that is unlocked. Only the identity
// is encrypted anew, never the items, so it is one atomic step; a key file is
// removed after it. An identity that lay in a key file may still be in backups
// of that file.
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

// UseKeyFile makes the key file what opens the keyring, as an ssh key without
// a passphrase would: for a new keyring, or one that is unlocked. The
// passphrase is no longer good for anything after it.
func (f *File) UseKeyFile(ctx context.Context) error {
	return f.changing(ctx, func(dir *directory) error {
		identity, err := f.unlockedOrNew(ctx, dir)
		if err != nil {
			return err
		}
		state, err := openState(filepath.Dir(f.config.KeyFile), true)
		if err != nil {
			return err
		}
		defer state.Close()
		if err := state.write(filepath.Base(f.config.KeyFile), []byte(identity.String()+"\n")); err != nil {
			return err
		}
		f.keep(identity, OpenedByKeyFile)
		return dir.remove(identityName)
	})
}

// unlockedOrNew returns the identity, or makes one if there has never been
// one; the caller holds the lock, so two processes do not make two.
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
	state, err := openState(filepath.Dir(f.config.KeyFile), false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	defer state.Close()
	return state.remove(filepath.Base(f.config.KeyFile))
}

// fromKeyFile reads the generated key file.
func (f *File) fromKeyFile(_ context.Context, _ *directory) (*age.X25519Identity, error) {
	state, err := openState(filepath.Dir(f.config.KeyFile), false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	defer state.Close()
	text, err := state.read(filepath.Base(f.config.KeyFile), maxIdentity)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	return parseIdentity(text)
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

// parseIdentity reads an identity as age-keygen writes it: comment lines, and
// one line that holds it. The errors of age are not passed on, since they may
// quote what they could not read.
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

// unwrapIdentity opens identity.age with a passphrase. Whatever is wrong with
// a passphrase gives the same error (F12): a byte flipped in the salt cannot
// be told from it, and more detail helps only who is guessing.
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
