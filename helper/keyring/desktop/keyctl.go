package desktop

import (
	library "github.com/99designs/keyring"

	"github.com/credhelper/credhelper/helper/keyring"
)

// keyPermission permits view, read, write, search and link to the same uid, and
// everything to the possessor. By default only the possessor may read, which a process
// of cron, of a service or of su is not (tested: EACCES).
const keyPermission = 0x3f1f0000

// openKeyctl: the user keyring of the Linux kernel. It is gone after a
// restart, and lost to containers that refuse keyctl.
func openKeyctl(Config) (keyring.Keyring, error) {
	return &ring{
		title:   "keyctl",
		backend: library.KeyCtlBackend,
		config:  library.Config{KeyCtlScope: "user", KeyCtlPerm: keyPermission},
		around:  inOwnSession,
		// The library finds a key's number by its name and then reads or unlinks that number.
		replaced: keyGone,
		names:    userKeyNames,
	}, nil
}
