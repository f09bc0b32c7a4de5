package connector

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/connector/wire"
	"github.com/credhelper/credhelper/protocol/secret"
)

// FuzzMessages reads octets as each message: what is accepted keeps the promises
// of the package, whatever the other end is.
func FuzzMessages(f *testing.F) {
	for _, m := range []proto.Message{
		&wire.Request{Url: "https://api.example.com/x", Profile: "jama", MinTtl: 5, Timeout: 3},
		&wire.Credential{Scheme: "Bearer", Token: "t0k", Expires: 1},
		&wire.Failure{Kind: wire.Kind_LOGIN, Text: "sign in", Hint: "credhelper login jama"},
	} {
		octets, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(octets)
	}
	f.Fuzz(func(t *testing.T, octets []byte) {
		var q wire.Request
		if proto.Unmarshal(octets, &q) == nil {
			if r, err := request(protocol.Get, &q); err == nil && (r.Timeout > 8 || r.Timeout < 0 || r.MinTTL < 0 || r.Profile != "" && !protocol.ValidProfile(r.Profile)) {
				t.Errorf("%+v", r)
			}
		}
		var m wire.Credential
		if proto.Unmarshal(octets, &m) == nil {
			if c, err := credential(&m); err == nil && (!secret.ValidToken(c.Secret.Reveal(), c.Wide) || c.Expires <= 0 || line(c.Header) != c.Header) {
				t.Error("a credential that no tool may get")
			}
		}
		var bad wire.Failure
		if proto.Unmarshal(octets, &bad) == nil {
			if err := errorOf(&bad); err == nil || line(err.Error()) != err.Error() {
				t.Errorf("%q", err)
			}
		}
	})
}
