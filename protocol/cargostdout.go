package protocol

import (
	"strings"

	"github.com/credhelper/credhelper/protocol/origin"
)

// cargo's built-in provider cargo:token-from-stdout, for a configuration that names a
// command rather than a provider's path (cargo's book, registry authentication).
//
//	argv    as configured
//	env     CARGO_REGISTRY_INDEX_URL=sparse+https://crates.example.com/index/
//	stdout  one line, the complete value of Authorization
//
// It only fetches tokens: it has no expiry and no logout. A failure stops cargo's
// command, even for a foreign registry; a real provider lets cargo go on.

// cargoIndexURL is a variable that cargo sets only for this command.
const cargoIndexURL = "CARGO_REGISTRY_INDEX_URL"

// cargoLine is the shape of an answer that is the bare value and a line break.
const cargoLine = "line"

// cargoFromStdout is cargo in a call that only its variable identifies. See Choose.
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
		return r, Malformed("cargo says the registry in " + cargoIndexURL + "; no argument is needed")
	}
	address := strings.TrimPrefix(call.Env(cargoIndexURL), "sparse+")
	u, reason := origin.ParseURL(address)
	if reason != origin.Release {
		return r, Policy(cargoIndexURL + ": " + reason.String())
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
