package server

import (
	"context"
	"net/http"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/pool"
	"github.com/credhelper/credhelper/protocol/secret"
)

// StoreAsker returns how the store of a pool is asked; nil if it does not speak HTTP.
// password is what the pool's auth is the source of.
func (ss *Servers) StoreAsker(c config.Pool, password secret.Text) (Asker, error) {
	switch c.Kind {
	case config.StoreKubernetes:
		return ss.askKubernetes(c, password)
	case config.StoreVault:
		return ss.askVault(c)
	}
	return nil, nil
}

// Reachable returns an error if the settings and the environment name no address for the
// store of a pool.
func (ss *Servers) Reachable(c config.Pool) (err error) {
	if c.Kind == config.StoreKubernetes {
		_, err = ss.cluster(c)
	}
	return err
}

func (ss *Servers) askVault(c config.Pool) (Asker, error) {
	v, err := ss.openVault(&config.Profile{Name: c.Name}, "pool "+c.Name, c.Vault)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, method, path string, _ [][2]string, body []byte) (oauth.Document, error) {
		d, err := v.authorized(ctx, method, path, body)
		if err != nil {
			return d, storeError(err)
		}
		if d.Status == http.StatusServiceUnavailable {
			e := v.refused(d, path)
			return d, &pool.Error{Kind: pool.Down, Text: e.Text, Hint: e.Hint}
		}
		return d, storeTrouble(d)
	}, nil
}
