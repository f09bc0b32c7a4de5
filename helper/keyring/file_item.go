package keyring

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"

	"github.com/credhelper/credhelper/protocol/secret"
)

// An item is an age file (https://age-encryption.org/v1, binary) for one X25519
// recipient. Its plaintext is
//
//	credhelper keyring item 1 LF
//	the key under which it is stored LF
//	the secret, to the end
//
// The key is part of the plaintext, so that exchanging two files is an error instead of
// exchanging their secrets.
const itemMagic = "credhelper keyring item 1\n"

// maxItem is the maximum size of an item: age adds one stanza, 200 bytes, and 16 bytes
// for each 64 KiB.
const maxItem = MaxSecret + 4096

// encodeItem encodes the plaintext of an item.
func encodeItem(key string, value secret.Text) []byte {
	return []byte(itemMagic + key + "\n" + value.Reveal())
}

// decodeItem is the reverse of encodeItem for the same key.
func decodeItem(key string, plain []byte) (secret.Text, error) {
	rest, ok := bytes.CutPrefix(plain, []byte(itemMagic))
	if !ok {
		return secret.Text{}, fmt.Errorf("%w: it holds no item of version 1", ErrDamaged)
	}
	name, value, ok := bytes.Cut(rest, []byte("\n"))
	switch {
	case !ok || len(value) == 0:
		return secret.Text{}, fmt.Errorf("%w: it ends too early", ErrDamaged)
	case len(value) > MaxSecret:
		return secret.Text{}, fmt.Errorf("%w: it is too long", ErrDamaged)
	case string(name) != key:
		return secret.Text{}, fmt.Errorf("%w: it was stored under another key: the file was renamed or exchanged", ErrDamaged)
	}
	return secret.New(string(value)), nil
}

// sealItem makes the file of an item.
func sealItem(identity *age.X25519Identity, key string, value secret.Text) ([]byte, error) {
	return encrypt(identity.Recipient(), encodeItem(key, value))
}

// openItem is the reverse of sealItem. An item that does not open is ErrDamaged, with
// advice; nothing is deleted, because it may help to compare it with a backup.
func openItem(identity *age.X25519Identity, key string, sealed []byte) (secret.Text, error) {
	plain, err := decrypt(identity, sealed, MaxSecret+len(itemMagic)+len(Prefix)+maxKeyDigits+1)
	var stranger *age.NoIdentityMatchError
	switch {
	case errors.As(err, &stranger):
		err = fmt.Errorf("%w: it is encrypted to another key than the current one", ErrDamaged)
	case err != nil:
		err = fmt.Errorf("%w: it does not open", ErrDamaged)
	default:
		var value secret.Text
		if value, err = decodeItem(key, plain); err == nil {
			return value, nil
		}
	}
	return secret.Text{}, fmt.Errorf("%w (left in place: bring it back from a backup, or store the secret again: credhelper rotate)", err)
}

// encrypt encrypts an age file.
func encrypt(to age.Recipient, plain []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	if _, err := w.Write(plain); err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return out.Bytes(), nil
}

// decrypt decrypts an age file whose plaintext has at most limit bytes.
func decrypt(by age.Identity, sealed []byte, limit int) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(sealed), by)
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if len(plain) > limit {
		return nil, errors.New("too long")
	}
	return plain, nil
}
