package protocol

import (
	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/strictjson"
)

// The credentials helper protocol of Terraform and OpenTofu (internals/
// credentials-helpers; hashicorp/terraform-svchost auth/helper_program.go).
//
//	argv    the args of credentials_helper, then get, store or forget, then the host
//	        in punycode, with its port unless that is 443
//	stdin   store: a JSON object; else nothing
//	stdout  get: {"token":"..."}, or {} if there is none
//
// Both tools hide a failure: they log its text at level WARN (TF_LOG=warn) and continue
// without a token, into a misleading 401. `credhelper log` has it too.
//
// They ask once per host and process and do not learn when the token expires, so a long
// apply needs --min-ttl in the args.

var terraform = Dialect{
	Name:   "terraform",
	Words:  []string{"tofu", "opentofu"},
	Link:   "terraform-credentials-credhelper",
	Title:  "Terraform and OpenTofu credentials helper",
	Front:  true,
	Stdin:  stdinTerraform,
	Decode: decodeTerraform,
	Encode: encodeTerraform,
	Refuse: refuseTerraform,
}

// stdinTerraform reads the input of store, so that its writer does not fail.
func stdinTerraform(args []string) Stdin {
	if operation(args) == "store" {
		return Stdin{Drain, 64 << 10}
	}
	return Stdin{}
}

func decodeTerraform(call Call) (Request, error) {
	r, rest, err := commonFlags(call)
	if err != nil {
		return r, err
	}
	if len(rest) != 2 {
		return r, Malformed("usage: get, store or forget, and one host")
	}
	switch rest[0] {
	case "get":
	case "forget":
		// It names no token: that of the process that was given one was refused, and
		// terraform logout, which was given none, drops whichever is cached.
		r.Verb = Forget
	case "store":
		return r, Policy("read-only: tokens come from the profile; nothing was stored")
	default:
		return r, Malformed("unknown operation " + printable.Value(rest[0]))
	}
	u, reason := origin.FromFields("https", rest[1], "")
	if reason != origin.Release {
		return r, Policy("no token for this host: " + reason.String())
	}
	r.URL, r.Asker = u, rest[1]
	return r, nil
}

func encodeTerraform(r Request, c Credential) ([]byte, error) {
	if r.Verb != Get {
		return nil, nil
	}
	if err := bearerOnly(c, "terraform"); err != nil {
		return nil, err
	}
	b := make([]byte, 0, 16+c.Secret.Len())
	b = strictjson.AppendString(append(b, `{"token":`...), c.Secret.Reveal())
	return bounded(append(b, "}\n"...))
}

func refuseTerraform(r Request, err error) Reply {
	switch {
	case notOurs(err) && r.Verb == Forget:
		return Reply{Quiet: true}
	case notOurs(err):
		return Reply{Stdout: []byte("{}\n"), Quiet: true}
	}
	return Reply{Exit: 1}
}
