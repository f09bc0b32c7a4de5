package desktop

import (
	"context"
	"fmt"

	library "github.com/99designs/keyring"

	"github.com/credhelper/credhelper/helper/keyring"
)

// collection is the one that desktops open at login. The library's default, a
// collection of our own, would make the service ask for a new password in a
// window, and fail where there is none.
const collection = "login"

// openSecretService: org.freedesktop.secrets, by gnome-keyring, KeePassXC and
// others. The secret crosses the session bus in clear, to a daemon of the same
// user; any program on that bus can read an unlocked collection.
func openSecretService(Config) (*ring, error) {
	if !busAnswered {
		return nil, fmt.Errorf("%w: no session bus answers", keyring.ErrUnavailable)
	}
	return &ring{
		backend: library.SecretServiceBackend,
		config:  library.Config{ServiceName: "credhelper", LibSecretCollectionName: collection},
		ready:   func(ctx context.Context, _ use, _ string) error { return secretServiceReady(ctx) },
	}, nil
}

// SecretServiceAnswers is nil if there is a Secret Service with an unlocked
// login collection, within Limit: what "add" chooses by. It is ErrLocked or
// ErrUnavailable otherwise. It never prompts.
func SecretServiceAnswers(ctx context.Context) error {
	if !busAnswered {
		return fmt.Errorf("secret-service: %w: no session bus answers", keyring.ErrUnavailable)
	}
	ctx, cancel := context.WithTimeout(ctx, Limit)
	defer cancel()
	if err := secretServiceReady(ctx); err != nil {
		return fmt.Errorf("secret-service: %w", err)
	}
	return nil
}
