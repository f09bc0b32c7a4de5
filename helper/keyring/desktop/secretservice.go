package desktop

import (
	"context"
	"fmt"

	"github.com/credhelper/credhelper/helper/keyring"
)

// openSecretService: org.freedesktop.secrets, by gnome-keyring, KWallet, KeePassXC
// and others. The secret crosses the session bus in clear, to a daemon of the same
// user; any program on that bus can read an unlocked collection.
func openSecretService(Config) (keyring.Keyring, error) {
	if !busAnswered {
		return nil, fmt.Errorf("%w: no session bus of this user answers", keyring.ErrUnavailable)
	}
	return secretService{}, nil
}

// KWalletAnswers is nil if the Secret Service of this session is KWallet. It does
// not say whether the wallet is open.
func KWalletAnswers(ctx context.Context) error { return askBus(ctx, secretServiceIsKWallet) }

// askBus asks something of the session bus within Limit.
func askBus(ctx context.Context, ask func(context.Context) error) error {
	if !busAnswered {
		return named(fmt.Errorf("%w: no session bus of this user answers", keyring.ErrUnavailable))
	}
	ctx, cancel := context.WithTimeout(ctx, Limit)
	defer cancel()
	return named(ask(ctx))
}

// named says whose error it is.
func named(err error) error {
	if err == nil {
		return nil
	}
	return &keyring.NamedError{Keyring: "secret-service", Err: err}
}
