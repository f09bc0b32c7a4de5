package keyring

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/private"
	"github.com/credhelper/credhelper/protocol/secret"
)

// A value that is too long for a keyring is stored in a file, sealed with AES-256-GCM
// under a key of its own; the keyring holds that key and the name of the file, in one
// line (security.md S1):
//
//	credhelper sealed 1 SP 24 hexadecimal digits SP base64 of 32 bytes
//
// Every Set makes a new file and a new key. So only the keyring's own write takes
// effect, and no nonce is ever used twice with a key.
const (
	sealedMark   = "credhelper sealed 1 "
	sealedSuffix = ".sealed"
	sealedLine   = len(sealedMark) + 24 + 1 + 43
)

// SealOversize stores the values of k that have more than limit bytes in files of dir,
// a directory of ours. limit must leave room for the line that refers to the file, 88
// bytes. now is the clock for leftovers.
func SealOversize(k Keyring, limit int, dir string, now func() time.Time) (Keyring, error) {
	if limit < sealedLine {
		return nil, fmt.Errorf("%w: a keyring of %d bytes a value is too small", ErrInvalid, limit)
	}
	return oversize{k, limit, dir, now}, nil
}

type oversize struct {
	Keyring
	limit int
	dir   string
	now   func() time.Time
}

func (k oversize) Get(ctx context.Context, key string) (secret.Text, error) {
	stored, err := k.Keyring.Get(ctx, key)
	if err != nil || !strings.HasPrefix(stored.Reveal(), sealedMark) {
		return stored, err
	}
	value, err := k.open(key, stored)
	if errors.Is(err, fs.ErrNotExist) { // possibly replaced between the two steps
		again, againErr := k.Keyring.Get(ctx, key)
		if againErr == nil && !again.Equal(stored) {
			return k.Get(ctx, key)
		}
		err = fmt.Errorf("%w: its sealed file is gone: %w", ErrDamaged, err)
	}
	if err != nil {
		return secret.Text{}, fmt.Errorf("%w (store the secret again: credhelper rotate)", err)
	}
	return value, nil
}

func (k oversize) Set(ctx context.Context, key string, value secret.Text) error {
	if err := begin(ctx, CheckSet(key, value)); err != nil {
		return err
	}
	old := k.pointsTo(ctx, key)
	keep := ""
	// A value that looks like our line is sealed too, whatever its length.
	if value.Len() > k.limit || strings.HasPrefix(value.Reveal(), sealedMark) {
		line, id, err := k.seal(key, value)
		if err != nil {
			return err
		}
		value, keep = line, id
	}
	if err := k.Keyring.Set(ctx, key, value); err != nil {
		return err // the new file is a leftover; the old one is still in use
	}
	k.tidy(key, old, keep)
	return nil
}

func (k oversize) Delete(ctx context.Context, key string) error {
	if err := begin(ctx, CheckKey(key)); err != nil {
		return err
	}
	old := k.pointsTo(ctx, key)
	if err := k.Keyring.Delete(ctx, key); err != nil {
		return err
	}
	k.tidy(key, old, "")
	return nil
}

// pointsTo returns the id of the file that the keyring refers to; "" if there is none.
func (k oversize) pointsTo(ctx context.Context, key string) string {
	line, err := k.Keyring.Get(ctx, key)
	if err != nil {
		return ""
	}
	rest, sealed := strings.CutPrefix(line.Reveal(), sealedMark)
	if !sealed {
		return ""
	}
	id, _, _ := strings.Cut(rest, " ")
	return id
}

// seal writes the file and returns the line that opens it.
func (k oversize) seal(key string, value secret.Text) (line secret.Text, id string, err error) {
	dir, err := openDirectory(k.dir, true)
	if err != nil {
		return secret.Text{}, "", err
	}
	defer dir.Close()
	var own [32]byte
	_, _ = rand.Read(own[:]) // never fails: crypto/rand ends the program instead
	id = randomID()
	aead, err := sealer(own[:])
	if err != nil {
		return secret.Text{}, "", err
	}
	sealed := aead.Seal(nil, nil, []byte(value.Reveal()), []byte(sealedMark+key+" "+id))
	if err := dir.write(key+"."+id+sealedSuffix, sealed); err != nil {
		return secret.Text{}, "", err
	}
	return secret.New(sealedMark + id + " " + base64.RawStdEncoding.EncodeToString(own[:])), id, nil
}

// randomID returns an id that no other process chooses.
func randomID() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(b[:])
}

// open opens the file that the line refers to.
func (k oversize) open(key string, line secret.Text) (secret.Text, error) {
	id, encoded, ok := strings.Cut(strings.TrimPrefix(line.Reveal(), sealedMark), " ")
	own, err := base64.RawStdEncoding.Strict().DecodeString(encoded)
	if !ok || err != nil || len(own) != 32 || len(id) != 24 || !isHex(id) {
		return secret.Text{}, fmt.Errorf("%w: the keyring's line for a sealed file", ErrDamaged)
	}
	dir, err := openDirectory(k.dir, false)
	if err != nil {
		return secret.Text{}, err
	}
	defer dir.Close()
	sealed, err := dir.read(key+"."+id+sealedSuffix, MaxSecret+64)
	if err != nil {
		return secret.Text{}, err
	}
	aead, err := sealer(own)
	if err != nil {
		return secret.Text{}, err
	}
	plain, err := aead.Open(nil, nil, sealed, []byte(sealedMark+key+" "+id))
	if err != nil || len(plain) == 0 {
		return secret.Text{}, fmt.Errorf("%w: %s does not open", ErrDamaged, dir.At(key+"."+id+sealedSuffix))
	}
	return secret.New(string(plain)), nil
}

// tidy removes the file that the keyring referred to before, and those of key that are
// older than private.Stale: a younger one may belong to a Set that has not yet written
// to the keyring. Without its key in the keyring a file cannot be opened, so this only
// saves space.
func (k oversize) tidy(key, old, keep string) {
	dir, err := openDirectory(k.dir, false)
	if err != nil {
		return
	}
	defer dir.Close()
	dir.Sweep(k.now())
	names, _ := dir.Names()
	for _, name := range names {
		id, ours := strings.CutPrefix(strings.TrimSuffix(name, sealedSuffix), key+".")
		if !ours || id == keep {
			continue
		}
		made, err := dir.Modified(name)
		if id == old || err == nil && k.now().Sub(made) > private.Stale {
			_ = dir.remove(name)
		}
	}
}

// sealer returns AES-256-GCM with a random nonce as prefix.
func sealer(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}
