package cache

import (
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/credhelper/credhelper/helper/private"
)

// The Data Protection API of Windows encrypts the key for this user,
// with a key that ends neither with the session nor with the machine's uptime.

var filePlaces = [...]place{placeUser}

// maxKeyFile is larger than what CryptProtectData makes of a key, about 200 bytes.
const maxKeyFile = 4096

func (d Dirs) keyDirectory(p place) (private.Dir, error) {
	if p != placeUser {
		return private.Dir{}, ErrNoSealingKey
	}
	return d.locks()
}

// keyEntropy must be given again to decrypt a key: other data of the user is no key.
const keyEntropy = "credhelper sealed tokens 1"

// readKeyFile decrypts a key (CryptUnprotectData), and never asks a person.
func readKeyFile(content []byte, key *[keySize]byte) bool {
	var plain windows.DataBlob
	if windows.CryptUnprotectData(blob(content), nil, blob([]byte(keyEntropy)), 0, nil, windows.CRYPTPROTECT_UI_FORBIDDEN, &plain) != nil {
		return false
	}
	decrypted := takeBlob(plain)
	defer clear(decrypted)
	return len(decrypted) == keySize && copy(key[:], decrypted) == keySize
}

// keyFileContent encrypts a key (CryptProtectData).
func keyFileContent(key []byte) ([]byte, error) {
	var sealed windows.DataBlob
	if err := windows.CryptProtectData(blob(key), nil, blob([]byte(keyEntropy)), 0, nil, windows.CRYPTPROTECT_UI_FORBIDDEN, &sealed); err != nil {
		return nil, err
	}
	return takeBlob(sealed), nil
}

func blob(b []byte) *windows.DataBlob {
	if len(b) == 0 {
		return &windows.DataBlob{}
	}
	return &windows.DataBlob{Size: uint32(len(b)), Data: &b[0]}
}

// takeBlob copies what the system allocated, overwrites it and frees it.
func takeBlob(b windows.DataBlob) []byte {
	content := unsafe.Slice(b.Data, b.Size)
	taken := append([]byte(nil), content...)
	clear(content)
	_, _ = windows.LocalFree(windows.Handle(unsafe.Pointer(b.Data)))
	return taken
}
