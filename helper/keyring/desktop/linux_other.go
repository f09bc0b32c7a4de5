//go:build !linux

package desktop

import (
	"context"
	"fmt"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/protocol/secret"
)

// secretService: a Secret Service is Linux's, and that of its relatives.
type secretService struct{}

func (secretService) Get(context.Context, string) (t secret.Text, _ error) { return t, noService() }
func (secretService) Set(context.Context, string, secret.Text) error       { return noService() }
func (secretService) Delete(context.Context, string) error                 { return noService() }
func (secretService) Names(context.Context) ([]string, error)              { return nil, noService() }
func secretServiceReady(context.Context) error                             { return noService() }
func secretServiceIsKWallet(context.Context) error                         { return noService() }
func noService() error                                                     { return none("Secret Service") }

// Only Linux has a kernel keyring; the library does not support it elsewhere.

func inOwnSession(context.Context, func() error) error { return none("kernel keyring") }

func keyGone(error) bool { return false }

func userKeyNames() ([]string, error) { return nil, none("kernel keyring") }

func none(what string) error {
	return fmt.Errorf("%w: this system has no %s", keyring.ErrUnavailable, what)
}
