package server

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
	"github.com/credhelper/credhelper/protocol/strictjson"
)

// vault is a server of HashiCorp Vault or OpenBao while one secret is read from it.
type vault struct {
	*Servers
	profile *config.Profile
	at      config.Vault
	base    string // the address that answers: at.Address, or a node that it redirected to
	client  *oauth.Client
}

// readVault reads a field of a secret (KV version 2).
func (ss *Servers) readVault(ctx context.Context, p *config.Profile, address, word string) ([]byte, error) {
	settings, err := ss.home.Settings()
	if err != nil {
		return nil, err
	}
	at, known := settings.VaultAt(address)
	if !known {
		return nil, &protocol.Error{Kind: protocol.ErrPolicy, Text: "config.toml has no section for it",
			Hint: "say there how to log in: [vault.\"" + printable.Value(address) + "\"] (docs/sources.md)"}
	}
	v, err := ss.openVault(p, at)
	if err != nil {
		return nil, err
	}
	path, field := keyring.SplitField(word)
	ss.explain("profile " + p.Name + ": asks " + at.Address + " for " + path)
	d, err := v.authorized(ctx, path)
	if err != nil {
		return nil, err
	}
	return v.field(d, path, field)
}

func (ss *Servers) openVault(p *config.Profile, at config.Vault) (*vault, error) {
	way := &config.Profile{Name: p.Name, Proxy: at.Proxy, Timeout: sourceTime}
	if at.CAFile != "" {
		var err error
		if way.CA, err = config.ReadProvided(at.CAFile, 1<<20); err != nil {
			return nil, protocol.Policy("ca_file: " + err.Error())
		}
	}
	client := &oauth.Client{Now: ss.config.Now, Timeout: sourceTime}
	var err error
	if client.HTTP, err = ss.connection(way, noCertificate); err != nil {
		return nil, err
	}
	return &vault{ss, p, at, at.Address, client}, nil
}

// authorized reads a path with the token of a source, or with that of a login.
func (v *vault) authorized(ctx context.Context, path string) (oauth.Document, error) {
	if v.at.Login == "token" {
		token, err := v.proof(ctx)
		if err != nil {
			return oauth.Document{}, err
		}
		d, err := v.send(ctx, http.MethodGet, path, token, nil)
		return d, v.refused(err, d, path, token)
	}
	kept, _ := v.kept()
	if kept.usable(v.config.Now()) {
		kept = v.renewed(ctx, kept)
		d, err := v.send(ctx, http.MethodGet, path, secret.New(kept.Token), nil)
		if err != nil || d.Status != http.StatusForbidden {
			return d, v.refused(err, d, path, secret.New(kept.Token))
		}
	}
	fresh, err := v.login(ctx, kept, path)
	if err != nil {
		return oauth.Document{}, err
	}
	d, err := v.send(ctx, http.MethodGet, path, secret.New(fresh.Token), nil)
	return d, v.refused(err, d, path, secret.New(fresh.Token))
}

// proof reads what the login is proved with.
func (v *vault) proof(ctx context.Context) (secret.Text, error) {
	source, err := v.Source(v.profile, v.at.Source)
	var proof secret.Text
	if err == nil {
		proof, err = source.Read(ctx)
	}
	if err != nil {
		return proof, &protocol.Error{Kind: failure.KindOf(err), Text: printable.Line("its login: " + err.Error()), Hint: "auth of [vault.\"" + v.at.Address + "\"] in config.toml says where it comes from"}
	}
	return proof, nil
}

// send makes one request, and one more if the server redirects to a node that the
// settings name.
func (v *vault) send(ctx context.Context, method, path string, token secret.Text, body map[string]string) (oauth.Document, error) {
	headers := [][2]string{{"X-Vault-Request", "true"}}
	if v.at.Namespace != "" {
		headers = append(headers, [2]string{"X-Vault-Namespace", v.at.Namespace})
	}
	if !token.IsZero() {
		headers = append(headers, [2]string{"X-Vault-Token", token.Reveal()})
	}
	var content []byte
	if body != nil {
		var err error
		if content, err = json.Marshal(body); err != nil {
			return oauth.Document{}, err
		}
	}
	for hop := 0; ; hop++ {
		d, err := v.client.Ask(ctx, method, v.base+"/v1/"+path, headers, content)
		if err != nil {
			return d, unanswered(err, v.profile.Name)
		}
		if d.Status < 300 || d.Status > 399 {
			return d, nil
		}
		if hop > 0 || !slices.Contains(v.at.Nodes, d.Target) {
			return d, &protocol.Error{Kind: protocol.ErrPolicy, Text: printable.Line("it redirects to " + d.Target + ", which is not followed"),
				Hint: "if that is a node of the same cluster, name it in nodes of [vault.\"" + v.at.Address + "\"] in config.toml"}
		}
		v.base = d.Target
	}
}

// refused returns the error for a response without a secret; nil for one with it, or
// for a deleted one, which field explains.
func (v *vault) refused(err error, d oauth.Document, path string, sent ...secret.Text) error {
	if err != nil {
		return err
	}
	e := &protocol.Error{Kind: protocol.ErrLocked, Text: path + ": " + strconv.Itoa(d.Status)}
	switch {
	case d.Status == http.StatusOK, d.Status == http.StatusNotFound:
		return nil
	case d.Status == http.StatusServiceUnavailable:
		e.Text, e.Hint = "it is sealed, or not ready (503)", "somebody has to unseal it: bao status, vault status"
	case d.Status == http.StatusForbidden:
		e.Text += " permission denied"
		e.Hint = "the policy of this login has to allow reading " + path
	}
	if said := v.said(d, sent); said != "" && d.Status != http.StatusForbidden {
		e.Text += ": " + said
	}
	e.Text = printable.Line(e.Text)
	return e
}

// said returns the first error of a response, without what was sent.
func (v *vault) said(d oauth.Document, sent []secret.Text) string {
	list, _ := d.JSON.Get("errors")
	for element := range list.Elements() {
		if text, err := element.Text(); err == nil {
			return printable.Value(oauth.Redact(text, sent...))
		}
		break
	}
	return ""
}

// field returns the field of a secret.
func (v *vault) field(d oauth.Document, path, field string) ([]byte, error) {
	missing := func(what string) ([]byte, error) {
		return nil, &protocol.Error{Kind: protocol.ErrNoSecret, Text: printable.Line(path + what), Hint: printable.Line("put it there: bao kv put, vault kv put")}
	}
	outer, _ := d.JSON.Get("data")
	content, _ := outer.Get("data")
	if content.Kind() != strictjson.Object {
		metadata, _ := outer.Get("metadata")
		if gone, _ := metadata.Get("deletion_time"); gone.Kind() == strictjson.String {
			return missing(": its current version is deleted")
		}
		return missing(": there is nothing")
	}
	value, found := content.Get(field)
	if !found {
		return missing(" has no field " + printable.Value(field))
	}
	var text string // a key has lines, which strictjson refuses in texts
	if value.Kind() != strictjson.String || json.Unmarshal(value.Raw(), &text) != nil {
		return nil, protocol.Policy(path + ": its field " + printable.Value(field) + " is not a string")
	}
	return []byte(text), nil
}

// digestOf identifies what a login was proved with.
func digestOf(proof secret.Text) []byte {
	sum := sha256.Sum256([]byte(proof.Reveal()))
	return sum[:]
}

// keptName is the name of a login among the texts that are kept.
func (v *vault) keptName() string {
	return strings.Join(append([]string{"vault", v.at.Address, v.at.Namespace, v.at.Login, v.at.Mount, v.at.Role}, v.at.Source...), "\x00")
}
