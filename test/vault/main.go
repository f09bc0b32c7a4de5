// Vault is HashiCorp Vault 1.14.1, the last line of releases under the MPL that builds as a
// module: its core, HTTP API, KV secrets and three auth methods, in memory and on loopback
// only. Tests compare sourcetest's strict Vault with it (scripts/test-vault). The whole
// product, with the plugins of every cloud, takes more than an hour to build.
//
// It prints one line of JSON, runs until its stdin ends, and takes
//
//	vault          an unsealed node
//	vault standby  an active node, and one that redirects to it
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/hashicorp/go-hclog"
	jwt "github.com/hashicorp/vault-plugin-auth-jwt"
	kubernetes "github.com/hashicorp/vault-plugin-auth-kubernetes"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/helper/namespace"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
)

// started is the line that is printed.
type started struct {
	Address string `json:"address"`           // http://127.0.0.1:PORT
	Standby string `json:"standby,omitempty"` // of the other node
	Token   string `json:"token"`             // the root token
	Key     []byte `json:"key"`               // the unseal key
}

func main() {
	if err := run(len(os.Args) > 1 && os.Args[1] == "standby"); err != nil {
		fmt.Fprintln(os.Stderr, "vault:", err)
		os.Exit(1)
	}
}

func run(standby bool) error {
	logger := hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, Output: os.Stderr})
	store, err := inmem.NewInmemHA(nil, logger)
	if err != nil {
		return err
	}
	active, address, err := serve(store, logger)
	if err != nil {
		return err
	}
	ctx := namespace.RootContext(context.Background())
	keys, err := active.Initialize(ctx, &vault.InitParams{BarrierConfig: &vault.SealConfig{SecretShares: 1, SecretThreshold: 1}})
	if err != nil {
		return err
	}
	line := started{Address: address, Token: keys.RootToken, Key: keys.SecretShares[0]}
	if err := unseal(active, line.Key); err != nil {
		return err
	}
	for { // a node that was unsealed becomes the active one in its own time
		if leads, _, _, err := active.Leader(); err != nil {
			return err
		} else if leads {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if standby {
		other, address, err := serve(store, logger)
		if err != nil {
			return err
		}
		if err := unseal(other, line.Key); err != nil {
			return err
		}
		line.Standby = address
	}
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func unseal(core *vault.Core, key []byte) error {
	unsealed, err := core.Unseal(append([]byte(nil), key...)) // which it overwrites
	if err == nil && !unsealed {
		err = fmt.Errorf("one key did not unseal it")
	}
	return err
}

// serve starts a node, sealed. Without an address for its cluster a standby cannot
// forward requests, and redirects them.
func serve(store physical.Backend, logger hclog.Logger) (*vault.Core, string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	address := "http://" + listener.Addr().String()
	core, err := vault.NewCore(&vault.CoreConfig{
		Physical:           store,
		HAPhysical:         store.(physical.HABackend),
		RedirectAddr:       address,
		DisableMlock:       true,
		Logger:             logger,
		LogicalBackends:    map[string]logical.Factory{"kv": kv.Factory},
		CredentialBackends: map[string]logical.Factory{"approle": approle.Factory, "jwt": jwt.Factory, "kubernetes": kubernetes.Factory},
		BuiltinRegistry:    plugins{},
	})
	if err != nil {
		return nil, "", err
	}
	go http.Serve(listener, vaulthttp.Handler.Handler(&vault.HandlerProperties{Core: core}))
	return core, address, nil
}

// plugins is the list of what is built in.
type plugins struct{}

var builtin = map[consts.PluginType]map[string]logical.Factory{
	consts.PluginTypeSecrets:    {"kv": kv.Factory},
	consts.PluginTypeCredential: {"approle": approle.Factory, "jwt": jwt.Factory, "kubernetes": kubernetes.Factory},
}

func (plugins) Contains(name string, kind consts.PluginType) bool {
	return builtin[kind][name] != nil
}

func (plugins) Get(name string, kind consts.PluginType) (func() (interface{}, error), bool) {
	factory := builtin[kind][name]
	return func() (interface{}, error) { return factory, nil }, factory != nil
}

func (plugins) Keys(kind consts.PluginType) (names []string) {
	for name := range builtin[kind] {
		names = append(names, name)
	}
	return names
}

func (plugins) DeprecationStatus(name string, kind consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, builtin[kind][name] != nil
}

func (plugins) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }
