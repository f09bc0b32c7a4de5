package protocol

import (
	"strings"

	"github.com/credhelper/credhelper/protocol/origin"
)

// cargo's built-in provider cargo:token-from-stdout, for those who write a command
// into the configuration rather than a provider's path (cargo's book, registry
// authentication).
//
//	argv    what the configuration says
//	env     CARGO_REGISTRY_INDEX_URL=sparse+https://crates.example.com/index/
//	stdout  one line, the whole value of Authorization
//
// It gets tokens and no more: no expiry, no logout. A failure ends cargo's command,
// also for a registry that is not ours; the provider proper lets cargo go on.

// cargoIndexURL is the variable that cargo sets for this command alone.
const cargoIndexURL = "CARGO_REGISTRY_INDEX_URL"

// cargoLine is the shape of the answer: the value and a line end.
const cargoLine = "line"

// cargoFromStdout is cargo where it only left its variable. See Choose.
var cargoFromStdout = Dialect{
	Name:   "cargo",
	Title:  "cargo:token-from-stdout",
	Front:  true,
	Decode: decodeCargoFromStdout,
	Encode: encodeCargoFromStdout,
	Refuse: ownRefusal,
}

func decodeCargoFromStdout(call Call) (Request, error) {
	r, rest, err := commonFlags(call)
	if err != nil {
		return r, err
	}
	if len(rest) > 0 {
		return r, malformed("cargo says the registry in " + cargoIndexURL + "; no argument is needed")
	}
	address := strings.TrimPrefix(call.Env(cargoIndexURL), "sparse+")
	u, reason := origin.ParseURL(address)
	if reason != origin.Release {
		return r, policy(cargoIndexURL + ": " + reason.String())
	}
	r.URL, r.Address, r.Shape = u, address, cargoLine
	return r, nil
}

func encodeCargoFromStdout(_ Request, c Credential) ([]byte, error) {
	if err := authorizationOnly(c, "cargo"); err != nil {
		return nil, err
	}
	return bounded([]byte(headerValue(c) + "\n"))
}
