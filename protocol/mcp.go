package protocol

import "github.com/credhelper/credhelper/protocol/strictjson"

// The headersHelper of an MCP server entry (Claude Code; other clients copy the name):
// a command whose stdout is a JSON object of headers, with names and values.
//
//	env     CLAUDE_CODE_MCP_SERVER_URL: the server that the headers will go to
//	stdout  {"Authorization":"Bearer ..."}
//
// An entry may come with a foreign repository, so the URL decides and a profile in the
// arguments only narrows (O14). If a client sets no such variable, the arguments name
// the URL or the profile.
//
// On failure stdout is empty and the exit code is not 0; the client then connects
// without the header. It runs the command once per connection and stores nothing.

var mcp = Dialect{
	Name:   "mcp",
	Link:   "credhelper-mcp",
	Title:  "headersHelper of MCP clients",
	Front:  true,
	Decode: decodeMCP,
	Encode: encodeMCP,
	Refuse: ownRefusal,
}

func decodeMCP(call Call) (Request, error) {
	r, rest, err := commonFlags(call)
	if err != nil {
		return r, err
	}
	server := call.Env("CLAUDE_CODE_MCP_SERVER_URL")
	if server == "" || len(rest) > 0 {
		if err := nameOrURL(&r, rest); err != nil {
			return r, err
		}
	}
	if server == "" {
		return r, nil
	}
	if r.Address != "" && r.Address != server {
		return r, Malformed("the URL in the arguments is not that of the server")
	}
	err = setURL(&r, server)
	return r, err
}

func encodeMCP(_ Request, c Credential) ([]byte, error) {
	if err := check(c); err != nil {
		return nil, err
	}
	b := make([]byte, 0, 64+c.Secret.Len())
	b = strictjson.AppendString(append(b, '{'), headerName(c))
	b = strictjson.AppendString(append(b, ':'), headerValue(c))
	return bounded(append(b, "}\n"...))
}
