package protocol

import (
	"strings"

	"github.com/credhelper/credhelper/protocol/origin"
)

// destinations are variables by which a tool tells its helper where the answer will go.
// No tool sets one for anything else.
var destinations = [...]string{"CLAUDE_CODE_MCP_SERVER_URL", cargoIndexURL}

// Read decodes a call. Where a tool left a destination in the environment, the token must
// be for that place, whatever dialect the tool was told to call: a configuration that
// names a profile may have come with somebody's repository, and so the address beside it
// (O14).
func (d *Dialect) Read(call Call) (Request, error) {
	r, err := d.Decode(call)
	if err != nil || r.Verb != Get || call.Env == nil {
		return r, err
	}
	for _, name := range destinations {
		if address := call.Env(name); address != "" && err == nil {
			err = r.narrowTo(name, address)
		}
	}
	return r, err
}

func (r *Request) narrowTo(name, address string) error {
	u, reason := origin.ParseURL(strings.TrimPrefix(address, "sparse+"))
	switch {
	case reason != origin.Release:
		return policy(name + ": " + reason.String())
	case r.URL != (origin.URL{}) && r.URL.String() != u.String():
		return policy("the token is asked for " + r.URL.String() + ", but " + name + " says that it goes to " + u.String())
	}
	r.URL = u
	return nil
}
