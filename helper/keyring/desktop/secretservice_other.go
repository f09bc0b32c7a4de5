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

func (secretService) Get(context.Context, string) (secret.Text, error) {
	return secret.Text{}, noService()
}
func (secretService) Set(context.Context, string, secret.Text) error { return noService() }
func (secretService) Delete(context.Context, string) error           { return noService() }
func (secretService) Names(context.Context) ([]string, error)        { return nil, noService() }
func secretServiceReady(context.Context) error                       { return noService() }
func secretServiceIsKWallet(context.Context) error                   { return noService() }

func noService() error {
	return fmt.Errorf("%w: this system has no Secret Service", keyring.ErrUnavailable)
}
