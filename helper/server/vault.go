package server

import (
	"cmp"
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

// vault is a server of HashiCorp Vault or OpenBao while something is asked of it.
type vault struct {
	*Servers
	profile *config.Profile // whose sources prove the login; for a pool it has only its name
	about   string          // "profile NAME" or "pool NAME"
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
			Hint: "say there how to log in: [vault.\"" + printable.Value(address) + "\"] (credhelper help sources)"}
	}
	v, err := ss.openVault(p, "profile "+p.Name, at)
	if err != nil {
		return nil, err
	}
	path, field := keyring.SplitField(word)
	ss.config.Explain(v.about + ": asks " + at.Address + " for " + path)
	d, err := v.authorized(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, unanswered(err, p.Name)
	}
	if refusal := v.refused(d, path); refusal != nil {
		return nil, refusal
	}
	return v.field(d, path, field)
}

func (ss *Servers) openVault(p *config.Profile, about string, at config.Vault) (*vault, error) {
	roots, err := readCA(at.CAFile)
	if err != nil {
		return nil, err
	}
	client, err := ss.sourceClient(&config.Profile{Name: p.Name, Proxy: at.Proxy, CA: roots})
	if err != nil {
		return nil, err
	}
	return &vault{ss, p, about, at, at.Address, client}, nil
}

// authorized makes a request with the token of a source, or with that of a login. Its
// errors are those of exchange and login.
func (v *vault) authorized(ctx context.Context, method, path string, body []byte) (d oauth.Document, err error) {
	if v.at.Login == "token" {
		token, err := v.proof(ctx)
		if err != nil {
			return d, err
		}
		return v.send(ctx, method, path, token, body)
	}
	last, _ := v.kept()
	if last.usable(v.config.Now()) {
		last = v.renewed(ctx, last)
		if d, err = v.send(ctx, method, path, secret.New(last.Token), body); err != nil || d.Status != http.StatusForbidden {
			return d, err
		}
	}
	fresh, err := v.login(ctx, last)
	if err != nil || fresh.Token == last.Token { // that the server has just refused
		return d, err
	}
	return v.send(ctx, method, path, secret.New(fresh.Token), body)
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

// send is exchange with a token.
func (v *vault) send(ctx context.Context, method, path string, token secret.Text, body []byte) (oauth.Document, error) {
	return v.exchange(ctx, method, path, [][2]string{{"X-Vault-Token", token.Reveal()}}, body, token)
}

// exchange makes one request, and one more if the server redirects to a node that the
// settings name. shown is the secret in its headers or its body. Its errors are
// *oauth.Error, for none that answers, and *protocol.Error.
func (v *vault) exchange(ctx context.Context, method, path string, headers [][2]string, body []byte, shown secret.Text) (oauth.Document, error) {
	headers = append(headers, [2]string{"X-Vault-Request", "true"})
	if v.at.Namespace != "" {
		headers = append(headers, [2]string{"X-Vault-Namespace", v.at.Namespace})
	}
	client := *v.client
	client.Secret = shown
	for hop := 0; ; hop++ {
		d, err := client.Ask(ctx, method, v.base+"/v1/"+path, headers, body)
		if err != nil || d.Status < 300 || d.Status > 399 {
			return d, err
		}
		if hop > 0 || !slices.Contains(v.at.Nodes, d.Target) {
			return d, &protocol.Error{Kind: protocol.ErrPolicy, Text: printable.Line("it redirects to " + cmp.Or(d.Target, "what is no address") + ", which is not followed"),
				Hint: "if that is a node of the same cluster, name it in nodes of [vault.\"" + v.at.Address + "\"] in config.toml"}
		}
		v.base = d.Target
	}
}

// refused returns the error for a response without a secret; nil for one with it, or
// for a deleted one, which field explains.
func (v *vault) refused(d oauth.Document, path string) *protocol.Error {
	e := &protocol.Error{Kind: protocol.ErrLocked, Text: path + ": " + strconv.Itoa(d.Status)}
	switch {
	case d.JSON.Kind() != strictjson.Object && (d.Status == http.StatusOK || d.Status == http.StatusNotFound): // a page of a proxy
		e.Text, e.Hint = "it answered "+strconv.Itoa(d.Status)+" with what is none of Vault's answers", "is this Vault's address, and is there a proxy on the way?"
		if d.Fault != "" {
			e.Text += ": " + d.Fault
		}
	case d.Status == http.StatusOK, d.Status == http.StatusNotFound && said(d) == "":
		return nil
	case d.Status == http.StatusNotFound: // "no handler for route": nothing is mounted there
		e.Hint = "is it mounted there? bao secrets list, bao auth list; vault secrets list, vault auth list"
	case d.Status == http.StatusServiceUnavailable:
		e.Text, e.Hint = "it is sealed, or not ready (503)", "somebody has to unseal it: bao status, vault status"
	case d.Status == http.StatusForbidden:
		e.Text += " permission denied"
		e.Hint = "the policy of this login has to allow reading " + path
	}
	if text := said(d); text != "" && d.Status != http.StatusForbidden {
		e.Text += ": " + text
	}
	e.Text = printable.Line(e.Text)
	return e
}

// said returns the first error of a response.
func said(d oauth.Document) string {
	for element := range d.JSON.At("errors").Elements() {
		text, _ := element.Text()
		return d.Foreign(text)
	}
	return ""
}

// field returns the field of a secret.
func (v *vault) field(d oauth.Document, path, field string) ([]byte, error) {
	missing := func(what string) ([]byte, error) {
		return nil, &protocol.Error{Kind: protocol.ErrNoSecret, Text: printable.Line(path + what), Hint: printable.Line("put it there: bao kv put, vault kv put")}
	}
	content := d.JSON.At("data", "data")
	if content.Kind() != strictjson.Object {
		if d.JSON.At("data", "metadata", "deletion_time").Kind() == strictjson.String {
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
