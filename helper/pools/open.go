package pools

import (
	"context"
	"errors"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/pool"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// open opens a pool. Nothing is asked but the sources of its key and its password.
func (ps *Pools) open(ctx context.Context, c config.Pool) (*pool.Pool, error) {
	place := "pool " + c.Name + ": "
	if ps.config.Open == nil {
		return nil, &protocol.Error{Kind: protocol.ErrPolicy, Text: place + "this program opens no pools", Hint: "let it ask credhelper instead (credhelper help connectors)"}
	}
	p := &pool.Pool{Reader: c.Reader, Alone: c.Alone, Host: ps.host(), Now: ps.config.Now, Memory: ps.memory(c.Name)}
	for _, k := range [...]struct {
		key   string
		words []string
		into  **pool.Keys
	}{{"key", c.Key, &p.Keys}, {"key_before", c.KeyBefore, &p.Former}} {
		text, err := ps.read(ctx, c, k.key, k.words)
		if err != nil {
			return nil, err
		}
		if k.words == nil {
			continue
		}
		if *k.into, err = pool.ReadKeys(text); err != nil {
			return nil, &protocol.Error{Kind: protocol.ErrPolicy, Text: place + k.key + " " + err.Error(), Hint: "credhelper pool key makes one for keepers and one for readers"}
		}
	}
	if !c.Reader && !p.Keys.CanSign() {
		return nil, &protocol.Error{Kind: protocol.ErrPolicy, Text: place + "key is a reader's, and this host is a keeper",
			Hint: "role = \"reader\" in [pool." + c.Name + "], or the keeper's key"}
	}
	if err := ps.config.Servers.Reachable(c); err != nil { // before its service account is looked for
		return nil, storeProblem(place, err)
	}
	password, err := ps.read(ctx, c, "auth", c.Auth)
	if err != nil {
		return nil, err
	}
	ask, err := ps.config.Servers.StoreAsker(c, password)
	if err == nil {
		p.Store, err = ps.config.Open(c, password, ask)
	}
	if err != nil {
		return nil, storeProblem(place, err)
	}
	return p, nil
}

// storeProblem is an error of the settings of a store.
func storeProblem(place string, err error) error {
	e := new(protocol.Error) // which may say what to do
	_ = errors.As(err, &e)
	return &protocol.Error{Kind: protocol.ErrPolicy, Text: place + printable.Line(err.Error()), Hint: e.Hint}
}

// read reads a secret of a pool from its source; key is the source's name in the
// settings.
func (ps *Pools) read(ctx context.Context, c config.Pool, key string, words []string) (s secret.Text, err error) {
	if words == nil {
		return s, nil
	}
	source, err := ps.config.Servers.Source(&config.Profile{Name: c.Name}, words)
	if err == nil {
		s, err = source.Read(ctx)
	}
	if err != nil {
		return s, &protocol.Error{Kind: sourceKind(err), Text: printable.Line("pool " + c.Name + ": " + key + ": " + err.Error()),
			Hint: key + " of [pool." + c.Name + "] in config.toml says where it comes from"}
	}
	return s, nil
}

// sourceKind returns what it means that a source of a pool cannot be read. One that is not
// there is an error of the settings: no profile lacks its secret.
func sourceKind(err error) error {
	if kind := failure.KindOf(err); kind != nil && kind != protocol.ErrNoSecret {
		return kind
	}
	return protocol.ErrPolicy
}

// failed says what an error of a store means; it returns others as they are.
func failed(place string, err error) error {
	of := new(pool.Error)
	if !errors.As(err, &of) {
		return err
	}
	e := &protocol.Error{Kind: protocol.ErrUnreachable, Text: printable.Line(place + of.Text), Hint: printable.Line(of.Hint)}
	if of.Kind == pool.Wrong {
		e.Kind = protocol.ErrPolicy
	}
	return e
}
