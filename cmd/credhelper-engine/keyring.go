package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/keyring/desktop"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// keyringCommand chooses where secrets are kept.
func (s *session) keyringCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "keyring",
		Short:   "choose where secrets are kept, or set the passphrase of the encrypted file",
		GroupID: groupKeep,
		Args:    between(1, 1, "keyring use BACKEND | keyring passphrase"),
		RunE: func(*cobra.Command, []string) error {
			return usage("keyring use BACKEND | keyring passphrase")
		},
	}
	var volatile bool
	use := &cobra.Command{
		Use:               "use BACKEND",
		Short:             "keep secrets in " + strings.Join(backendNames(), ", "),
		Args:              between(1, 1, "keyring use BACKEND"),
		ValidArgsFunction: cobra.FixedCompletions(backendNames(), cobra.ShellCompDirectiveNoFileComp),
		Annotations:       patient,
		RunE: func(c *cobra.Command, args []string) error {
			return s.useKeyring(c.Context(), args[0], volatile)
		},
	}
	use.Flags().BoolVar(&volatile, "volatile", false, "take a keyring that forgets everything when the machine stops")
	var keyFile bool
	passphrase := &cobra.Command{
		Use:         "passphrase",
		Short:       "set or change the passphrase of the encrypted file keyring",
		Args:        between(0, 0, "keyring passphrase"),
		Annotations: patient,
		RunE: func(c *cobra.Command, _ []string) error {
			return s.setPassphrase(c.Context(), keyFile)
		},
	}
	passphrase.Flags().BoolVar(&keyFile, "key-file", false, "go back to a key file, which needs no unlocking")
	c.AddCommand(use, passphrase)
	return c
}

func backendNames() (names []string) {
	for _, b := range keyring.Backends {
		names = append(names, b.Name)
	}
	return names
}

func (s *session) useKeyring(ctx context.Context, name string, volatile bool) error {
	backend, known := keyring.BackendNamed(name)
	if !known {
		return malformed("no keyring backend " + protocol.Printable(name) + "; there are " + strings.Join(backendNames(), ", "))
	}
	if backend.Volatile && !volatile {
		return &protocol.Error{
			Kind: protocol.ErrPolicy,
			Text: "keyring " + name + " forgets its secrets when the machine stops",
			Hint: "if that is wanted: credhelper keyring use " + name + " --volatile",
		}
	}
	h, err := s.open()
	if err != nil {
		return err
	}
	before, err := h.Settings()
	if err != nil {
		return err
	}
	if err := s.prepareKeyring(ctx, name); err != nil {
		return keyringTrouble(name, err)
	}
	if err := h.UseKeyring(name); err != nil {
		return err
	}
	s.say("Keyring: " + s.describeKeyring(ctx, name) + ".")
	if before.Keyring != "" && before.Keyring != name {
		s.say("Secrets that are stored stay in " + before.Keyring + "; store them again with credhelper rotate NAME.")
	}
	return nil
}

// prepareKeyring sees that a keyring answers, and makes what it needs. A file
// keyring that has neither passphrase nor key gets a generated key file, as an
// ssh key without a passphrase would be.
func (s *session) prepareKeyring(ctx context.Context, name string) error {
	if err := s.createHome(); err != nil {
		return err
	}
	if name == fileKeyring {
		file, err := s.openFile(ctx)
		if err != nil {
			return err
		}
		opener, err := file.Opener(ctx)
		if err != nil || opener != keyring.OpenedByNothing {
			return err
		}
		return file.UseKeyFile(ctx)
	}
	k, err := s.openKeyring(ctx, helper.Settings{Keyring: name})
	if err != nil {
		return err
	}
	_, err = k.Names(ctx)
	return err
}

const fileKeyring = "file"

// keyringTrouble says what is wrong with a keyring that was to be used.
func keyringTrouble(name string, err error) error {
	var known *protocol.Error
	if errors.As(err, &known) {
		return err
	}
	kind := protocol.ErrLocked
	if errors.Is(err, keyring.ErrUnsafe) || errors.Is(err, keyring.ErrDamaged) || errors.Is(err, keyring.ErrInvalid) {
		kind = protocol.ErrPolicy
	}
	text := err.Error()
	if !strings.Contains(text, name) {
		text = "keyring " + name + ": " + text
	}
	return &protocol.Error{Kind: kind, Text: text, Hint: "see what is wrong: credhelper doctor"}
}

// describeKeyring says in words what a keyring is and what opens it.
func (s *session) describeKeyring(ctx context.Context, name string) string {
	backend, _ := keyring.BackendNamed(name)
	if name != fileKeyring {
		return backend.Title
	}
	file, err := s.openFile(ctx)
	if err != nil {
		return backend.Title
	}
	switch opener, err := file.Opener(ctx); {
	case err != nil:
		return backend.Title + ", " + oneLine(err.Error())
	case opener == keyring.OpenedByNothing:
		return backend.Title + ", empty"
	default:
		return backend.Title + ", opened by " + string(opener)
	}
}

// setPassphrase asks twice: nobody can say later what was mistyped once.
func (s *session) setPassphrase(ctx context.Context, keyFile bool) error {
	h, err := s.open()
	if err != nil {
		return err
	}
	settings, err := h.Settings()
	if err != nil {
		return err
	}
	if settings.Keyring != fileKeyring {
		return policy("the keyring in use is " + orNone(settings.Keyring) + ", which has no passphrase of ours")
	}
	file, err := s.openFile(ctx)
	if err != nil {
		return keyringTrouble(fileKeyring, err)
	}
	if err := s.unlockFirst(ctx, file); err != nil {
		return err
	}
	if keyFile {
		if err := file.UseKeyFile(ctx); err != nil {
			return keyringTrouble(fileKeyring, err)
		}
		_ = file.Lock(ctx) // what unlock left in the kernel is not needed any more
		s.say("The keyring is now opened by a key file that only you can read: " + s.keyFilePath())
		return nil
	}
	passphrase, err := s.newPassphrase()
	if err != nil {
		return err
	}
	if err := file.UsePassphrase(ctx, passphrase); err != nil {
		return keyringTrouble(fileKeyring, err)
	}
	_ = file.Lock(ctx)
	s.say("The passphrase is set. Unlock the keyring for up to 8 hours with: credhelper unlock")
	return nil
}

func (s *session) keyFilePath() string {
	dirs, err := s.dirs()
	if err != nil {
		return ""
	}
	return dirs.KeyFile()
}

// unlockFirst opens a locked keyring for this process only.
func (s *session) unlockFirst(ctx context.Context, file *keyring.File) error {
	opener, err := file.Opener(ctx)
	if err != nil {
		return keyringTrouble(fileKeyring, err)
	}
	if opener != keyring.OpenedByPassphrase {
		return nil
	}
	if s.secret.stdin || s.secret.file != "" {
		return &protocol.Error{Kind: protocol.ErrLocked, Text: "the keyring is locked", Hint: "unlock it first: credhelper unlock"}
	}
	passphrase, err := s.askSecret("Passphrase of the keyring, as it is now")
	if err != nil {
		return err
	}
	if err := file.Unlock(ctx, passphrase, 0); err != nil {
		return keyringTrouble(fileKeyring, err)
	}
	return nil
}

func (s *session) newPassphrase() (secret.Text, error) {
	if s.secret.stdin || s.secret.file != "" {
		return s.readSecret("", func() {})
	}
	first, err := s.askSecret("New passphrase")
	if err != nil {
		return secret.Text{}, err
	}
	second, err := s.askSecret("The same again")
	if err != nil {
		return secret.Text{}, err
	}
	if !first.Equal(second) {
		return secret.Text{}, malformed("the two are not the same; nothing was changed")
	}
	return first, nil
}

// unlockCommand opens the encrypted file keyring for a while.
func (s *session) unlockCommand() *cobra.Command {
	var life string
	c := &cobra.Command{
		Use:         "unlock",
		Short:       "open the encrypted file keyring with its passphrase, for up to 8 hours",
		GroupID:     groupKeep,
		Args:        between(0, 0, "unlock [--for TIME]"),
		Annotations: patient,
		RunE: func(c *cobra.Command, _ []string) error {
			keep, err := seconds(life)
			if err != nil || keep <= 0 || keep > keyring.MaxUnlocked {
				return malformed("--for wants at most 8h")
			}
			return s.unlock(c.Context(), keep)
		},
	}
	c.Flags().StringVar(&life, "for", "8h", "how long it stays open")
	return c
}

func (s *session) unlock(ctx context.Context, keep time.Duration) error {
	h, err := s.open()
	if err != nil {
		return err
	}
	settings, err := h.Settings()
	if err != nil {
		return err
	}
	if settings.Keyring != fileKeyring {
		return policy("the keyring in use is " + orNone(settings.Keyring) + "; it is not unlocked by credhelper")
	}
	if err := s.createHome(); err != nil {
		return err
	}
	file, err := s.openFile(ctx)
	if err != nil {
		return keyringTrouble(fileKeyring, err)
	}
	opener, err := file.Opener(ctx)
	if err != nil {
		return keyringTrouble(fileKeyring, err)
	}
	switch opener {
	case keyring.OpenedByKeyFile, keyring.OpenedByCredential:
		s.say("Nothing to unlock: the keyring is opened by " + string(opener) + ".")
		return nil
	case keyring.OpenedByNothing:
		s.say("Nothing to unlock: nothing was stored yet.")
		return nil
	}
	passphrase, err := s.readSecret("Passphrase of the keyring", func() {})
	if err != nil {
		return err
	}
	if err := file.Unlock(ctx, passphrase, keep); err != nil {
		return keyringTrouble(fileKeyring, err)
	}
	s.say("The keyring is open for " + span(keep) + ". Close it earlier with: credhelper lock")
	return nil
}

// lockCommand forgets the keys: of the keyring and of the sealed tokens.
func (s *session) lockCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "lock",
		Short:   "forget the unlocked keyring and the key of all cached tokens",
		GroupID: groupKeep,
		Args:    between(0, 0, "lock"),
		RunE:    func(c *cobra.Command, _ []string) error { return s.lock(c.Context()) },
	}
}

func (s *session) lock(ctx context.Context) error {
	dirs, err := s.dirs()
	if err != nil {
		return err
	}
	file, err := s.openFile(ctx)
	if err != nil {
		return keyringTrouble(fileKeyring, err)
	}
	if err := file.Lock(ctx); err != nil {
		return keyringTrouble(fileKeyring, err)
	}
	store, err := cache.Open(dirs)
	if err == nil {
		defer store.Close()
		// The derived key cannot be forgotten, so what it opens goes, too.
		if err := errors.Join(store.ForgetKey(ctx), store.DropAll()); err != nil {
			return policy(err.Error())
		}
	}
	opener, _ := file.Opener(ctx)
	switch opener {
	case keyring.OpenedByKeyFile, keyring.OpenedByCredential:
		s.say("Cached tokens are gone. The keyring itself is opened by " + string(opener) + " and has no lock: credhelper keyring passphrase sets one.")
	default:
		s.say("Locked: the keyring, and every cached token.")
	}
	return nil
}

func orNone(name string) string {
	if name == "" {
		return "none"
	}
	return name
}

// keyringChoice is where a first secret will go.
type keyringChoice struct {
	name  string
	fresh bool // chosen now, not written yet
	said  bool
}

// chooseKeyring chooses where nothing was chosen yet: a Secret Service that
// answers, else the encrypted file. Nothing is written before there is a secret
// to store.
func (s *session) chooseKeyring(ctx context.Context, h *helper.Helper) (*keyringChoice, error) {
	settings, err := h.Settings()
	if err != nil || settings.Keyring != "" {
		return &keyringChoice{name: settings.Keyring}, err
	}
	switch err := desktop.SecretServiceAnswers(ctx); {
	case err == nil:
		return &keyringChoice{name: "secret-service", fresh: true}, nil
	case errors.Is(err, keyring.ErrLocked):
		// It is there and somebody would have to unlock it: not ours to decide.
		return nil, &protocol.Error{
			Kind: protocol.ErrLocked,
			Text: "your desktop's keyring is locked",
			Hint: "unlock it, or keep secrets elsewhere: credhelper keyring use file",
		}
	}
	return &keyringChoice{name: fileKeyring, fresh: true}, nil
}

// announce says what was chosen, once.
func (k *keyringChoice) announce(s *session) {
	if !k.fresh || k.said {
		return
	}
	k.said = true
	if k.name != fileKeyring {
		s.say("Keyring: your desktop's keyring answers, so secrets go there (Secret Service).")
		return
	}
	s.say("Keyring: no desktop keyring answers here, so secrets go into an encrypted file (age).")
	s.say("         Opened by a key file only you can read. Set a passphrase any time: credhelper keyring passphrase")
}

// settle makes the keyring ready and writes the choice.
func (k *keyringChoice) settle(ctx context.Context, s *session, h *helper.Helper) error {
	if !k.fresh {
		return nil
	}
	if err := s.prepareKeyring(ctx, k.name); err != nil {
		return keyringTrouble(k.name, err)
	}
	if err := h.UseKeyring(k.name); err != nil {
		return err
	}
	k.announce(s)
	return nil
}
