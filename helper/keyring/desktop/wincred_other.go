//go:build !windows

package desktop

import (
	"context"
	"fmt"

	"github.com/credhelper/credhelper/helper/keyring"
)

// Default is the keyring that comes with a person's session: add chooses it if
// DefaultAnswers.
const Default = "secret-service"

// DefaultAnswers is nil if there is a Secret Service whose default collection is unlocked,
// within Limit. It is ErrLocked or ErrUnavailable otherwise. It never prompts.
func DefaultAnswers(ctx context.Context) error { return askBus(ctx, secretServiceReady) }

func openWinCred(Config) (keyring.Keyring, error) {
	return nil, fmt.Errorf("%w: only Windows has a Credential Manager", keyring.ErrUnavailable)
}
