package cache

import (
	"crypto/hmac"
	"crypto/sha256"

	"github.com/credhelper/credhelper/helper/private"
)

// place says where the key of the sealed files is kept. A new key goes to the first possible
// one, in this order, and stays there; it is never on a disk, unless it is derived from another key that
// already is.
type place byte

const (
	placeKernel  place = 'K' // the user's kernel keyring; gone with the machine's uptime
	placeRuntime place = 'R' // a 0600 file in the user's runtime directory, a tmpfs
	placeShared  place = 'S' // a 0600 file in /dev/shm/credhelper-UID, a tmpfs
	placeUser    place = 'U' // a file that the system encrypts for this user (Windows: DPAPI)
	placeTemp    place = 'T' // a 0600 file in the user's own temporary directory (macOS)
	placeKeyFile place = 'F' // derived from the key file that opens the file keyring
)

// String describes the place, for status and doctor.
func (p place) String() string {
	switch p {
	case placeKernel:
		return "kernel keyring"
	case placeRuntime:
		return "file in the runtime directory (tmpfs)"
	case placeShared:
		return "file in /dev/shm (tmpfs)"
	case placeUser:
		return "file encrypted for this user (DPAPI)"
	case placeTemp:
		return "file in the user's temporary directory"
	case placeKeyFile:
		return "derived from the key file of the file keyring"
	}
	return "nowhere"
}

const keySize = 32

// keyName is the name of a home's key in the kernel keyring, and of its file elsewhere.
// The id is random, so homes never share a key.
func keyName(home [16]byte) string {
	return string(appendHex([]byte("credhelper-seal-"), home[:]))
}

// fetchKey fetches the key that a sealed file's header names.
func (d Dirs) fetchKey(key *sealingKey, home [16]byte) bool {
	switch key.place {
	case placeKernel:
		return readKernelKey(key.serial, &key.key)
	case placeRuntime, placeShared, placeUser, placeTemp:
		dir, err := d.keyDirectory(key.place)
		if err != nil {
			return false
		}
		defer dir.Close()
		content, err := dir.Read(keyName(home), maxKeyFile)
		return err == nil && readKeyFile(content, &key.key)
	case placeKeyFile:
		return d.deriveKey(key, home)
	}
	return false
}

// deriveKey derives the key from the key file of the file keyring with HKDF-SHA256 (RFC
// 5869) and the home's id as salt. The same file opens the secret itself, so sealing
// tokens with it adds no exposure.
func (d Dirs) deriveKey(key *sealingKey, home [16]byte) bool {
	dir, err := private.Open(d.State + "/.") // it may be a symbolic link of ours to another disk
	if err != nil {
		return false
	}
	defer dir.Close()
	secret, err := dir.Read("keyring.key", 4096)
	if err != nil || len(secret) < keySize {
		return false
	}
	key.key = hkdf(secret, home[:], "credhelper sealed tokens 1")
	key.place = placeKeyFile
	return true
}

// hkdf implements RFC 5869 with SHA-256 for one block of output: 20 lines, which keep
// crypto/hkdf and its imports out of the front's start-up.
func hkdf(secret, salt []byte, info string) (out [32]byte) {
	extract := hmac.New(sha256.New, salt)
	extract.Write(secret)
	expand := hmac.New(sha256.New, extract.Sum(nil))
	expand.Write([]byte(info))
	expand.Write([]byte{1})
	return [32]byte(expand.Sum(nil))
}
