package protocol

import (
	"strings"

	"github.com/credhelper/credhelper/protocol/origin"
)

// destinations lists the variables with which a tool names the destination of the
// answer. No tool sets them for another purpose.
var destinations = [...]string{"CLAUDE_CODE_MCP_SERVER_URL", cargoIndexURL}

// Read decodes a call. If the environment names a destination, the token must be for
// it, in every dialect: a configuration that names a profile may come with a foreign
// repository, and so may the address beside it (O14).
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
		return Policy(name + ": " + reason.String())
	case r.URL != (origin.URL{}) && r.URL.String() != u.String():
		return Policy("the token is asked for " + r.URL.String() + ", but " + name + " says that it goes to " + u.String())
	}
	r.URL = u
	return nil
}
