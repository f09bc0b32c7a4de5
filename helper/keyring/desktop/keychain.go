package desktop

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/protocol/secret"
)

// securityProgram is macOS' own program for the Keychain, security(1). An item that it
// stored names it in its access list, so that an upgrade of credhelper, whose code is not
// signed by anybody whom macOS knows, never makes the Keychain ask. The price: whoever runs
// this program as the user gets the item.
const securityProgram = "/usr/bin/security"

// keychainService is the service of all our items; their accounts are the keys.
const keychainService = "credhelper"

func openKeychain(config Config) (keyring.Keyring, error) {
	program := config.SecurityProgram
	if program == "" {
		if runtime.GOOS != "darwin" {
			return nil, fmt.Errorf("%w: only macOS has a Keychain", keyring.ErrUnavailable)
		}
		program = securityProgram
	}
	return keychain{program, config.Environ}, nil
}

// keychain is the user's default keychain. Values are stored in base64: security prints
// others in hexadecimal, or not at all. They are written through its stdin (-i), because
// other users can see arguments.
type keychain struct {
	program string
	environ []string
}

func (k keychain) Get(ctx context.Context, key string) (secret.Text, error) {
	if err := keyring.CheckKey(key); err != nil {
		return secret.Text{}, ofKeychain(err)
	}
	value, err := k.find(ctx, key)
	if err == nil && value.IsZero() {
		err = errNotOurs
	}
	return value, ofKeychain(err)
}

func (k keychain) Set(ctx context.Context, key string, value secret.Text) error {
	err := keyring.CheckSet(key, value)
	if err == nil {
		err = k.remember(ctx, key) // first, so that no item is missing in the index
	}
	if err == nil {
		err = k.add(ctx, key, value)
	}
	return ofKeychain(err)
}

func (k keychain) Delete(ctx context.Context, key string) error {
	err := keyring.CheckKey(key)
	if err == nil {
		err = k.remove(ctx, key)
	}
	if err == nil {
		err = k.forget(ctx, key)
	}
	return ofKeychain(err)
}

func (k keychain) Names(ctx context.Context) ([]string, error) {
	parts, err := k.index(ctx)
	return ownNames(slices.Concat(parts...)), ofKeychain(err)
}

// errNotOurs: the content of an item is none of ours.
var errNotOurs = fmt.Errorf("%w: what is stored under this key was not written by credhelper", keyring.ErrDamaged)

func (k keychain) find(ctx context.Context, account string) (secret.Text, error) {
	out, err := k.security(ctx, nil, "find-generic-password", "-s", keychainService, "-a", account, "-w")
	if err != nil {
		return secret.Text{}, err
	}
	defer clear(out)
	value, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSuffix(string(out), "\n"))
	if err != nil {
		return secret.Text{}, errNotOurs
	}
	defer clear(value)
	return secret.New(string(value)), nil
}

// add writes an item, in the place of one that is there (-U).
func (k keychain) add(ctx context.Context, account string, value secret.Text) error {
	line := []byte("add-generic-password -U -s " + keychainService + " -a " + account + " -w " +
		base64.StdEncoding.EncodeToString([]byte(value.Reveal())) + "\n")
	defer clear(line)
	_, err := k.security(ctx, line, "-i")
	return err
}

func (k keychain) remove(ctx context.Context, account string) error {
	_, err := k.security(ctx, nil, "delete-generic-password", "-s", keychainService, "-a", account)
	if errors.Is(err, keyring.ErrNotFound) {
		return nil
	}
	return err
}

// security runs the program. Its exit code is the last byte of an OSStatus.
func (k keychain) security(ctx context.Context, stdin []byte, args ...string) ([]byte, error) {
	out, err := keyring.RunCommand(ctx, append([]string{k.program}, args...), keyring.Surroundings{Environ: k.environ, Stdin: stdin})
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return out, err
	}
	switch exit.ExitCode() {
	case 44: // errSecItemNotFound
		return nil, keyring.ErrNotFound
	case 36, 51, 128: // errSecInteractionNotAllowed, errSecAuthFailed, errSecUserCanceled
		return nil, fmt.Errorf("%w: the Keychain does not open without asking: security unlock-keychain", keyring.ErrLocked)
	}
	return nil, fmt.Errorf("%w: security failed (%w)", keyring.ErrUnavailable, exit)
}

func ofKeychain(err error) error {
	if err == nil {
		return nil
	}
	return &keyring.NamedError{Keyring: "keychain", Err: err}
}

// The Keychain lists items only together with those of all programs, which takes long and
// may ask, so items of ours hold the keys: credhelper-index, and where that is full
// credhelper-index-2 and so on. Their accounts are no keys. A key may be in the index without
// an item, after a kill between the two; never the other way round.
const (
	indexAccount = "credhelper-index"
	indexMark    = "credhelper keys 1" // the first line; the keys follow, one a line
	indexSize    = 2800                // bytes of a part
)

func indexPart(i int) string {
	if i == 0 {
		return indexAccount
	}
	return indexAccount + "-" + strconv.Itoa(i+1)
}

// index returns the keys in each part.
func (k keychain) index(ctx context.Context) (parts [][]string, err error) {
	for {
		part, err := k.find(ctx, indexPart(len(parts)))
		if errors.Is(err, keyring.ErrNotFound) {
			return parts, nil
		}
		if err != nil {
			return nil, err
		}
		lines := strings.Split(part.Reveal(), "\n")
		if lines[0] != indexMark {
			return nil, errNotOurs
		}
		parts = append(parts, lines[1:])
	}
}

func (k keychain) writeIndex(ctx context.Context, i int, keys []string) error {
	return k.add(ctx, indexPart(i), secret.New(strings.Join(append([]string{indexMark}, keys...), "\n")))
}

// remember adds a key to the first part that has room.
func (k keychain) remember(ctx context.Context, key string) error {
	parts, err := k.index(ctx)
	if err != nil {
		return err
	}
	room := len(parts)
	for i, keys := range parts {
		if slices.Contains(keys, key) {
			return nil
		}
		if size := len(indexMark) + len(strings.Join(keys, "\n")) + len(key) + 2; size <= indexSize && room == len(parts) {
			room = i
		}
	}
	if room == len(parts) {
		parts = append(parts, nil)
	}
	return k.writeIndex(ctx, room, append(parts[room], key))
}

func (k keychain) forget(ctx context.Context, key string) error {
	parts, err := k.index(ctx)
	if err != nil {
		return err
	}
	for i, keys := range parts {
		if j := slices.Index(keys, key); j >= 0 {
			return k.writeIndex(ctx, i, slices.Delete(keys, j, j+1))
		}
	}
	return nil
}
