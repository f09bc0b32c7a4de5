package connector

import (
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/connector/wire"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// FuzzMessages reads bytes as each message: what is accepted keeps the promises
// of the package, whatever the other end is.
func FuzzMessages(f *testing.F) {
	for _, m := range []proto.Message{
		&wire.Request{Url: "https://api.example.com/x", Profile: "jama", MinTtl: 5, Timeout: 3},
		&wire.Credential{Scheme: "Bearer", Token: "t0k", Expires: 1, RefreshOn: []int32{403, 404}},
		&wire.Failure{Kind: wire.Kind_LOGIN, Text: "sign in", Hint: "credhelper login jama"},
	} {
		bytes, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(bytes)
	}
	f.Fuzz(func(t *testing.T, bytes []byte) {
		var q wire.Request
		if proto.Unmarshal(bytes, &q) == nil {
			if r, err := request(protocol.Get, &q); err == nil && (r.Timeout > 8 || r.Timeout < 0 || r.MinTTL < 0 || r.Profile != "" && !protocol.ValidProfile(r.Profile)) {
				t.Errorf("%+v", r)
			}
		}
		var m wire.Credential
		if proto.Unmarshal(bytes, &m) == nil {
			if c, err := credential(&m); err == nil && (!secret.ValidToken(c.Secret.Reveal(), c.Wide) || c.Expires <= 0 || printable.Line(c.Header) != c.Header || len(c.RefreshOn) > maxStatuses) {
				t.Error("a credential that no tool may get")
			}
		}
		var bad wire.Failure
		if proto.Unmarshal(bytes, &bad) == nil {
			e, err := new(protocol.Error), errorOf(&bad)
			if err == nil || printable.Line(err.Error()) != err.Error() || errors.As(err, &e) && (e.RetryAfter < 0 || e.RetryAfter > longestWait) {
				t.Errorf("%q", err)
			}
		}
	})
}

// TestUnknownFields: what a newer end adds, the other one ignores: fields, and
// kinds of failure, which are failures without a sentinel.
func TestUnknownFields(t *testing.T) {
	const newer = "\x9a\x06\x05later" // field 99, five bytes
	bytes, err := proto.Marshal(&wire.Request{Profile: "jama"})
	var q wire.Request
	if err = errors.Join(err, proto.Unmarshal(append(bytes, newer...), &q)); err != nil {
		t.Fatal(err)
	}
	if r, err := request(protocol.Get, &q); err != nil || r.Profile != "jama" {
		t.Errorf("a request: %+v, %v", r, err)
	}
	bytes, err = proto.Marshal(&wire.Credential{Scheme: "Bearer", Token: "t0k", Expires: 1})
	var m wire.Credential
	if err = errors.Join(err, proto.Unmarshal(append(bytes, newer...), &m)); err != nil {
		t.Fatal(err)
	}
	if c, err := credential(&m); err != nil || c.Secret.Reveal() != "t0k" {
		t.Errorf("a credential: %v", err)
	}
	failed := errorOf(&wire.Failure{Kind: 77, Text: "of another kind"})
	if protocol.ExitCode(failed) != 1 || failed.Error() != "credhelper: of another kind" {
		t.Errorf("a failure: %v", failed)
	}
	if _, err := credential((&wire.GetReply{}).GetCredential()); !errors.Is(err, protocol.ErrPolicy) {
		t.Errorf("an answer of another shape: %v", err)
	}
}
